/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TREE_H
#define TREE_H

/* Which snapshot descends from which, line by line.  An only child stands right below its parent, so that a long
 * history does not run out of the screen; where there are several they branch off.  Running out of memory ends the
 * process. */

#include <stddef.h>

#include "entry.h"

struct tree_row {
    char *branch;              /* what stands before the name: "|   `-- " */
    const struct entry *entry; /* NULL: what the domain holds now */
};

struct tree {
    struct tree_row *rows;
    size_t count;
};

/* Of ROOT and what descends from it, or of all ENTRIES where it is NULL. */
struct tree *tree_new(const struct entry *entries, size_t count, const struct entry *root);
struct tree *tree_free(struct tree *tree);

#endif
