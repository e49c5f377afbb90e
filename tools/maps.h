/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MAPS_H
#define MAPS_H

/* The library's maps as the command line uses them. */

#include <stdlib.h>
#include <string.h>

#include "xensnap.h"

static inline void map_freep(struct xensnap_map **map)
{
    xensnap_map_free(*map);
}

static inline void maps_freep(struct xensnap_map ***maps)
{
    xensnap_maps_free(*maps);
}

/* Running out of memory ends the process. */
static inline struct xensnap_map *map_new(void)
{
    struct xensnap_map *map = xensnap_map_new();

    if (!map)
        abort();
    return map;
}

/* Only where there is a value. */
static inline void map_put(struct xensnap_map *map, const char *key, const char *value)
{
    if (value && xensnap_map_set(map, key, value) < 0)
        abort();
}

/* "" where there is no such key. */
static inline const char *map_text(const struct xensnap_map *map, const char *key)
{
    const char *value = xensnap_map_get(map, key);

    return value ? value : "";
}

static inline bool map_is(const struct xensnap_map *map, const char *key, const char *value)
{
    return strcmp(map_text(map, key), value) == 0;
}

#endif
