/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "maps.h"

/* What a parent has below it: numbers of entries, and HERE for what the domain holds now. */
#define HERE ((size_t)-1)

struct walk {
    struct tree *tree;
    struct xensnap_map *const *entries;
    size_t count;
    bool *seen; /* a list that is damaged must not send us round in a circle */
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static const struct xensnap_map *find(const struct walk *walk, const char *id)
{
    for (size_t i = 0; *id && i < walk->count; i++)
        if (map_is(walk->entries[i], "id", id))
            return walk->entries[i];
    return NULL;
}

static bool is_current(const struct xensnap_map *entry)
{
    return map_is(entry, "current", "1");
}

static bool any_current(const struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        if (is_current(walk->entries[i]))
            return true;
    return false;
}

/* Those whose parent is PARENT; NULL: those that have none, or one that was deleted. */
static size_t *children(const struct walk *walk, const struct xensnap_map *parent, size_t *count)
{
    size_t *list = must(malloc((walk->count + 1) * sizeof *list));

    *count = 0;
    for (size_t i = 0; i < walk->count; i++)
        if (!walk->seen[i] && find(walk, map_text(walk->entries[i], "parent")) == parent)
            list[(*count)++] = i;
    if (parent ? is_current(parent) : !any_current(walk))
        list[(*count)++] = HERE;
    return list;
}

static void add_row(struct walk *walk, const char *branch, const struct xensnap_map *entry)
{
    struct tree *tree = walk->tree;

    tree->rows = must(realloc(tree->rows, (tree->count + 1) * sizeof *tree->rows));
    tree->rows[tree->count++] = (struct tree_row){ must(strdup(branch)), entry };
}

static char *longer(const char *branch, const char *more)
{
    char *text;

    if (asprintf(&text, "%s%s", branch, more) < 0)
        abort();
    return text;
}

/* FIRST stands before the first line, REST before those below it. */
static void put(struct walk *walk, size_t number, const char *first, const char *rest);

static void put_children(struct walk *walk, const size_t *list, size_t count, const char *rest)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_(freep) char *first = longer(rest, i + 1 < count ? "|-- " : "`-- ");
        _cleanup_(freep) char *below = longer(rest, i + 1 < count ? "|   " : "    ");

        put(walk, list[i], first, below);
    }
}

static void put(struct walk *walk, size_t number, const char *first, const char *rest)
{
    while (number == HERE || !walk->seen[number]) {
        _cleanup_(freep) size_t *list = NULL;
        size_t count;

        add_row(walk, first, number == HERE ? NULL : walk->entries[number]);
        if (number == HERE)
            return;
        walk->seen[number] = true;
        list = children(walk, walk->entries[number], &count);
        if (count != 1) {
            put_children(walk, list, count, rest);
            return;
        }
        number = list[0];
        first = rest;
    }
}

static size_t number_of(const struct walk *walk, const struct xensnap_map *entry)
{
    size_t number = 0;

    while (walk->entries[number] != entry)
        number++;
    return number;
}

struct tree *tree_new(struct xensnap_map *const *entries, const struct xensnap_map *root)
{
    struct walk walk = { .entries = entries };
    _cleanup_(freep) size_t *roots = NULL;
    size_t found;

    while (entries[walk.count])
        walk.count++;
    walk.tree = must(calloc(1, sizeof *walk.tree));
    walk.seen = must(calloc(walk.count + 1, sizeof *walk.seen));
    roots = children(&walk, NULL, &found);
    if (root)
        put(&walk, number_of(&walk, root), "", "");
    else if (found == 1)
        put(&walk, roots[0], "", "");
    else
        put_children(&walk, roots, found, "");
    for (size_t i = 0; !root && i < walk.count; i++)
        put(&walk, i, "", ""); /* what is its own ancestor */
    free(walk.seen);
    return walk.tree;
}

struct tree *tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->rows[i].branch);
    free(tree->rows);
    free(tree);
    return NULL;
}
