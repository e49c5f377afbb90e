/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "entry.h"

#include "check.h"
#include "pairs.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define UUID2 "89ab0123-4567-89ab-cdef-0123456789ab"

static void check_same(const struct entry *is, const struct entry *wanted)
{
    CHECK_STR(is->id, wanted->id);
    CHECK_STR(is->name, wanted->name);
    CHECK_STR(is->description, wanted->description);
    CHECK_STR(is->state, wanted->state);
    CHECK_STR(is->type, wanted->type);
    CHECK_STR(is->consistency, wanted->consistency);
    CHECK_STR(is->disks, wanted->disks);
    CHECK_STR(is->left_out, wanted->left_out);
    CHECK_INT((long long)is->detail_count, (long long)wanted->detail_count);
    for (size_t i = 0; i < wanted->detail_count && i < is->detail_count; i++) {
        CHECK_STR(is->detail[i].vdev, wanted->detail[i].vdev);
        CHECK_STR(is->detail[i].text, wanted->detail[i].text);
    }
    CHECK_STR(is->parent, wanted->parent);
    CHECK_INT(is->created, wanted->created);
    CHECK_INT(is->size, wanted->size);
    CHECK_INT(is->memory, wanted->memory);
    CHECK_INT(is->current, wanted->current);
}

static const struct entry full = {
    .id = UUID, .name = "gr\xc3\xbc\xc3\x9f \"x\"", .description = "as agreed", .state = "running",
    .type = "internal", .consistency = "memory", .disks = "xvda,xvdb", .parent = UUID2,
    .created = 1700000000, .size = 1LL << 40, .memory = true, .current = true,
};

static void comes_back(void)
{
    const struct entry all[] = {
        full,
        { .id = UUID, .name = "a", .state = "paused", .type = "internal", .consistency = "memory" },
        { .id = UUID, .name = "b", .state = "stopped", .type = "mixed", .consistency = "crash", .disks = "xvda,xvdb",
          .left_out = "xvdc,hdd", .detail_count = 2,
          .detail = { { "xvda", "internal /srv/a b.qcow2" }, { "xvdb", "external /srv/b.qcow2" } } },
        { .name = "x", .memory = true },
        { .name = "x", .current = true },
        { .name = "" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pairs pairs = { 0 };
        struct entry entry;

        memset(&entry, 0xaa, sizeof entry);
        check_row = all[i].name;
        entry_format(&all[i], &pairs);
        entry_parse(&entry, &pairs);
        check_same(&entry, &all[i]);
    }
}

static void largest(void)
{
    struct entry entry = full, again;
    struct pairs pairs = { 0 };

    memset(entry.name, 'n', sizeof entry.name - 1);
    memset(entry.description, 'd', sizeof entry.description - 1);
    memset(entry.disks, 'x', sizeof entry.disks - 1);
    memset(entry.left_out, 'x', sizeof entry.left_out - 1);
    memset(entry.state, 's', sizeof entry.state - 1);
    entry.detail_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++) {
        memset(entry.detail[i].vdev, 'x', VDEV_SIZE - 1);
        memset(entry.detail[i].text, 't', sizeof entry.detail[i].text - 1);
    }
    entry_format(&entry, &pairs);
    entry_parse(&again, &pairs);
    check_same(&again, &entry);
}

static void as_the_protocol_says(void)
{
    struct pairs pairs = { 0 };

    entry_format(&full, &pairs);
    CHECK_INT((long long)pairs.count, 12);
    CHECK_STR(pairs_get(&pairs, "id"), UUID);
    CHECK_STR(pairs_get(&pairs, "name"), full.name);
    CHECK_STR(pairs_get(&pairs, "created"), "1700000000");
    CHECK_STR(pairs_get(&pairs, "state"), "running");
    CHECK_STR(pairs_get(&pairs, "memory"), "yes");
    CHECK_STR(pairs_get(&pairs, "type"), "internal");
    CHECK_STR(pairs_get(&pairs, "consistency"), "memory");
    CHECK_STR(pairs_get(&pairs, "disks"), "xvda,xvdb");
    CHECK_STR(pairs_get(&pairs, "size"), "1099511627776");
    CHECK_STR(pairs_get(&pairs, "parent"), UUID2);
    CHECK_STR(pairs_get(&pairs, "current"), "1");
    CHECK_STR(pairs_get(&pairs, "description"), "as agreed");
}

static void disks_have_their_keys(void)
{
    struct entry entry = full;
    struct pairs pairs = { 0 };

    snprintf(entry.left_out, sizeof entry.left_out, "xvdc");
    entry.detail_count = 1;
    snprintf(entry.detail[0].vdev, VDEV_SIZE, "xvda");
    snprintf(entry.detail[0].text, sizeof entry.detail[0].text, "external /srv/a.qcow2");
    entry_format(&entry, &pairs);
    CHECK_INT((long long)pairs.count, 14);
    CHECK_STR(pairs_get(&pairs, "left-out"), "xvdc");
    CHECK_STR(pairs_get(&pairs, "disk-xvda"), "external /srv/a.qcow2");
}

static void only_disks_are_disks(void)
{
    struct pairs pairs = { 0 };
    struct entry entry;

    pairs_add(&pairs, "disk-", "internal /a");
    pairs_add(&pairs, "disk-XVDA", "internal /a");
    pairs_add(&pairs, "disk-abcdefghijklmnop", "internal /a"); /* 16 */
    pairs_add(&pairs, "disks", "xvda");
    pairs_add(&pairs, "disk-xvda", "%2000d", 1);
    for (int i = 0; i < DISKS_MAX + 4; i++) {
        char key[PAIR_KEY_SIZE];

        snprintf(key, sizeof key, "disk-x%d", i);
        pairs_add(&pairs, key, "internal /a");
    }
    entry_parse(&entry, &pairs);
    CHECK_STR(entry.disks, "xvda");
    CHECK_INT((long long)entry.detail_count, DISKS_MAX);
    CHECK_STR(entry.detail[0].vdev, "xvda");
    CHECK_INT((long long)strlen(entry.detail[0].text), sizeof entry.detail[0].text - 1);
}

static void without_parent_and_description(void)
{
    struct entry entry = full;
    struct pairs pairs = { 0 };

    *entry.parent = *entry.description = '\0';
    entry_format(&entry, &pairs);
    CHECK_INT((long long)pairs.count, 10);
    for (size_t i = 0; i < pairs.count; i++) {
        CHECK(strcmp(pairs.item[i].key, "parent") != 0);
        CHECK(strcmp(pairs.item[i].key, "description") != 0);
    }
}

static void damaged(void)
{
    struct pairs pairs = { 0 };
    struct entry entry;

    pairs_add(&pairs, "id", "%400d", 1);
    pairs_add(&pairs, "name", "%400d", 1);
    pairs_add(&pairs, "created", "soon");
    pairs_add(&pairs, "memory", "perhaps");
    pairs_add(&pairs, "current", "yes");
    pairs_add(&pairs, "colour", "red");
    entry_parse(&entry, &pairs);
    CHECK_INT((long long)strlen(entry.id), UUID_LENGTH);
    CHECK_INT((long long)strlen(entry.name), NAME_MAX_BYTES);
    CHECK_STR(entry.disks, "");
    CHECK_INT(entry.created, 0);
    CHECK(!entry.memory);
    CHECK(!entry.current);
}

static const struct check_test tests[] = {
    { "what is formatted is parsed back", comes_back },
    { "the largest entry comes back", largest },
    { "the keys are those of the protocol", as_the_protocol_says },
    { "left-out and the disks' images have keys of their own", disks_have_their_keys },
    { "what is no disk's name is no disk, and there are at most 32", only_disks_are_disks },
    { "a parent or description that is not there is not written", without_parent_and_description },
    { "what is damaged is cut or left", damaged },
};

CHECK_MAIN(tests)
