/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PAIRS_H
#define PAIRS_H

/* A handful of KEY = VALUE, the form in which everything stands below one xenstore node. */

#include <stddef.h>

enum { PAIRS_MAX = 48, PAIR_KEY_SIZE = 24, PAIR_VALUE_SIZE = 1024 };

struct pair {
    char key[PAIR_KEY_SIZE];
    char value[PAIR_VALUE_SIZE];
};

struct pairs {
    size_t count;
    struct pair item[PAIRS_MAX];
};

/* Adds one; a value that is too long is cut. */
void pairs_add(struct pairs *pairs, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The value, or "" where there is none. */
const char *pairs_get(const struct pairs *pairs, const char *key);

#endif
