/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "names.h"
#include "pairs.h"

struct item {
    char *key, *value;
};

struct xensnap_map {
    size_t count;
    struct item *items;
};

struct xensnap_map *xensnap_map_new(void)
{
    return calloc(1, sizeof(struct xensnap_map));
}

void xensnap_map_free(struct xensnap_map *map)
{
    for (size_t i = 0; map && i < map->count; i++) {
        free(map->items[i].key);
        free(map->items[i].value);
    }
    if (map)
        free(map->items);
    free(map);
}

void xensnap_maps_free(struct xensnap_map **maps)
{
    for (size_t i = 0; maps && maps[i]; i++)
        xensnap_map_free(maps[i]);
    free(maps);
}

static struct item *find(const struct xensnap_map *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key, key) == 0)
            return &map->items[i];
    return NULL;
}

static void drop(struct xensnap_map *map, struct item *item)
{
    free(item->key);
    free(item->value);
    *item = map->items[--map->count];
}

static int add(struct xensnap_map *map, const char *key, char *value)
{
    struct item *items = realloc(map->items, (map->count + 1) * sizeof *items);
    char *own = items ? strdup(key) : NULL;

    if (items)
        map->items = items;
    if (!own)
        return -1;
    items[map->count++] = (struct item){ own, value };
    return 0;
}

int xensnap_map_set(struct xensnap_map *map, const char *key, const char *value)
{
    struct item *item = find(map, key);
    char *own = value ? strdup(value) : NULL;

    if (value && !own)
        return -1;
    if (!value && item)
        drop(map, item);
    if (!value)
        return 0;
    if (item) {
        free(item->value);
        item->value = own;
        return 0;
    }
    if (add(map, key, own) == 0)
        return 0;
    free(own);
    return -1;
}

const char *xensnap_map_get(const struct xensnap_map *map, const char *key)
{
    const struct item *item = find(map, key);

    return item ? item->value : NULL;
}

long long xensnap_map_number(const struct xensnap_map *map, const char *key, long long otherwise)
{
    const char *value = xensnap_map_get(map, key);
    long long number;
    char *end;

    if (!value || !*value || *value == ' ')
        return otherwise;
    errno = 0;
    number = strtoll(value, &end, 10);
    return errno || *end ? otherwise : number;
}

const char *xensnap_map_key(const struct xensnap_map *map, size_t index)
{
    return index < map->count ? map->items[index].key : NULL;
}

/* ---- from inside --------------------------------------------------------------------------------------- */

struct xensnap_map *map_of_pairs(const struct pairs *pairs)
{
    struct xensnap_map *map = xensnap_map_new();

    for (size_t i = 0; map && i < pairs->count; i++)
        if (xensnap_map_set(map, pairs->item[i].key, pairs->item[i].value) < 0) {
            xensnap_map_free(map);
            return NULL;
        }
    return map;
}

int map_to_pairs(const struct xensnap_map *map, struct pairs *pairs, struct err *err)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct item *item = &map->items[i];

        if (strcmp(item->key, "id") == 0)
            continue;
        if (strlen(item->key) >= PAIR_KEY_SIZE)
            return err_set(err, ERR_INVALID, "unknown key %s", name_valid(item->key) ? item->key : "(unprintable)");
        if (strlen(item->value) >= PAIR_VALUE_SIZE)
            return err_set(err, ERR_INVALID, "the value of %s is longer than %d bytes", item->key,
                           PAIR_VALUE_SIZE - 1);
        if (pairs->count == PAIRS_MAX)
            return err_set(err, ERR_INVALID, "there are more than %d keys", PAIRS_MAX);
        pairs_add(pairs, item->key, "%s", item->value);
    }
    return 0;
}

bool map_equal(const struct xensnap_map *a, const struct xensnap_map *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct item *other = find(b, a->items[i].key);

        if (!other || strcmp(other->value, a->items[i].value) != 0)
            return false;
    }
    return a->count == b->count;
}
