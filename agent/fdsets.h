/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FDSETS_H
#define FDSETS_H

/* For each save of a domain libxl hands QEMU a descriptor, and leaves it there.  QEMU closed it with its last
 * client until 9.0; since then it keeps it, one for each save, for as long as the domain lives. */

#include <stdbool.h>
#include <stddef.h>

struct reach;

enum { FDSETS_MAX = 64 };

struct fdsets {
    bool known;
    long long ids[FDSETS_MAX];
    size_t count;
};

/* What QEMU has before a save. */
void fdsets_note(struct fdsets *before, const struct reach *reach);
/* Removes what has come since and has no name; libxl names what it uses on (a CD-ROM's medium).  What cannot be
 * removed is told in the log. */
void fdsets_drop_new(const struct fdsets *before, const struct reach *reach);

#endif
