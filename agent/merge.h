/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MERGE_H
#define MERGE_H

/* Giving back the images of a VM that were given up: does what images_next() says, again and again.  Everything that
 * it does can be done again after it was broken off at any point, and the domain's disk is whole all the time. */

#include <stdbool.h>

#include "errors.h"

struct work;

enum merge_way {
    MERGE_NOTHING,   /* only removes what nothing stands on */
    MERGE_STOPPABLE, /* a cancel ends it half-way; what is left is merged another time */
    MERGE_ALL,
};

/* Until there is nothing left to do.  1: nothing was done, for not all is known; ERR says what. */
int merge_unneeded(struct work *work, enum merge_way way, struct err *err);

#endif
