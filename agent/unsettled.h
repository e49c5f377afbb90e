/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNSETTLED_H
#define UNSETTLED_H

/* VMs on which an operation has left something that could not be put right, a guest that stands still above all:
 * when each is to be tried again.  The pauses grow.  Pure: times are the caller's, in milliseconds on the monotonic
 * clock. */

#include <stdbool.h>

#include "names.h"

enum { UNSETTLED_FIRST_MS = 1000, UNSETTLED_LONGEST_MS = 300000 };

struct unsettled {
    struct unsettled_vm *vms;
};

/* It could not be put right until NOW: the pause to the next try in milliseconds, twice the one before; -1 where
 * memory is out, and nobody tries again by himself. */
long long unsettled_note(struct unsettled *unsettled, const char *vm, long long now);
/* Nothing is left, or nothing that could be put right without a person. */
void unsettled_forget(struct unsettled *unsettled, const char *vm);
/* When the first of them is due; 0: none is. */
long long unsettled_next(const struct unsettled *unsettled);
/* One that is due at NOW: true, and it is not due again until it is noted. */
bool unsettled_take(struct unsettled *unsettled, long long now, char vm[UUID_LENGTH + 1]);
void unsettled_deinit(struct unsettled *unsettled);

#endif
