/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PROTECT_H
#define PROTECT_H

/* What a snapshot needs is made immutable, so that nobody writes to it by mistake: a VM that is started with an old
 * xl.cfg above all.  Whose flag it is stands in the ledger, "ours" before it is set and until it is durably gone; one
 * that was there before is the administrator's, and stays.  Images that are not in the ledger are let alone. */

#include "errors.h"

struct store;
struct work;

/* Derives which images have to be immutable (images_guard() in images_next.h), and has those be it and no others: from
 * what there is now, whatever has happened before.  Sets no flag on what anything can write to.  What could not be done
 * is logged; that is never a failure. */
void images_protect(struct work *work);

/* Before the image is written to, or its header is, or it is unlinked: our flag is taken off, and images_protect() sees
 * to what becomes of that.  ERR_BUSY: it is immutable, and not by us. */
int protect_lift(struct store *store, const char *vm, const char *path, struct err *err);

#endif
