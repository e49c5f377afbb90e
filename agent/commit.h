/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef COMMIT_H
#define COMMIT_H

/* What an image holds that nobody has open goes into the one that it stands on. */

#include "errors.h"

struct link;
struct reach;
struct work;

/* Durable when it returns, and all of it is there; UPPER is left as it is.  ERR_BUSY where somebody has started the VM
 * meanwhile, though it has ended again: what it has written is in UPPER alone.  Nobody stands on LOWER then but UPPER,
 * and all of this can be done again. */
int commit_stopped(struct work *work, const struct reach *reach, const struct link *upper, const struct link *lower,
                   struct err *err);

#endif
