/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pairs.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void pairs_add(struct pairs *pairs, const char *key, const char *format, ...)
{
    struct pair *pair = &pairs->item[pairs->count++];
    va_list args;

    assert(pairs->count <= PAIRS_MAX && strlen(key) < PAIR_KEY_SIZE);
    snprintf(pair->key, sizeof pair->key, "%s", key);
    va_start(args, format);
    vsnprintf(pair->value, sizeof pair->value, format, args);
    va_end(args);
}

const char *pairs_get(const struct pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->item[i].key, key) == 0)
            return pairs->item[i].value;
    return "";
}
