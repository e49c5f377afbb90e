/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TREE_H
#define TREE_H

/* Which snapshot descends from which, line by line.  An only child stands right below its parent, so that a long
 * history does not run out of the screen; where there are several they branch off.  Running out of memory ends the
 * process. */

#include <stddef.h>

#include "xensnap.h"

struct tree_row {
    char *branch;              /* what stands before the name: "|   `-- " */
    const struct xensnap_map *entry; /* NULL: what the domain holds now */
};

struct tree {
    struct tree_row *rows;
    size_t count;
};

/* Of ROOT, which is one of ENTRIES, and what descends from it, or of all ENTRIES where it is NULL.  ENTRIES ends with
 * NULL and outlives the tree. */
struct tree *tree_new(struct xensnap_map *const *entries, const struct xensnap_map *root);
struct tree *tree_free(struct tree *tree);

#endif
