/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SCRATCH_H
#define SCRATCH_H

/* A directory for one test, which declares it and is rid of it at the end of its scope:
 *     _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
 * Paths below it come from scratch_path(). */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "cleanup.h"

struct scratch {
    char path[64];
    int dir;
};

static inline struct scratch scratch_make(void)
{
    struct scratch scratch = { .path = "/tmp/xensnap-unit-XXXXXX", .dir = -1 };

    if (mkdtemp(scratch.path))
        scratch.dir = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch.dir < 0) {
        perror(scratch.path);
        exit(99);
    }
    return scratch;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void scratch_remove(struct scratch *scratch)
{
    close(scratch->dir);
    nftw(scratch->path, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Good until the next call. */
static inline const char *scratch_path(const struct scratch *scratch, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", scratch->path, name);
    return path;
}

static inline void scratch_write(const struct scratch *scratch, const char *name, const char *text)
{
    _cleanup_(closep) int fd = openat(scratch->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        perror(name);
        exit(99);
    }
}

static inline bool scratch_has(const struct scratch *scratch, const char *name)
{
    return faccessat(scratch->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The permission bits, or -1. */
static inline int scratch_mode(const struct scratch *scratch, const char *name)
{
    struct stat st;

    return fstatat(scratch->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : (int)(st.st_mode & 07777);
}

/* How many descriptors this process has open: a function that gave one back too few shows up here. */
static inline int scratch_descriptors(void)
{
    int open_now = 0;

    for (int fd = 0; fd < 256; fd++)
        open_now += fcntl(fd, F_GETFD) >= 0;
    return open_now;
}

#endif
