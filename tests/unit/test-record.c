/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <stdlib.h>

#include "check.h"
#include "cleanup.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define UUID2 "89ab0123-4567-89ab-cdef-0123456789ab"
#define UUID3 "cdef0123-4567-89ab-cdef-0123456789ab"
#define HASH "xxh3:0123456789abcdef0123456789abcdef"

static const struct record full = {
    .id = UUID, .name = "gr\xc3\xbc\xc3\x9f \"x\" \\", .description = "as agreed", .vm = UUID2,
    .vm_name = "web", .state = "running", .parent = UUID3, .request = "r-1", .created_ms = 1700000000123,
    .memory = true, .memory_size = 1LL << 40, .memory_hash = HASH, .downtime_ms = 42, .made_by = "0.1",
    .xen = "4.17.4", .disk_count = 2,
    .disks = { { .vdev = "xvda", .place = PLACE_INTERNAL, .target = "/srv/a b.qcow2", .format = "qcow2",
                 .tag = "xensnap-" UUID },
               { .vdev = "xvdb", .place = PLACE_INTERNAL, .target = "/srv/\xc3\xbc.qcow2", .format = "qcow2",
                 .tag = "xensnap-" UUID } },
};

/* Of everything that there is since disks may be external, left out, or without a memory image beside them. */
static const struct record mixed = {
    .id = UUID, .name = "m", .vm = UUID2, .state = "paused", .downtime_ms = -1, .memory = true,
    .memory_file = "/srv/\"m\".save", .memory_size = 7, .memory_hash = HASH, .disk_count = 3,
    .disks = { { .vdev = "xvda", .place = PLACE_INTERNAL, .target = "/srv/a.qcow2", .format = "qcow2", .tag = "t" },
               { .vdev = "xvdb", .place = PLACE_EXTERNAL, .target = "/srv/b.raw", .format = "raw",
                 .overlay = "/srv/b 2.qcow2" },
               { .vdev = "hda", .place = PLACE_EXTERNAL, .target = "/srv/c.qcow2", .format = "qcow2",
                 .overlay = "/srv/\xc3\xbc.qcow2" } },
    .left_out_count = 2,
    .left_out = { { "hdc", "cdrom" }, { "xvdd", "read-only" } },
};

/* Of a guest that was asked to be quiet, and was. */
static const struct record quiet = {
    .id = UUID, .name = "q", .vm = UUID2, .state = "running", .downtime_ms = -1, .freeze_ms = 212, .disk_count = 1,
    .quiesce = { .asked = true, .consistency = "app", .hooks = 2, .warning = "" },
    .disks = { { .vdev = "xvda", .place = PLACE_INTERNAL, .target = "/srv/a.qcow2", .format = "qcow2", .tag = "t" } },
};

/* Not inlined: gcc 12 takes the members of disks that are not there for arrays of no bytes, and warns. */
static __attribute__((noinline)) void check_same_disks(const struct record *is, const struct record *wanted)
{
    CHECK_INT((long long)is->disk_count, (long long)wanted->disk_count);
    for (size_t i = 0; i < wanted->disk_count && i < DISKS_MAX; i++) {
        CHECK_STR(is->disks[i].vdev, wanted->disks[i].vdev);
        CHECK_INT(is->disks[i].place, wanted->disks[i].place);
        CHECK_STR(is->disks[i].target, wanted->disks[i].target);
        CHECK_STR(is->disks[i].format, wanted->disks[i].format);
        CHECK_STR(is->disks[i].tag, wanted->disks[i].tag);
        CHECK_STR(is->disks[i].overlay, wanted->disks[i].overlay);
    }
    CHECK_INT((long long)is->left_out_count, (long long)wanted->left_out_count);
    for (size_t i = 0; i < wanted->left_out_count && i < DISKS_MAX; i++) {
        CHECK_STR(is->left_out[i].vdev, wanted->left_out[i].vdev);
        CHECK_STR(is->left_out[i].why, wanted->left_out[i].why);
    }
}

static void check_same(const struct record *is, const struct record *wanted)
{
    CHECK_STR(is->id, wanted->id);
    CHECK_STR(is->name, wanted->name);
    CHECK_STR(is->description, wanted->description);
    CHECK_STR(is->vm, wanted->vm);
    CHECK_STR(is->vm_name, wanted->vm_name);
    CHECK_STR(is->state, wanted->state);
    CHECK_STR(is->parent, wanted->parent);
    CHECK_STR(is->request, wanted->request);
    CHECK_INT(is->created_ms, wanted->created_ms);
    CHECK_INT(is->memory, wanted->memory);
    CHECK_STR(is->memory_file, wanted->memory_file);
    CHECK_INT(is->memory_size, wanted->memory_size);
    CHECK_STR(is->memory_hash, wanted->memory_hash);
    CHECK_INT(is->downtime_ms, wanted->downtime_ms);
    CHECK_INT(is->freeze_ms, wanted->quiesce.asked ? wanted->freeze_ms : -1);
    CHECK_INT(is->quiesce.asked, wanted->quiesce.asked);
    CHECK_STR(is->quiesce.consistency, wanted->quiesce.consistency);
    CHECK_INT(is->quiesce.hooks, wanted->quiesce.hooks);
    CHECK_STR(is->quiesce.warning, wanted->quiesce.warning);
    CHECK_STR(is->made_by, wanted->made_by);
    CHECK_STR(is->xen, wanted->xen);
    check_same_disks(is, wanted);
}

static void check_comes_back(const struct record *record)
{
    _cleanup_(freep) char *text = record_format(record);
    struct record again;
    struct err err = { 0 };

    memset(&again, 0xaa, sizeof again);
    if (CHECK_INT(record_parse(&again, text, &err), 0))
        check_same(&again, record);
    else
        printf("#     %s\n", err.text);
}

static void comes_back(void)
{
    struct record record = full;

    check_comes_back(&record);
    check_comes_back(&quiet);
    record.disk_count = 0;
    record.downtime_ms = -1;
    *record.description = *record.parent = *record.request = *record.vm_name = '\0';
    check_comes_back(&record);
}

static void mixed_comes_back(void)
{
    struct record record = mixed;

    check_comes_back(&record);
    *record.memory_file = '\0';
    record.left_out_count = 0;
    check_comes_back(&record);
}

static void without_memory(void)
{
    _cleanup_(freep) char *text = NULL;
    struct record record = mixed;

    record.memory = false;
    record.memory_size = 0;
    *record.memory_file = *record.memory_hash = '\0';
    check_comes_back(&record);
    text = record_format(&record);
    CHECK(!strstr(text, "memory"));
}

/* As it stands in the draft from the beginning, before there is a memory image. */
static void before_the_memory(void)
{
    struct record record = full;

    *record.memory_hash = '\0';
    record.memory_size = 0;
    record.downtime_ms = -1;
    check_comes_back(&record);
}

static void largest(void)
{
    struct record record = full;

    memset(record.name, 'n', sizeof record.name - 1);
    memset(record.description, '"', sizeof record.description - 1);
    memset(record.request, 'r', sizeof record.request - 1);
    record.disk_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++) {
        record.disks[i] = full.disks[0];
        memset(record.disks[i].target, '/', sizeof record.disks[i].target - 1);
        memset(record.disks[i].vdev, 'x', sizeof record.disks[i].vdev - 1);
        memset(record.disks[i].tag, 't', sizeof record.disks[i].tag - 1);
    }
    check_comes_back(&record);
    memset(record.memory_file, '/', sizeof record.memory_file - 1);
    record.left_out_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++) {
        record.disks[i].place = PLACE_EXTERNAL;
        *record.disks[i].tag = '\0';
        memset(record.disks[i].overlay, '"', sizeof record.disks[i].overlay - 1);
        memset(record.left_out[i].vdev, 'x', sizeof record.left_out[i].vdev - 1);
        memset(record.left_out[i].why, 'w', sizeof record.left_out[i].why - 1);
    }
    check_comes_back(&record);
}

/* TEXT with the first FROM in it replaced by TO; to be freed. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *result;

    if (!CHECK(at != NULL))
        return strdup(text);
    if (asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
        abort();
    return result;
}

/* What is not there at all can be done without; what the snapshot cannot be used without has to be there. */
static void damaged(void)
{
    static const struct {
        const char *from, *to;
        enum err_code code;
    } rows[] = {
        { "\"version\": 1", "\"version\": 2", ERR_UNSUPPORTED },
        { "\"version\": 1", "\"version\": \"1\"", ERR_UNSUPPORTED },
        { "\"version\"", "\"v\"", ERR_UNSUPPORTED },
        { "{", "[", ERR_CORRUPT },
        { "\"id\"", "\"no\"", ERR_CORRUPT },
        { "\"id\": \"" UUID "\"", "\"id\": \"\"", ERR_CORRUPT },
        { "\"id\": \"" UUID "\"", "\"id\": \"" UUID "0\"", ERR_CORRUPT },
        { "\"id\": \"" UUID "\"", "\"id\": 7", ERR_CORRUPT },
        { "\"id\": \"0", "\"id\": \"/", ERR_CORRUPT },
        { "\"name\"", "\"no\"", ERR_CORRUPT },
        { "\"name\": \"gr", "\"name\": \" gr", ERR_CORRUPT },
        { "\"name\": \"gr", "\"name\": \"\\n", ERR_CORRUPT },
        { "\"vm\"", "\"no\"", ERR_CORRUPT },
        { "\"vm\": \"8", "\"vm\": \"X", ERR_CORRUPT },
        { "\"hash\": \"", "\"hash\": \"0123456789", ERR_CORRUPT },
        { "\"hash\": \"", "\"hash\": 7, \"x\": \"", ERR_CORRUPT },
        { "\"memory\": {", "\"no\": {", ERR_NONE }, /* of the disks alone */
        { "\"hash\"", "\"no\"", ERR_CORRUPT },
        { "\"vdev\"", "\"no\"", ERR_CORRUPT },
        { "\"vdev\": \"xvda\"", "\"vdev\": \"xvda567890123456\"", ERR_CORRUPT },
        { "\"target\"", "\"no\"", ERR_CORRUPT },
        { "\"format\"", "\"no\"", ERR_CORRUPT },
        { "\"tag\"", "\"no\"", ERR_CORRUPT },
        { "\"tag\": \"", "\"tag\": 7, \"x\": \"", ERR_CORRUPT },
        { "\"type\": \"internal\"", "\"no\": \"internal\"", ERR_CORRUPT },
        { "\"type\": \"internal\"", "\"type\": \"i\"", ERR_CORRUPT },
        { "\"type\": \"internal\"", "\"type\": \"phy\"", ERR_CORRUPT },
        { "\"type\": \"internal\"", "\"type\": 1", ERR_CORRUPT },
        { "\"type\": \"internal\"", "\"type\": \"external\"", ERR_CORRUPT }, /* has no overlay */
        { "\"disks\": [", "\"disks\": [ null,", ERR_CORRUPT },
        { "\"disks\": [", "\"disks\": [ 7,", ERR_CORRUPT },
        { "\"disks\"", "\"no\"", ERR_CORRUPT },
        { "\"disks\": [", "\"disks\": 2, \"no\": [", ERR_CORRUPT },
        { "as agreed", "as\xff" "agreed", ERR_CORRUPT },
        { "\"description\"", "\"no\"", ERR_NONE },
        { "\"parent\"", "\"no\"", ERR_NONE },
        { "\"request\"", "\"no\"", ERR_NONE },
        { "\"left_out\"", "\"no\"", ERR_NONE },
        { "\"left_out\": [", "\"left_out\": [ 7, { } ], \"no\": [", ERR_NONE },
        { "\"left_out\": [", "\"left_out\": 7, \"no\": [", ERR_NONE },
        { "\"made_by\"", "\"no\"", ERR_NONE },
        { "\"downtime_ms\"", "\"no\"", ERR_NONE },
        { "\"vm_name\"", "\"a_key_of_the_future\": [ 1, { } ], \"vm_name\"", ERR_NONE },
    };
    _cleanup_(freep) char *text = record_format(&full);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(freep) char *bad = replaced(text, rows[i].from, rows[i].to);
        struct record record;
        struct err err = { 0 };

        check_row = rows[i].to;
        CHECK_INT(record_parse(&record, bad, &err), rows[i].code ? -1 : 0);
        CHECK_STR(err_word(err.code), err_word(rows[i].code));
    }
}

static void cut_off(void)
{
    _cleanup_(freep) char *text = record_format(&full);
    size_t length = strrchr(text, '}') - text;

    for (size_t cut = 0; cut <= length; cut++) {
        _cleanup_(freep) char *part = strndup(text, cut);
        struct record record;
        struct err err = { 0 };

        if (!CHECK_INT(record_parse(&record, part, &err), -1))
            return;
        CHECK_INT(err.code, ERR_CORRUPT);
    }
}

static void one_disk_too_many(void)
{
    _cleanup_(freep) char *text = NULL, *more = NULL;
    struct record record = full;
    struct err err = { 0 };

    record.disk_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++)
        record.disks[i] = full.disks[0];
    text = record_format(&record);
    more = replaced(text, "\"disks\": [", "\"disks\": [ { \"vdev\": \"x\", \"type\": \"internal\", "
                                         "\"target\": \"x\", \"format\": \"x\", \"tag\": \"x\" },");
    CHECK_INT(record_parse(&record, text, &err), 0);
    CHECK_INT(record_parse(&record, more, &err), -1);
    CHECK_INT(err.code, ERR_CORRUPT);
}

/* Not worth a snapshot: those that are too many are not shown. */
static void too_many_left_out(void)
{
    _cleanup_(freep) char *text = NULL, *more = NULL;
    struct record record = full;
    struct err err = { 0 };

    record.left_out_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++)
        record.left_out[i] = mixed.left_out[0];
    text = record_format(&record);
    more = replaced(text, "\"left_out\": [", "\"left_out\": [ { \"vdev\": \"x\", \"why\": \"x\" },");
    CHECK_INT(record_parse(&record, more, &err), 0);
    CHECK_INT((long long)record.left_out_count, DISKS_MAX);
    CHECK_STR(record.left_out[0].vdev, "x");
    CHECK_STR(record.left_out[DISKS_MAX - 1].vdev, "hdc");
}

/* The memory image is in the snapshot's directory, or where an absolute path says: nothing else is a place. */
static void place_of_the_memory(void)
{
    static const struct {
        const char *file, *path;
    } rows[] = {
        { "\"memory\"", "" }, { "\"/srv/m\"", "/srv/m" }, { "\"../memory\"", "" },
        { "\"\"", "" },       { "7", "" },                { "null", "" },
    };
    _cleanup_(freep) char *text = record_format(&full);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(freep) char *file = replaced("\"file\": X", "X", rows[i].file);
        _cleanup_(freep) char *other = replaced(text, "\"file\": \"memory\"", file);
        struct record record;
        struct err err = { 0 };

        check_row = rows[i].file;
        CHECK_INT(record_parse(&record, other, &err), 0);
        CHECK(record.memory);
        CHECK_STR(record.memory_file, rows[i].path);
    }
}

static void disks_are_found(void)
{
    CHECK(record_find_disk(&mixed, "xvdb") == &mixed.disks[1]);
    CHECK(record_find_disk(&mixed, "hda") == &mixed.disks[2]);
    CHECK(record_find_disk(&mixed, "hdc") == NULL); /* left out */
    CHECK(record_find_disk(&mixed, "xvd") == NULL);
    CHECK(record_find_disk(&mixed, "") == NULL);
    CHECK(record_has(&mixed, PLACE_INTERNAL) && record_has(&mixed, PLACE_EXTERNAL));
    CHECK(record_has(&full, PLACE_INTERNAL) && !record_has(&full, PLACE_EXTERNAL));
}

static void without_downtime_it_is_unknown(void)
{
    _cleanup_(freep) char *text = record_format(&full), *less = replaced(text, "\"downtime_ms\"", "\"no\"");
    struct record record;
    struct err err;

    CHECK_INT(record_parse(&record, less, &err), 0);
    CHECK_INT(record.downtime_ms, -1);
}

static void as_the_document_says(void)
{
    _cleanup_(freep) char *text = record_format(&full);

    CHECK_HAS(text, "\"version\": 1");
    CHECK_HAS(text, "\"created_ms\": 1700000000123");
    CHECK_HAS(text, "\"file\": \"memory\"");
    CHECK_HAS(text, "\"size\": 1099511627776");
    CHECK_HAS(text, "\"hash\": \"" HASH "\"");
    CHECK_HAS(text, "\"type\": \"internal\"");
    CHECK_HAS(text, "\"xensnap\": \"0.1\"");
    CHECK_HAS(text, "\"tag\": \"xensnap-" UUID "\"");
    CHECK_HAS(text, "\"xen\": \"4.17.4\"");
    CHECK(!strstr(text, "overlay"));
}

static void external_as_the_document_says(void)
{
    _cleanup_(freep) char *text = record_format(&mixed);

    CHECK_HAS(text, "\"file\": \"/srv/\\\"m\\\".save\"");
    CHECK_HAS(text, "\"type\": \"external\"");
    CHECK_HAS(text, "\"target\": \"/srv/b.raw\"");
    CHECK_HAS(text, "\"format\": \"raw\"");
    CHECK_HAS(text, "\"overlay\": \"/srv/b 2.qcow2\"");
    CHECK_HAS(text, "\"left_out\": [");
    CHECK_HAS(text, "\"why\": \"read-only\"");
}

static void as_an_entry(void)
{
    struct entry entry;

    memset(&entry, 0xaa, sizeof entry);
    record_entry(&full, true, &entry);
    CHECK_STR(entry.id, UUID);
    CHECK_STR(entry.name, full.name);
    CHECK_STR(entry.description, "as agreed");
    CHECK_STR(entry.state, "running");
    CHECK_STR(entry.type, "internal");
    CHECK_STR(entry.consistency, "memory");
    CHECK_STR(entry.disks, "xvda,xvdb");
    CHECK_STR(entry.parent, UUID3);
    CHECK_INT(entry.created, 1700000000);
    CHECK_INT(entry.size, 1LL << 40);
    CHECK(entry.memory && entry.current);
    record_entry(&full, false, &entry);
    CHECK(!entry.current);
}

static void entry_of_all_sorts(void)
{
    struct record record = mixed;
    struct entry entry;

    record_entry(&record, false, &entry);
    CHECK_STR(entry.type, "mixed");
    CHECK_STR(entry.consistency, "memory");
    CHECK_STR(entry.disks, "xvda,xvdb,hda");
    CHECK_STR(entry.left_out, "hdc,xvdd");
    if (CHECK_INT((long long)entry.detail_count, 3)) {
        CHECK_STR(entry.detail[0].vdev, "xvda");
        CHECK_STR(entry.detail[0].text, "internal /srv/a.qcow2");
        CHECK_STR(entry.detail[1].vdev, "xvdb");
        CHECK_STR(entry.detail[1].text, "external /srv/b.raw");
    }
    record.disks[0].place = PLACE_EXTERNAL;
    record.memory = false;
    record_entry(&record, false, &entry);
    CHECK_STR(entry.type, "external");
    CHECK_STR(entry.consistency, "crash");
    CHECK(!entry.memory);
    record_entry(&quiet, false, &entry);
    CHECK_STR(entry.consistency, "app");
    record_entry(&full, false, &entry);
    CHECK_STR(entry.left_out, "");
}

static void entry_of_many_disks(void)
{
    struct record record = full;
    struct entry entry;

    record.disk_count = 0;
    record_entry(&record, false, &entry);
    CHECK_STR(entry.disks, "");
    record.disk_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++)
        memset(record.disks[i].vdev, 'x', sizeof record.disks[i].vdev - 1);
    record.left_out_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++)
        memset(record.left_out[i].vdev, 'x', sizeof record.left_out[i].vdev - 1);
    memset(record.disks[0].target, '/', sizeof record.disks[0].target - 1);
    record_entry(&record, false, &entry);
    CHECK_INT((long long)strlen(entry.disks), sizeof entry.disks - 1);
    CHECK_INT((long long)strlen(entry.left_out), sizeof entry.left_out - 1);
    CHECK_INT((long long)entry.detail_count, DISKS_MAX);
    CHECK_INT((long long)strlen(entry.detail[0].text), (long long)strlen("internal ") + PATH_SIZE - 1);
}

static const struct check_test tests[] = {
    { "what is formatted is parsed back", comes_back },
    { "external disks, disks left out and a memory image elsewhere come back", mixed_comes_back },
    { "a record of disks alone says nothing of memory", without_memory },
    { "a record without its memory yet comes back", before_the_memory },
    { "the largest record comes back", largest },
    { "a damaged record is refused, and what can be done without is not missed", damaged },
    { "a record that is cut off anywhere is corrupt", cut_off },
    { "32 disks are taken, 33 are not", one_disk_too_many },
    { "of disks left out the 33rd is not shown", too_many_left_out },
    { "the memory image is in the snapshot or at an absolute path", place_of_the_memory },
    { "a disk is found by its name", disks_are_found },
    { "a downtime that is not there is unknown", without_downtime_it_is_unknown },
    { "the keys are those of docs/store.md", as_the_document_says },
    { "the keys of an external disk are those of docs/store.md", external_as_the_document_says },
    { "a listing shows what there is", as_an_entry },
    { "a listing tells mixed from external, and memory from disks alone", entry_of_all_sorts },
    { "a listing cuts too many disks", entry_of_many_disks },
};

CHECK_MAIN(tests)
