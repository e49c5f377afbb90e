/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EVICTION_H
#define EVICTION_H

/* The domain that a revert replaces goes, and nobody has the images any more that are written to next. */

#include "errors.h"

struct reversion;
struct work;

/* Until nobody can write to the disks that the new domain is to have, or to the snapshot's.  ERR_BUSY names who can and
 * has done nothing for ten minutes. */
int eviction_wait(const struct reversion *reversion, struct err *err);
/* Destroys the domain of REVERSION's reach, which may be half of a new one, or going already; then the same. */
int eviction_of_domain(struct work *work, struct reversion *reversion, struct err *err);

#endif
