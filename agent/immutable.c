/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "immutable.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

static int open_image(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && fstat(fd, st) < 0)
        closep(&fd);
    return fd;
}

static enum immutable of_device(int fd)
{
    int read_only;

    if (ioctl(fd, BLKROGET, &read_only) < 0)
        return IMMUTABLE_UNKNOWN;
    return read_only ? IMMUTABLE_YES : IMMUTABLE_NO;
}

static bool is_absent(int error)
{
    return error == ENOTTY || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS;
}

/* The ioctl's number says long, and it reads and writes an int. */
enum immutable immutable_look(const char *path)
{
    struct stat st;
    _cleanup_(closep) int fd = open_image(path, &st);
    int flags = 0;

    if (fd < 0)
        return IMMUTABLE_UNKNOWN;
    if (S_ISBLK(st.st_mode))
        return of_device(fd);
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return is_absent(errno) ? IMMUTABLE_NEVER : IMMUTABLE_UNKNOWN;
    return flags & FS_IMMUTABLE_FL ? IMMUTABLE_YES : IMMUTABLE_NO;
}

static int change(const char *path, bool on)
{
    struct stat st;
    _cleanup_(closep) int fd = open_image(path, &st);
    int read_only = on, flags = 0;

    if (fd < 0)
        return -1;
    if (S_ISBLK(st.st_mode))
        return ioctl(fd, BLKROSET, &read_only);
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return -1;
    flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 || (!on && fsync(fd) < 0) ? -1 : 0;
}

int immutable_set(const char *path)
{
    return change(path, true);
}

/* Else a power cut could bring the flag back after it was written down that we have none there. */
int immutable_clear(const char *path)
{
    return change(path, false);
}
