/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "errors.h"

enum { MOUNTINFO_MAX = 4 << 20 };

static char *read_mountinfo(struct err *err)
{
    _cleanup_(closep) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : calloc(1, MOUNTINFO_MAX + 1);
    size_t used = 0;
    ssize_t n;

    while (text && used < MOUNTINFO_MAX && (n = read(fd, text + used, MOUNTINFO_MAX - used)) > 0)
        used += (size_t)n;
    if (!text)
        err_errno(err, "cannot read /proc/self/mountinfo");
    return text;
}

/* Opens the file system if this mount of it is not hidden below another.  (A subvolume of btrfs has numbers of its
 * own, which are not those of the mount.) */
static int open_mount(const struct mount *mount)
{
    int fd = open(mount->point, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && (mount->major == 0 || st.st_dev == makedev(mount->major, mount->minor)))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool is_same(const struct mount *a, const struct mount *b)
{
    return a->major == b->major && a->minor == b->minor;
}

/* Its place is that of its first mount, whichever of its mounts can be opened: what was mounted out of a file in it
 * came later. */
static int open_file_system(struct freezer *freezer, const struct mounts *mounts, size_t first, struct err *err)
{
    const struct mount *mount = &mounts->item[first];
    int fd = -1;

    for (size_t i = 0; i < first; i++)
        if (is_same(&mounts->item[i], mount))
            return 0;
    for (size_t i = first; fd < 0 && i < mounts->count; i++)
        if (is_same(&mounts->item[i], mount))
            fd = open_mount(&mounts->item[i]);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot reach the file system on %u:%u, mounted at %.80s", mount->major,
                       mount->minor, mount->point);
    freezer->fds[freezer->count++] = fd;
    return 0;
}

int freezer_open(struct freezer *freezer, struct err *err)
{
    _cleanup_(freep) struct mounts *mounts = malloc(sizeof *mounts);
    _cleanup_(freep) char *text = read_mountinfo(err);

    freezer->count = freezer->from = freezer->frozen = 0;
    if (!text)
        return -1;
    if (!mounts)
        return err_set(err, ERR_IO, "out of memory");
    if (!mounts_parse(mounts, text))
        return err_set(err, ERR_IO, "there are more than %d mounts of file systems on disks", MOUNTS_MAX);
    for (size_t i = 0; i < mounts->count; i++)
        if (open_file_system(freezer, mounts, i, err) < 0)
            return -1;
    freezer->from = freezer->count;
    return 0;
}

/* From the moment at which it may be frozen it is known to be one that is to be thawed. */
static int freeze_one(struct freezer *freezer, size_t i, struct err *err)
{
    freezer->from = i;
    if (ioctl(freezer->fds[i], FIFREEZE, 0) == 0) {
        freezer->frozen++;
        return 0;
    }
    if (errno == EOPNOTSUPP || errno == ENOTTY) {
        close(freezer->fds[i]);
        freezer->fds[i] = -1;
        return 0;
    }
    freezer->from = i + 1;
    return errno == EBUSY ? err_set(err, ERR_BUSY, "a file system is frozen already")
                          : err_errno(err, "cannot freeze a file system");
}

/* What there is to write is written before the first stands still, for the others to follow fast. */
int freezer_freeze(struct freezer *freezer, long long deadline, struct err *err)
{
    for (size_t i = 0; i < freezer->count; i++)
        syncfs(freezer->fds[i]);
    for (size_t i = freezer->count; i-- > 0;) {
        if (clock_ms() >= deadline)
            return err_set(err, ERR_GUEST_TIMEOUT, "freezing the file systems takes too long");
        if (freeze_one(freezer, i, err) < 0)
            return -1;
    }
    return 0;
}

void freezer_thaw(const struct freezer *freezer)
{
    for (size_t i = freezer->from; i < freezer->count; i++)
        if (freezer->fds[i] >= 0)
            ioctl(freezer->fds[i], FITHAW, 0); /* EINVAL: it is not frozen */
}

void freezer_close(struct freezer *freezer)
{
    while (freezer->count > 0)
        closep(&freezer->fds[--freezer->count]);
    freezer->from = freezer->frozen = 0;
}
