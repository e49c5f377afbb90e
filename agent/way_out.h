/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WAY_OUT_H
#define WAY_OUT_H

/* Behind the reason of a refusal the command that ends it, with the VM's UUID, which is never ambiguous.  Where there
 * is not room for both the reason is cut. */

#include <stdbool.h>

#include "errors.h"

struct image;

/* "...; if that is right: xensnap accept VM" */
void way_out_accept(struct err *why, const char *vm, const char *when);
/* Because of that image, or of what is to be known of it: release, of the snapshot where it is the content of one;
 * accept where a disk of the VM is in it. */
void way_out_of_image(struct err *why, const char *vm, const struct image *image, bool in_use);

#endif
