/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MAP_H
#define MAP_H

/* The maps of libxensnap from inside: to and from pairs, which are of fixed size. */

#include <stdbool.h>

#include "xensnap.h"

struct err;
struct pairs;

/* NULL where memory is short. */
struct xensnap_map *map_of_pairs(const struct pairs *pairs);
/* All but "id", refusing what is too long or too many for a request. */
int map_to_pairs(const struct xensnap_map *map, struct pairs *pairs, struct err *err);
bool map_equal(const struct xensnap_map *a, const struct xensnap_map *b);

#endif
