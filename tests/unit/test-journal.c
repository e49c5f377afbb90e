/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/wait.h>

#include "journaling.h"

static void whole_life(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);

    if (!journal)
        return;
    CHECK(store_has_journal(store, VM1));
    CHECK_INT(scratch_mode(&scratch, JOURNAL), 0600);
    step(journal, "save", JOURNAL_DURABLE);
    step(journal, "disks", JOURNAL_QUICK);
    journal_end(journal, &(struct err){ 0 }, 42);
    CHECK(store_has_journal(store, VM1));
    journal_remove(journal);
    CHECK(!store_has_journal(store, VM1));
    CHECK(journal_close(journal) == NULL);
    CHECK(journal_close(NULL) == NULL);
    CHECK(journal_close(begin(store, &create)) == NULL); /* and the next one may begin */
}

static void one_object_a_line(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    char bytes[2048] = "";
    _cleanup_(closep) int fd = openat(scratch.dir, JOURNAL, O_RDONLY | O_CLOEXEC);
    int lines = 0;

    if (!journal)
        return;
    step(journal, "save", JOURNAL_DURABLE);
    journal_end(journal, &(struct err){ ERR_QEMU, "no \"medium\"\nhere" }, -1);
    journal_close(journal);
    CHECK(read(fd, bytes, sizeof bytes - 1) > 0);
    for (const char *c = bytes; *c; c++)
        lines += *c == '\n';
    CHECK_INT(lines, 3);
    CHECK_HAS(bytes, "\n{\"step\":\"save\"}\n");
}

static void second_is_busy(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create), *second = NULL;
    struct journal_state state;
    struct err err = { 0 };

    CHECK_INT(journal_begin(&second, store, &create, &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    CHECK_HAS(err.text, "is running");
    CHECK(second == NULL);
    journal_close(journal);
    CHECK_INT(journal_begin(&second, store, &create, &err), -1); /* left behind */
    CHECK_INT(err.code, ERR_BUSY);
    CHECK_HAS(err.text, "interrupted");
    journal = take(store, &state);
    CHECK_INT(journal_begin(&second, store, &create, &err), -1); /* being recovered */
    CHECK_INT(err.code, ERR_BUSY);
    if (journal)
        journal_remove(journal);
    journal_close(journal);
    journal_close(begin(store, &create));
}

static void each_vm_its_own(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal_order other = create;
    struct journal *first = begin(store, &create), *second;

    snprintf(other.order.vm, sizeof other.order.vm, "%s", VM2);
    second = begin(store, &other);
    CHECK(first && second);
    journal_close(first);
    journal_close(second);
}

static void order_comes_back(void)
{
    struct journal_order all[] = {
        create,
        { .order = { .vm = VM1, .domid = -1, .home = 0,
                     .request = { .id = "line-1", .operation = OPERATION_DELETE, .name = "a" } },
          .snapshot = ID2 },
        { .order = { .vm = VM1, .domid = 32751, .home = 0,
                     .request = { .id = "r", .operation = OPERATION_REVERT, .name = "a",
                                  .start = START_PAUSED } },
          .snapshot = ID3 },
        { .order = { .vm = VM1, .domid = 7, .home = 7,
                     .request = { .id = "r", .operation = OPERATION_REVERT, .name = "a" } } },
        { .order = { .vm = VM1, .domid = 7, .home = 7, .request = { .operation = OPERATION_CREATE } } },
        create,
    };
    struct request *largest = &all[5].order.request;

    memset(largest->id, 'i', sizeof largest->id - 1);
    memset(largest->name, '"', sizeof largest->name - 1);
    memset(largest->description, '\\', sizeof largest->description - 1);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal_state state;

        check_row = operation_word(all[i].order.request.operation);
        journal_close(begin(store, &all[i]));
        journal_close(take(store, &state));
        check_order(&state.begun, &all[i]);
        CHECK_STR(state.step, "");
        CHECK(!state.ended);
        CHECK_INT(state.downtime_ms, -1);
    }
}

static void taken_after_a_crash(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;

    if (!journal)
        return;
    step(journal, "save", JOURNAL_DURABLE);
    step(journal, "disks", JOURNAL_QUICK);
    journal_close(journal);
    journal = take(store, &state);
    CHECK(journal != NULL);
    check_order(&state.begun, &create);
    CHECK_STR(state.step, "disks");
    CHECK(!state.ended);
    if (journal)
        step(journal, "a-step-of-23-characters", JOURNAL_DURABLE); /* it goes on in the same journal */
    journal_close(journal);
    journal_close(take(store, &state));
    check_order(&state.begun, &create);
    CHECK_STR(state.step, "a-step-of-23-characters");
}

static void outcome_comes_back(void)
{
    static const struct err outcomes[] = {
        { ERR_NONE, "" },
        { ERR_QEMU, "disk xvda: no \"medium\"\nhere" },
        { ERR_CANCELLED, "cancelled before: disks" },
    };

    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal *journal = begin(store, &create);
        struct journal_state state;

        if (!journal)
            return;
        check_row = outcomes[i].text;
        step(journal, "commit", JOURNAL_DURABLE);
        journal_end(journal, &outcomes[i], 40 + (int)i);
        journal_close(journal);
        journal_close(take(store, &state));
        CHECK(state.ended);
        CHECK_INT(state.outcome.code, outcomes[i].code);
        CHECK_STR(state.outcome.text, outcomes[i].text);
        CHECK_INT(state.downtime_ms, 40 + (int)i);
        CHECK_STR(state.step, "commit");
    }
}

static void text_of_no_error_is_not_read(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;
    struct err outcome;

    if (!journal)
        return;
    memset(&outcome, 0xaa, sizeof outcome); /* as on a stack */
    outcome.code = ERR_NONE;
    journal_end(journal, &outcome, -1);
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK(state.ended);
    CHECK_STR(state.outcome.text, "");
}

/* A message may hold a part of what QEMU said, or be cut in the middle of a name. */
static void outcome_that_is_not_utf8(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;

    if (!journal)
        return;
    journal_end(journal, &(struct err){ ERR_QEMU, "cannot open /srv/\xfc.qcow2 of gr\xc3" }, 7);
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK(state.ended);
    CHECK_INT(state.outcome.code, ERR_QEMU);
    CHECK_INT(state.downtime_ms, 7);
}

static void none_to_take(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal_state state;
    struct journal *journal = NULL;
    struct err err = { 0 };

    CHECK_INT(journal_take(&journal, store, VM1, &state, &err), -1); /* not even the VM */
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(journal == NULL);
    new_vm(store, VM1);
    CHECK(take(store, &state) == NULL);
    CHECK(!scratch_has(&scratch, JOURNAL)); /* looking makes none */
}

/* What a worker does that outlives its agent.  Its journal is there and locked when this returns. */
static pid_t worker(struct store *store, bool finishes)
{
    int ready[2];
    char c;
    pid_t child;

    CHECK_INT(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct journal *journal = begin(store, &create);
        struct err err;

        if (!journal || write(ready[1], "x", 1) != 1)
            _exit(1);
        usleep(100 * 1000);
        if (finishes)
            journal_remove(journal);
        else
            journal_step(journal, "save", JOURNAL_DURABLE, &err);
        _exit(0);
    }
    CHECK(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void waits_for_a_worker_that_dies(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    pid_t child = worker(store, false);
    struct journal_state state;
    struct journal *journal = take(store, &state);
    int status = -1;

    CHECK(journal != NULL);
    CHECK_STR(state.step, "save"); /* so it has waited */
    journal_close(journal);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

static void waits_for_a_worker_that_finishes(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    pid_t child = worker(store, true);
    struct journal_state state;
    int status = -1;

    CHECK(take(store, &state) == NULL);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

static void peek(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct order order = { .domid = 77, .home = 77 };
    struct journal *journal;

    journal_peek(store, VM1, &order);
    CHECK_INT(order.domid, 77);
    new_vm(store, VM1);
    journal_peek(store, VM1, &order);
    CHECK_INT(order.domid, 77); /* no journal, nothing known */
    journal = begin(store, &create);
    journal_peek(store, VM1, &order); /* also while it is locked */
    CHECK_STR(order.vm, VM1);
    CHECK_INT(order.domid, 5);
    CHECK_INT(order.home, 5);
    CHECK_STR(order.request.id, "r-1");
    CHECK_INT(order.request.operation, OPERATION_CREATE);
    CHECK_STR(order.request.name, create.order.request.name);
    journal_close(journal);
}

static void no_link(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = NULL;
    struct journal_state state;
    struct err err = { 0 };

    new_vm(store, VM1);
    scratch_write(&scratch, "precious", "");
    CHECK_INT(symlinkat("../../precious", scratch.dir, JOURNAL), 0);
    CHECK_INT(journal_begin(&journal, store, &create, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(journal_take(&journal, store, VM1, &state, &err), -1);
    CHECK_INT(err.code, ERR_IO);
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    int before = scratch_descriptors();
    struct journal *journal = NULL, *second = NULL;
    struct journal_state state;
    struct order order;
    struct err err;

    journal_take(&second, store, VM1, &state, &err);
    journal = begin(store, &create);
    journal_begin(&second, store, &create, &err);
    journal_close(journal);
    journal_begin(&second, store, &create, &err);
    journal_peek(store, VM1, &order);
    journal = take(store, &state);
    if (journal)
        journal_remove(journal);
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "a journal begins, takes steps, ends and is removed", whole_life },
    { "a journal is one object a line", one_object_a_line },
    { "a second operation is busy, also behind one that was left", second_is_busy },
    { "each VM has its own journal", each_vm_its_own },
    { "every order comes back, the largest too", order_comes_back },
    { "after a crash the order and the last step are there, and it can go on", taken_after_a_crash },
    { "the outcome comes back", outcome_comes_back },
    { "the text of a success is not read", text_of_no_error_is_not_read },
    { "an outcome is not lost for a text that is not UTF-8", outcome_that_is_not_utf8 },
    { "where there is no journal nothing is taken", none_to_take },
    { "taking waits for a worker that dies", waits_for_a_worker_that_dies },
    { "taking waits for a worker that finishes, and takes nothing", waits_for_a_worker_that_finishes },
    { "peeking tells the order and needs no lock", peek },
    { "a symbolic link is no journal", no_link },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
