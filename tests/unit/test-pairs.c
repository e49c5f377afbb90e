/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pairs.h"

#include "check.h"

static void added_is_found(void)
{
    struct pairs pairs = { 0 };

    pairs_add(&pairs, "name", "%s-%d", "n", 1);
    pairs_add(&pairs, "empty", "%s", "");
    CHECK_INT((long long)pairs.count, 2);
    CHECK_STR(pairs.item[0].key, "name");
    CHECK_STR(pairs_get(&pairs, "name"), "n-1");
    CHECK_STR(pairs_get(&pairs, "empty"), "");
    CHECK_STR(pairs_get(&pairs, "none"), "");
    CHECK_STR(pairs_get(&pairs, "nam"), "");
    CHECK_STR(pairs_get(&pairs, ""), "");
}

static void first_one_counts(void)
{
    struct pairs pairs = { 0 };

    pairs_add(&pairs, "k", "1");
    pairs_add(&pairs, "k", "2");
    CHECK_STR(pairs_get(&pairs, "k"), "1");
}

static void long_value_is_cut(void)
{
    struct pairs pairs = { 0 };

    pairs_add(&pairs, "k", "%2000d", 1);
    CHECK_INT((long long)strlen(pairs_get(&pairs, "k")), PAIR_VALUE_SIZE - 1);
}

static void as_many_as_fit(void)
{
    struct pairs pairs = { 0 };
    char key[PAIR_KEY_SIZE];

    for (int i = 0; i < PAIRS_MAX; i++) {
        snprintf(key, sizeof key, "%0*d", PAIR_KEY_SIZE - 1, i); /* the longest key */
        pairs_add(&pairs, key, "%d", i);
    }
    CHECK_INT((long long)pairs.count, PAIRS_MAX);
    CHECK_STR(pairs_get(&pairs, key), "47");
}

static const struct check_test tests[] = {
    { "what was added is found, and what was not is empty", added_is_found },
    { "of two with one key the first counts", first_one_counts },
    { "a value that is too long is cut", long_value_is_cut },
    { "48 keys of 23 bytes fit", as_many_as_fit },
};

CHECK_MAIN(tests)
