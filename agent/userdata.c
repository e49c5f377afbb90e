/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "userdata.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"
#include "files.h"

enum { RETRY_MS = 20 };

static const char lock_name[] = "domain-userdata-lock", config_name[] = "libxl-json";

/* KIND: d, what is kept; n, the same while it is being written; l, a lock. */
static void make_path(char path[PATH_SIZE], const struct userdata *userdata, char kind, const char *name)
{
    snprintf(path, PATH_SIZE, "%s/userdata-%c.%u.%s.%s", userdata->dir, kind, userdata->domid, userdata->uuid, name);
}

/* Who unlocks it removes it first: what was locked may be nobody's lock any more.  -1 and EWOULDBLOCK: held, or
 * gone. */
static int try_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat held, there;

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
        held.st_dev == there.st_dev && held.st_ino == there.st_ino)
        return fd;
    close(fd);
    errno = EWOULDBLOCK;
    return -1;
}

/* flock() itself has no deadline, and nothing tells when such a lock is given up. */
int userdata_lock(const struct userdata *userdata, int seconds, struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;
    char path[PATH_SIZE];
    int fd;

    make_path(path, userdata, 'l', lock_name);
    while ((fd = try_lock(path)) < 0 && errno == EWOULDBLOCK && clock_ms() < deadline)
        poll(NULL, 0, RETRY_MS);
    if (fd >= 0)
        return fd;
    if (errno != EWOULDBLOCK)
        return err_errno(err, "cannot lock the domain's configuration");
    return err_set(err, ERR_BUSY, "another program changes the domain's configuration and does not end (%s)", path);
}

void userdata_unlock(const struct userdata *userdata, int lock)
{
    char path[PATH_SIZE];

    make_path(path, userdata, 'l', lock_name);
    unlink(path);
    close(lock);
}

char *userdata_read(const struct userdata *userdata)
{
    char path[PATH_SIZE];

    make_path(path, userdata, 'd', config_name);
    return file_read(AT_FDCWD, path);
}

/* With its NUL, which libxl counts on. */
int userdata_write(const struct userdata *userdata, const char *json, struct err *err)
{
    _cleanup_(closep) int fd = -1;
    char path[PATH_SIZE], new[PATH_SIZE];
    size_t size = strlen(json) + 1;

    make_path(path, userdata, 'd', config_name);
    make_path(new, userdata, 'n', config_name);
    fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && write(fd, json, size) == (ssize_t)size && rename(new, path) == 0)
        return 0;
    err_errno(err, "cannot write the domain's new configuration");
    unlink(new);
    return -1;
}
