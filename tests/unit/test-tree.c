/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include "check.h"

/* The lines of a tree, "here" being where the domain is. */
static void check_tree(const struct entry *entries, size_t count, const struct entry *root, const char *wanted)
{
    struct tree *tree = tree_new(entries, count, root);
    char text[1024] = "";

    for (size_t i = 0; i < tree->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s\n", tree->rows[i].branch,
                 tree->rows[i].entry ? tree->rows[i].entry->name : "here");
    CHECK_STR(text, wanted);
    tree_free(tree);
}

static void nothing(void)
{
    check_tree(NULL, 0, NULL, "here\n");
}

static void chain(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a" },
        { .id = "2", .name = "b", .parent = "1" },
        { .id = "3", .name = "c", .parent = "2", .current = true },
    };

    check_tree(entries, 3, NULL, "a\nb\nc\nhere\n");
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
    check_tree(branches, 7, NULL,
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
    check_tree(branches, 7, &branches[3], "tuned\n|-- faster\n|   fastest\n`-- here\n");
    check_tree(branches, 7, &branches[2], "other\nlast\n");
    check_tree(branches, 7, &branches[6], "last\n");
}

static void two_roots(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a", .current = true },
        { .id = "2", .name = "b", .parent = "deleted" },
    };

    check_tree(entries, 2, NULL, "|-- a\n|   here\n`-- b\n");
}

static void nowhere(void)
{
    static const struct entry entries[] = { { .id = "1", .name = "a" }, { .id = "2", .name = "b", .parent = "1" } };

    check_tree(entries, 2, NULL, "|-- a\n|   b\n`-- here\n");
}

static void circles(void)
{
    static const struct entry entries[] = {
        { .id = "1", .name = "a", .parent = "1" },
        { .id = "2", .name = "b", .parent = "3" },
        { .id = "3", .name = "c", .parent = "2", .current = true },
    };

    check_tree(entries, 3, NULL, "a\nb\nc\nhere\n");
    check_tree(entries, 3, &entries[1], "b\nc\nhere\n");
}

static void long_chain(void)
{
    enum { MANY = 500 };
    static struct entry entries[MANY];
    struct tree *tree;

    for (int i = 0; i < MANY; i++) {
        snprintf(entries[i].id, sizeof entries[i].id, "%d", i);
        snprintf(entries[i].parent, sizeof entries[i].parent, "%d", i - 1);
    }
    entries[MANY - 1].current = true;
    tree = tree_new(entries, MANY, NULL);
    CHECK_INT((long long)tree->count, MANY + 1);
    CHECK_STR(tree->rows[MANY].branch, "");
    CHECK(!tree->rows[MANY].entry);
    tree_free(tree);
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
