/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMMUTABLE_H
#define IMMUTABLE_H

/* The flag that has the kernel refuse every writer, root too: FS_IMMUTABLE_FL of a file (chattr +i), read-only of a
 * block device (blockdev --setro).  Which file systems have it is asked each time and kept nowhere. */

enum immutable {
    IMMUTABLE_NO,
    IMMUTABLE_YES,
    IMMUTABLE_NEVER,   /* there is no such flag here */
    IMMUTABLE_UNKNOWN, /* errno: it is not there, or cannot be asked */
};

enum immutable immutable_look(const char *path);
/* 0, or -1 with errno.  Who has it open for writing cannot write any more from that moment. */
int immutable_set(const char *path);
/* Durable when it returns. */
int immutable_clear(const char *path);

#endif
