/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TABLE_H
#define TABLE_H

/* Columns that are as wide as what stands in them.  Running out of memory ends the process. */

#include <stddef.h>

struct table;

struct table *table_new(size_t columns);
struct table *table_free(struct table *table);

/* The next cell, row after row. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To stdout. */
void table_print(const struct table *table);

static inline void table_freep(struct table **table)
{
    table_free(*table);
}

#endif
