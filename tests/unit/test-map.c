/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map.h"

#include "check.h"
#include "errors.h"
#include "pairs.h"

static void set_and_get(void)
{
    struct xensnap_map *map = xensnap_map_new();

    CHECK(!xensnap_map_get(map, "a") && !xensnap_map_key(map, 0));
    CHECK_INT(xensnap_map_set(map, "a", "1"), 0);
    CHECK_INT(xensnap_map_set(map, "b", ""), 0);
    CHECK_INT(xensnap_map_set(map, "a", "2"), 0);
    CHECK_STR(xensnap_map_get(map, "a"), "2");
    CHECK_STR(xensnap_map_get(map, "b"), "");
    CHECK(xensnap_map_key(map, 1) && !xensnap_map_key(map, 2));
    CHECK_INT(xensnap_map_set(map, "a", NULL), 0);
    CHECK_INT(xensnap_map_set(map, "a", NULL), 0);
    CHECK(!xensnap_map_get(map, "a"));
    CHECK_STR(xensnap_map_key(map, 0), "b");
    xensnap_map_free(map);
    xensnap_map_free(NULL);
    xensnap_maps_free(NULL);
}

static void numbers(void)
{
    static const struct {
        const char *value;
        long long number;
    } rows[] = { { "0", 0 },  { "1700000000", 1700000000 }, { "-1", -1 }, { "", 7 },    { " 1", 7 },
                 { "1 ", 7 }, { "0x10", 7 },                { "yes", 7 }, { "1e3", 7 }, { "99999999999999999999", 7 } };
    struct xensnap_map *map = xensnap_map_new();

    CHECK_INT(xensnap_map_number(map, "a", 7), 7);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row = rows[i].value;
        CHECK_INT(xensnap_map_set(map, "a", rows[i].value), 0);
        CHECK_INT(xensnap_map_number(map, "a", 7), rows[i].number);
    }
    xensnap_map_free(map);
}

/* A map with one key of KEY letters, whose value has VALUE. */
static int to_pairs(size_t key, size_t value, struct err *err)
{
    struct xensnap_map *map = xensnap_map_new();
    struct pairs pairs = { 0 };
    char name[64] = "", text[2048] = "";
    int result;

    memset(name, 'k', key);
    memset(text, 'v', value);
    xensnap_map_set(map, name, text);
    result = map_to_pairs(map, &pairs, err);
    CHECK(result < 0 || strcmp(pairs_get(&pairs, name), text) == 0);
    xensnap_map_free(map);
    return result;
}

static void limits(void)
{
    struct err err;

    CHECK_INT(to_pairs(PAIR_KEY_SIZE - 1, PAIR_VALUE_SIZE - 1, &err), 0);
    CHECK_INT(to_pairs(PAIR_KEY_SIZE, 1, &err), -1);
    CHECK_HAS(err.text, "unknown key kkk");
    CHECK_INT(to_pairs(1, PAIR_VALUE_SIZE, &err), -1);
    CHECK_HAS(err.text, "longer than 1023 bytes");
}

static void too_many(void)
{
    struct xensnap_map *map = xensnap_map_new();
    struct pairs pairs = { 0 };
    char key[16];
    struct err err;

    xensnap_map_set(map, "id", "r1"); /* is none of the pairs */
    for (int i = 0; i < PAIRS_MAX; i++) {
        snprintf(key, sizeof key, "x-%d", i);
        xensnap_map_set(map, key, "");
    }
    CHECK_INT(map_to_pairs(map, &pairs, &err), 0);
    xensnap_map_set(map, "x-", "");
    pairs.count = 0;
    CHECK_INT(map_to_pairs(map, &pairs, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    xensnap_map_free(map);
}

static void outcomes(void)
{
    static const struct {
        const char *state, *returned, *error;
        enum xensnap_outcome outcome;
        enum xensnap_code code;
    } rows[] = {
        { NULL, NULL, NULL, XENSNAP_PENDING, XENSNAP_OK },
        { "queued", NULL, NULL, XENSNAP_PENDING, XENSNAP_OK },
        { "recovering", NULL, NULL, XENSNAP_PENDING, XENSNAP_OK },
        { "of a later version", NULL, NULL, XENSNAP_PENDING, XENSNAP_OK },
        { "done", NULL, NULL, XENSNAP_DONE, XENSNAP_OK },
        { "done", "revert", NULL, XENSNAP_RETURNED, XENSNAP_OK },
        { "failed", NULL, "no-space", XENSNAP_FAILED, XENSNAP_NO_SPACE },
        { "rejected", NULL, "of a later version", XENSNAP_FAILED, XENSNAP_INTERNAL },
        { "cancelled", NULL, NULL, XENSNAP_FAILED, XENSNAP_INTERNAL },
    };

    CHECK_INT(xensnap_outcome(NULL), XENSNAP_PENDING);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct xensnap_map *map = xensnap_map_new();

        check_row = rows[i].state;
        xensnap_map_set(map, "state", rows[i].state);
        xensnap_map_set(map, "returned", rows[i].returned);
        xensnap_map_set(map, "error", rows[i].error);
        CHECK_INT(xensnap_outcome(map), rows[i].outcome);
        CHECK_INT(xensnap_code(map), rows[i].code);
        xensnap_map_free(map);
    }
}

static void words(void)
{
    struct xensnap_error error;

    CHECK_STR(xensnap_word(XENSNAP_NOT_FOUND), "not-found");
    CHECK_STR(xensnap_word(XENSNAP_INTERNAL), "internal");
    CHECK_STR(xensnap_word(-1), "internal");
    CHECK_STR(xensnap_word(1000), "internal");
    CHECK_INT(xensnap_error_set(&error, XENSNAP_BUSY, "%s", "later"), -1);
    CHECK_INT(error.code, XENSNAP_BUSY);
    CHECK_STR(error.message, "later");
    CHECK_INT(xensnap_error_set(NULL, XENSNAP_BUSY, "later"), -1);
}

static const struct check_test tests[] = {
    { "what is set can be read, changed and removed", set_and_get },
    { "only whole decimal integers are numbers", numbers },
    { "what does not fit into a request is refused, not cut", limits },
    { "48 keys and an id are taken and 49 refused", too_many },
    { "each state has the outcome that the table says", outcomes },
    { "every code has a word, and a caller need not want to know why", words },
};

CHECK_MAIN(tests)
