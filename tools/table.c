/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

struct table {
    size_t columns, count;
    char **cells;
    int width[];
};

struct table *table_new(size_t columns)
{
    struct table *table = calloc(1, sizeof *table + columns * sizeof *table->width);

    if (!table)
        abort();
    table->columns = columns;
    return table;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
    return NULL;
}

void table_add(struct table *table, const char *format, ...)
{
    char **cells = realloc(table->cells, (table->count + 1) * sizeof *cells);
    int *width = &table->width[table->count % table->columns];
    va_list args;
    int own;

    if (!cells)
        abort();
    table->cells = cells;
    va_start(args, format);
    if (vasprintf(&cells[table->count], format, args) < 0)
        abort();
    va_end(args);
    own = text_width(cells[table->count++]);
    if (own > *width)
        *width = own;
}

/* How many cells of the row have to be printed: what is empty at its end would only be blanks. */
static size_t used(const struct table *table, size_t row)
{
    size_t cells = table->columns;

    while (cells > 1 && !*table->cells[row + cells - 1])
        cells--;
    return cells;
}

void table_print(const struct table *table)
{
    for (size_t row = 0; row + table->columns <= table->count; row += table->columns) {
        size_t cells = used(table, row);

        for (size_t i = 0; i < cells; i++) {
            text_put(stdout, table->cells[row + i], i + 1 < cells ? table->width[i] : 0);
            fputs(i + 1 < cells ? "  " : "\n", stdout);
        }
    }
}
