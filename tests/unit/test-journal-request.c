/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include "pairs.h"
#include "request_disks.h"
#include "snapshot.h"

#define JOURNAL "store/" VM1 "/journal"

/* What is begun with REQUEST is what is found after a crash, to the last key. */
static void check_comes_back(const struct request *request)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    static struct journal_order begun; /* some of these are large */
    static struct journal_state state;
    static struct pairs was, is;
    struct journal *journal = NULL;
    struct err err = { 0 };

    begun = (struct journal_order){ .order = { .vm = VM1, .domid = 5, .request = *request }, .snapshot = ID1 };
    was = is = (struct pairs){ 0 };
    CHECK_INT(journal_begin(&journal, store, &begun, &err), 0);
    journal_close(journal);
    memset(&state, 0xaa, sizeof state);
    CHECK_INT(journal_take(&journal, store, VM1, &state, &err), 0);
    journal_close(journal);
    CHECK_STR(state.begun.order.vm, VM1);
    CHECK_STR(state.begun.order.request.id, request->id);
    request_format(request, &was);
    request_format(&state.begun.order.request, &is);
    CHECK_INT((long long)is.count, (long long)was.count);
    for (size_t i = 0; i < was.count; i++)
        CHECK_STR(pairs_get(&is, was.item[i].key), was.item[i].value);
}

/* Each line of a create has another key beside it. */
static void every_key(void)
{
    static const char *const lines[] = {
        "create",
        "create id=r1 domain=web name=\"gr\xc3\xbc\xc3\x9f \\\"x\\\"\" description=\"as \\\\ agreed\"",
        "create memory=no",
        "create memory=\"/srv/my vm/m.save\"",
        "create memory=no quiesce=try",
        "create type=internal",
        "create type=external",
        "create dry-run=yes",
        "create disks=xvda",
        "create disks=xvda,xvdb,hda memory=no",
        "create disk-xvda=internal disk-xvdb=external",
        "create disk-xvda=\"target=/srv/a b, \\\"c\\\".qcow2\"",
        "create type=external memory=no disks=xvda,xvdb disk-xvdc=internal disk-hda=target=/a dry-run=1 name=all",
        "delete name=a",
        "revert name=a",
        "revert name=a start=paused domain=5",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct request request = { 0 };
        struct err err = { 0 };

        check_row = lines[i];
        CHECK_INT(request_parse_line(&request, lines[i], strlen(lines[i]), &err), 0);
        check_comes_back(&request);
    }
}

/* The comparison above is by request_format(); so that it does not forget one with the journal, by field. */
static void fields_of_a_create(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    static const struct journal_order begun = {
        .order = { .vm = VM1, .domid = 5,
                   .request = { .id = "r1", .operation = OPERATION_CREATE, .disk_only = true, .dry_run = true,
                                .type = PLACE_EXTERNAL, .disk_count = 3,
                                .disks = { { .vdev = "xvda" }, { .vdev = "xvdb", .place = PLACE_INTERNAL },
                                           { "xvdc", PLACE_EXTERNAL, "/srv/c.qcow2" } } } },
        .snapshot = ID1,
    };
    const struct request_disk *disk;
    struct journal *journal = NULL;
    struct order order = { 0 };
    struct err err = { 0 };

    CHECK_INT(journal_begin(&journal, store, &begun, &err), 0);
    journal_peek(store, VM1, &order);
    journal_close(journal);
    CHECK(order.request.disk_only && order.request.dry_run);
    CHECK_STR(order.request.memory, "");
    CHECK_INT(order.request.type, PLACE_EXTERNAL);
    CHECK_INT((long long)order.request.disk_count, 3);
    disk = request_disk_find(&order.request, "xvda");
    CHECK(disk && disk->place == PLACE_DEFAULT && !*disk->target);
    disk = request_disk_find(&order.request, "xvdb");
    CHECK(disk && disk->place == PLACE_INTERNAL);
    disk = request_disk_find(&order.request, "xvdc");
    if (CHECK(disk && disk->place == PLACE_EXTERNAL))
        CHECK_STR(disk->target, "/srv/c.qcow2");
}

/* Every disk by name and each with the longest path: the key most of all, and a line of more than 60 KiB. */
static void most_of_all(void)
{
    static struct request request = { .operation = OPERATION_CREATE, .type = PLACE_EXTERNAL, .dry_run = true,
                                      .disk_count = DISKS_MAX };

    memset(request.id, 'i', sizeof request.id - 1);
    memset(request.domain, 'd', sizeof request.domain - 1);
    memset(request.name, '"', sizeof request.name - 1);
    memset(request.description, '\\', sizeof request.description - 1);
    memset(request.memory, '"', sizeof request.memory - 1);
    request.memory[0] = '/';
    for (size_t i = 0; i < DISKS_MAX; i++) {
        struct request_disk *disk = &request.disks[i];

        disk->place = PLACE_EXTERNAL;
        snprintf(disk->vdev, sizeof disk->vdev, "abcdefghijkl%03zu", i);
        memset(disk->target, '"', sizeof disk->target - 1);
        disk->target[0] = '/';
    }
    check_comes_back(&request);
    for (size_t i = 0; i < DISKS_MAX; i += 2) {
        request.disks[i].place = PLACE_DEFAULT;
        *request.disks[i].target = '\0';
    }
    check_comes_back(&request);
}

/* An order of which a part cannot be understood is another version's: nothing is done by half of it, but whom it is
 * about is known. */
static void odd_requests(void)
{
#define ORDER(request) \
    "{\"vm\":\"" VM1 "\",\"domid\":5,\"home\":5,\"id\":\"r\",\"snapshot\":\"" ID1 "\",\"request\":" request "}\n"
    static const struct {
        const char *text;
        bool whole;
    } rows[] = {
        { ORDER("[[\"operation\",\"create\"]]"), true },
        { ORDER("[[\"name\",\"a\"],[\"operation\",\"delete\"]]"), true },
        { ORDER("[[\"operation\",\"create\"],[\"disk-xvda\",\"internal\"]]"), true },
        { ORDER("[]"), false },
        { ORDER("7"), false },
        { ORDER("[7,[],[\"operation\"],{\"operation\":\"create\"}]"), false },
        { ORDER("[[\"operation\",\"frobnicate\"]]"), false },
        { ORDER("[[\"operation\",\"delete\"]]"), false },
        { ORDER("[[\"operation\",\"create\"],[\"name\",\"\\n\"]]"), false },
        { ORDER("[[\"operation\",\"create\"],[\"disks\",\"/\"]]"), false },
        { ORDER("[[\"operation\",\"create\"],[\"disk-xvda\",\"target=a\"]]"), false },
        { ORDER("[[\"operation\",\"create\"],[\"of-the-future\",\"1\"]]"), false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal_state state;
        struct journal *journal;
        struct order order;
        struct err err;

        check_row = rows[i].text;
        new_vm(store, VM1);
        scratch_write(&scratch, JOURNAL, rows[i].text);
        memset(&order, 0xaa, sizeof order);
        journal_peek(store, VM1, &order);
        CHECK_STR(order.vm, VM1);
        CHECK_INT(order.domid, 5);
        CHECK_STR(order.request.id, "r");
        CHECK_INT(journal_take(&journal, store, VM1, &state, &err), 0);
        CHECK_INT(state.foreign, !rows[i].whole);
        CHECK_STR(state.begun.snapshot, ID1);
        journal_close(journal);
    }
}

/* More pairs than there can be, with keys longer than there are. */
static void too_many_pairs(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    _cleanup_(freep) char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct order order = { 0 };

    fputs("{\"vm\":\"" VM1 "\",\"domid\":5,\"request\":[[\"operation\",\"create\"]", stream);
    fputs(",[\"x-a-key-that-is-longer-than-there-may-be\",\"1\"]", stream);
    for (int i = 0; i < 2 * PAIRS_MAX; i++)
        fprintf(stream, ",[\"x-%d\",\"%2000d\"]", i, i);
    fputs("]}\n", stream);
    fclose(stream);
    new_vm(store, VM1);
    scratch_write(&scratch, JOURNAL, text);
    journal_peek(store, VM1, &order);
    CHECK_STR(order.vm, VM1);
    CHECK_INT(order.request.operation, OPERATION_CREATE);
}

static const struct check_test tests[] = {
    { "every key of a request survives", every_key },
    { "every field of a create survives", fields_of_a_create },
    { "the largest request there can be survives", most_of_all },
    { "a request that is not understood whole is another version's", odd_requests },
    { "more keys than there can be do no harm", too_many_pairs },
};

CHECK_MAIN(tests)
