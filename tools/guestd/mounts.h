/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MOUNTS_H
#define MOUNTS_H

/* Which mounts have a file system that can be frozen: /proc/self/mountinfo.  Pure. */

#include <stdbool.h>
#include <stddef.h>

enum { MOUNTS_MAX = 256, MOUNT_POINT_SIZE = 4096, MOUNT_TYPE_SIZE = 32 };

struct mount {
    unsigned major, minor;
    char type[MOUNT_TYPE_SIZE];
    char point[MOUNT_POINT_SIZE];
};

/* In the order in which they were mounted.  A file system may be there several times: what is on top of a mount point
 * is not known here. */
struct mounts {
    size_t count;
    struct mount item[MOUNTS_MAX];
};

/* Takes the writable file systems on block devices; lines that cannot be read are left out.  False: there are more than
 * MOUNTS_MAX, so that not all would be frozen. */
bool mounts_parse(struct mounts *mounts, const char *text);

#endif
