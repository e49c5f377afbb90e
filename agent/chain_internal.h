/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHAIN_INTERNAL_H
#define CHAIN_INTERNAL_H

/* What chain.c, which lists the images, and chain_look.c, which reads them, have in common. */

#include "chain.h"

/* The link of that image, which is added where there is none; NULL: out of memory, or too many.  PATH, FORMAT and VDEV
 * must not lie in CHAIN, which may move; nor is a link of it good afterwards. */
struct link *chain_add(struct chain *chain, const char *path, const char *format, const char *vdev);
/* The first reason stands. */
void chain_set_unknown(struct chain *chain, const struct err *why);
/* -1 */
int chain_out_of_memory(struct err *err);

#endif
