/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WAY_BACK_H
#define WAY_BACK_H

/* From a snapshot's state that cannot be started back to what there was before: the steps "put-back" (the disks),
 * "disks-back" (the domain) and "was-put-back" of a revert, which never turns again. */

#include "errors.h"

struct journal_state;
struct reversion;
struct work;

/* Always -1: WHY is why the snapshot's state was not to be had, and becomes the whole story.  Sets the work's `over` or
 * `unsettled`. */
int way_back(struct work *work, struct reversion *reversion, struct err *why);
/* A worker was killed on it. */
int way_back_recover(struct work *work, struct reversion *reversion, const struct journal_state *state,
                     struct err *err);

#endif
