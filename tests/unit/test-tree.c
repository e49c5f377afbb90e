/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include "check.h"
#include "maps.h"

enum { MANY = 500, ALL = -1 };

struct entry {
    const char *id, *name, *parent;
    bool current;
};

static struct xensnap_map **maps_of(const struct entry *entries, size_t count)
{
    struct xensnap_map **maps = calloc(count + 1, sizeof *maps);

    for (size_t i = 0; maps && i < count; i++) {
        maps[i] = map_new();
        map_put(maps[i], "id", entries[i].id);
        map_put(maps[i], "name", entries[i].name);
        map_put(maps[i], "parent", entries[i].parent);
        map_put(maps[i], "current", entries[i].current ? "1" : "0");
    }
    return maps;
}

/* The lines of a tree, "here" being where the domain is. */
static void check_tree(const struct entry *entries, size_t count, int root, const char *wanted)
{
    struct xensnap_map **maps = maps_of(entries, count);
    struct tree *tree = tree_new(maps, root == ALL ? NULL : maps[root]);
    char text[1024] = "";

    for (size_t i = 0; i < tree->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s\n", tree->rows[i].branch,
                 tree->rows[i].entry ? map_text(tree->rows[i].entry, "name") : "here");
    CHECK_STR(text, wanted);
    tree_free(tree);
    xensnap_maps_free(maps);
}

static void nothing(void)
{
    check_tree(NULL, 0, ALL, "here\n");
}

static void chain(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a" },
        { .id = "2", .name = "b", .parent = "1" },
        { .id = "3", .name = "c", .parent = "2", .current = true },
    };

    check_tree(entries, 3, ALL, "a\nb\nc\nhere\n");
}

static const struct entry branches[] = {
    { .id = "1", .name = "base" },
    { .id = "2", .name = "work", .parent = "1" },
    { .id = "3", .name = "other", .parent = "1" },
    { .id = "4", .name = "tuned", .parent = "2", .current = true },
    { .id = "5", .name = "faster", .parent = "4" },
    { .id = "6", .name = "fastest", .parent = "5" },
    { .id = "7", .name = "last", .parent = "3" },
};

static void it_branches(void)
{
    check_tree(branches, 7, ALL,
               "base\n"
               "|-- work\n"
               "|   tuned\n"
               "|   |-- faster\n"
               "|   |   fastest\n"
               "|   `-- here\n"
               "`-- other\n"
               "    last\n");
}

static void one_branch(void)
{
    check_tree(branches, 7, 3, "tuned\n|-- faster\n|   fastest\n`-- here\n");
    check_tree(branches, 7, 2, "other\nlast\n");
    check_tree(branches, 7, 6, "last\n");
}

static void two_roots(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a", .current = true },
        { .id = "2", .name = "b", .parent = "deleted" },
    };

    check_tree(entries, 2, ALL, "|-- a\n|   here\n`-- b\n");
}

static void nowhere(void)
{
    static const struct entry entries[] = { { .id = "1", .name = "a" }, { .id = "2", .name = "b", .parent = "1" } };

    check_tree(entries, 2, ALL, "|-- a\n|   b\n`-- here\n");
}

static void circles(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a", .parent = "1" },
        { .id = "2", .name = "b", .parent = "3" },
        { .id = "3", .name = "c", .parent = "2", .current = true },
    };

    check_tree(entries, 3, ALL, "a\nb\nc\nhere\n");
    check_tree(entries, 3, 1, "b\nc\nhere\n");
}

static void long_chain(void)
{
    static struct entry entries[MANY];
    static char ids[MANY][8];
    struct xensnap_map **maps;
    struct tree *tree;

    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        entries[i] = (struct entry){ .id = ids[i], .parent = i ? ids[i - 1] : "-1", .current = i == MANY - 1 };
    }
    maps = maps_of(entries, MANY);
    tree = tree_new(maps, NULL);
    CHECK_INT((long long)tree->count, MANY + 1);
    CHECK_STR(tree->rows[MANY].branch, "");
    CHECK(!tree->rows[MANY].entry);
    tree_free(tree);
    xensnap_maps_free(maps);
}

static const struct check_test tests[] = {
    { "without snapshots there is only where the domain is", nothing },
    { "only children stand below their parents", chain },
    { "several children branch off", it_branches },
    { "of one there is what descends from it", one_branch },
    { "what has no parent any more is a root", two_roots },
    { "a domain that descends from none stands beside", nowhere },
    { "what is its own ancestor is shown once", circles },
    { "a long history does not run out of the screen", long_chain },
};

CHECK_MAIN(tests)
