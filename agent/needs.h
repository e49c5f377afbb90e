/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NEEDS_H
#define NEEDS_H

/* What a revert needs to succeed, looked for while the domain that it replaces is still there.  What is missing then
 * refuses the revert, with a sentence that names it and the way out; what cannot be known is a warning. */

#include "errors.h"

struct reversion;
struct work;

/* The files, bridges, scripts and the CPU pool that the snapshot's configuration refers to, its name, and the images of
 * disks that are not the snapshot's.  ERR_UNSUPPORTED, ERR_EXISTS. */
int needs_check(struct work *work, const struct reversion *reversion, struct err *err);
/* When the new images are made, and CONFIG names them: every image that the new domain will open is there, opens with
 * all that it stands on, is written to by nobody else, and has room for what will be kept inside it.  ERR_CORRUPT,
 * ERR_BUSY, ERR_NO_SPACE. */
int needs_check_images(struct work *work, const struct reversion *reversion, struct err *err);

#endif
