/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TAKEOVER_H
#define TAKEOVER_H

/* What was begun and cannot be put right is over: by accept and forget, which take its journal.  Two things of it
 * cannot be given up, whoever began it: the guest that it made stand still, and that configuration and QEMU name the
 * same images. */

#include <stddef.h>

#include "errors.h"

struct journal_state;
struct work;

enum { TAKEOVER_TEXT = 400 };

/* The journal is the way out's own from here on, and LEFT is what stood in it; it can not be cancelled any more.
 * ERR_CANCELLED where somebody has done so before, and nothing is changed then. */
int takeover_begin(struct work *work, struct journal_state *left, struct err *err);
/* The step "let-go": where the domain runs libxl's and our configuration are changed to what its QEMU writes to, and
 * who stands still because of what was LEFT goes on.  ERR_CORRUPT where it cannot be told which image a disk is in:
 * nothing is guessed, and the guest goes on all the same. */
int takeover_let_go(struct work *work, const struct journal_state *left, struct err *err);
/* What was left, and is over then: a sentence a line, "" = nothing. */
void takeover_describe(struct work *work, char *text, size_t size);

#endif
