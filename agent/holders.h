/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDERS_H
#define HOLDERS_H

/* Which processes have a file open: the only proof that no QEMU writes to an image, for Xen's takes no lock. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"

enum { HOLDERS_MAX = 16 };

struct holders {
    size_t count;
    struct {
        int pid, pidfd;
        char name[32];
    } item[HOLDERS_MAX];
};

/* Who has FILE open.  Adds to HOLDERS those it does not name yet; a file that is not there has none. */
int holders_find(struct holders *holders, const char *file, struct err *err);
/* The same of those that can write to it.  A backup that reads it may go on. */
int holders_find_writers(struct holders *holders, const char *file, struct err *err);
/* Only those that have a lock on it, as QEMU's programs take one: they let nobody write to it.  Xen's QEMU has none on
 * the images that it was started with. */
int holders_find_lockers(struct holders *holders, const char *file, struct err *err);
/* Whether a loop device stands on FILE, and its name; with WRITES one that can be written to. */
bool holders_find_loop(const char *file, bool writes, char name[32]);
/* Until all of them have ended, as long as they get on (life.h); ERR_BUSY names one that has done nothing for so many
 * SECONDS. */
int holders_wait(const struct holders *holders, int seconds, struct err *err);
/* The one with that INDEX is of no concern; the last one has its place. */
void holders_drop(struct holders *holders, size_t index);
void holders_deinit(struct holders *holders);

#endif
