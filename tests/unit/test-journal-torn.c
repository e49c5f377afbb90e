/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Journals that were not written whole, or not by us. */
#include <signal.h>
#include <sys/resource.h>

#include "journaling.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool disk_fails;

int fdatasync(int fd)
{
    if (!disk_fails)
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

static void append(const struct scratch *scratch, const char *text)
{
    _cleanup_(closep) int fd = openat(scratch->dir, JOURNAL, O_WRONLY | O_APPEND | O_CLOEXEC);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void torn_last_line(void)
{
    static const char *const torn[] = { "{", "{\"step\":\"dis", "{\"step\":\"disks\"}",
                                        "{\"outcome\":\"none\"}" };

    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal *journal = begin(store, &create);
        struct journal_state state;

        if (!journal)
            return;
        check_row = torn[i];
        step(journal, "save", JOURNAL_DURABLE);
        journal_close(journal);
        append(&scratch, torn[i]);
        journal_close(take(store, &state));
        check_order(&state.begun, &create);
        CHECK_STR(state.step, "save");
        CHECK(!state.ended);
    }
}

static void what_follows_a_torn_line(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;

    if (!journal)
        return;
    step(journal, "save", JOURNAL_DURABLE);
    journal_close(journal);
    append(&scratch, "{\"step\":\"dis");
    journal = take(store, &state);
    if (!CHECK(journal != NULL))
        return;
    step(journal, "resume", JOURNAL_DURABLE);
    journal_end(journal, &(struct err){ ERR_INTERNAL, "interrupted" }, -1);
    journal_close(journal); /* the agent was gone and has not heard it */
    journal_close(take(store, &state));
    CHECK_STR(state.step, "resume");
    CHECK(state.ended);
    CHECK_INT(state.outcome.code, ERR_INTERNAL);
}

/* A limit stands for the full disk: the line ends half way, and the disk has room again later. */
static void what_follows_a_step_without_room(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;
    struct rlimit before, little;
    struct stat st;
    struct err err = { 0 };
    int rc;

    if (!journal)
        return;
    step(journal, "save", JOURNAL_DURABLE);
    CHECK_INT(fstatat(scratch.dir, JOURNAL, &st, 0), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    little = before;
    little.rlim_cur = (rlim_t)st.st_size + 5;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    rc = journal_step(journal, "disks", JOURNAL_DURABLE, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_INT(rc, -1);
    CHECK_HAS(err.text, "cannot write the journal");
    journal_end(journal, &(struct err){ ERR_NO_SPACE, "no room" }, -1);
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK_STR(state.step, "save");
    CHECK(state.ended);
    CHECK_INT(state.outcome.code, ERR_NO_SPACE);
}

static void a_step_that_may_not_be_on_the_disk(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal = begin(store, &create);
    struct journal_state state;
    struct err err = { 0 };

    if (!journal)
        return;
    step(journal, "pause", JOURNAL_DURABLE);
    disk_fails = true;
    CHECK_INT(journal_step(journal, "destroy", JOURNAL_DURABLE, &err), -1);
    disk_fails = false;
    CHECK_HAS(err.text, "cannot write the journal");
    journal_close(journal); /* and is killed: nobody has destroyed the domain */
    journal_close(take(store, &state));
    CHECK_STR(state.step, "pause");
    CHECK(state.paused);
}

static void torn_order(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal_state state;
    struct journal *journal;

    new_vm(store, VM1);
    scratch_write(&scratch, JOURNAL, "{\"vm\":\"" VM1 "\",\"dom");
    journal = take(store, &state);
    CHECK(journal != NULL);
    CHECK_STR(state.begun.order.vm, "");
    CHECK_INT(state.begun.order.domid, -1);
    CHECK_STR(state.step, "");
    CHECK(!state.ended);
    journal_close(journal);
}

static void empty_journal(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal_state state;
    struct journal *journal;

    new_vm(store, VM1);
    scratch_write(&scratch, JOURNAL, "");
    journal = take(store, &state);
    CHECK(journal != NULL);
    CHECK_STR(state.begun.order.vm, "");
    journal_close(journal);
    journal_close(begin(store, &create)); /* nothing had been begun */
    journal_close(take(store, &state));
    check_order(&state.begun, &create);
}

static void damaged(void)
{
    static const char *const rows[] = {
        "\n", "hello\n", "[]\n", "{}\n", "7\n", "{\"vm\":7}\n", "{\"step\":7}\n",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal_state state;

        check_row = rows[i];
        new_vm(store, VM1);
        scratch_write(&scratch, JOURNAL, rows[i]);
        journal_close(take(store, &state));
        CHECK_STR(state.begun.order.vm, "");
        CHECK_STR(state.step, "");
        CHECK(!state.ended);
    }
}

/* Whether the operation may have made the guest stand still, and has not let it go since. */
static void stands_still(void)
{
    static const struct {
        const char *text;
        bool suspended, paused;
    } rows[] = {
        { "{\"step\":\"prepare\"}\n", false, false },
        { "{\"step\":\"prepare\"}\n{\"step\":\"save\"}\n", true, false },
        { "{\"step\":\"save\"}\n{\"step\":\"disks\"}\n{\"step\":\"resume\"}\n", true, false },
        { "{\"step\":\"save\"}\n{\"step\":\"unheard-of\"}\n", true, false },
        { "{\"step\":\"save\"}\n{\"step\":\"commit\"}\n", false, false },
        { "{\"step\":\"pause\"}\n{\"step\":\"disks\"}\n", false, true },
        { "{\"step\":\"pause\"}\n{\"step\":\"destroy\"}\n", false, false },
        { "{\"step\":\"pause\"}\n{\"let_go\":true}\n", false, false },
        { "{\"step\":\"save\"}\n{\"let_go\":true}\n", false, false },
        { "{\"step\":\"save\"}\n{\"let_go\":false}\n", true, false },
        { "{\"step\":\"save\"}\n{\"let_go\":true}", true, false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        struct journal_state state;

        check_row = rows[i].text;
        new_vm(store, VM1);
        scratch_write(&scratch, JOURNAL, rows[i].text);
        journal_close(take(store, &state));
        CHECK_INT(state.suspended, rows[i].suspended);
        CHECK_INT(state.paused, rows[i].paused);
    }
}

static void let_go_is_written(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal;
    struct journal_state state;
    struct err err;

    new_vm(store, VM1);
    journal = begin(store, &create);
    CHECK_INT(journal_step(journal, "save", JOURNAL_DURABLE, &err), 0);
    CHECK_INT(journal_step(journal, "save", JOURNAL_DURABLE, &err), 0);
    CHECK_INT(journal_step(journal, "disks", JOURNAL_DURABLE, &err), 0);
    journal_let_go(journal);
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK(!state.suspended);
    CHECK_STR(state.step, "disks");
    CHECK_STR(state.steps, "save disks ");
    CHECK(!state.foreign);
}

/* One that cannot be kept in mind must not be taken for none. */
static void too_many_steps(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct journal *journal;
    struct journal_state state;
    struct err err;
    char step[24];

    new_vm(store, VM1);
    journal = begin(store, &create);
    for (int i = 0; i < 100; i++) {
        snprintf(step, sizeof step, "step-%d", i);
        CHECK_INT(journal_step(journal, step, JOURNAL_DURABLE, &err), 0);
    }
    journal_close(journal);
    journal_close(take(store, &state));
    CHECK(state.foreign);
    CHECK_STR(state.step, "step-99");
}

static const struct check_test tests[] = {
    { "a torn last line is ignored", torn_last_line },
    { "what is written behind a torn line is read", what_follows_a_torn_line },
    { "what is written behind a step that had no room is read", what_follows_a_step_without_room },
    { "a step that may not be on the disk was not taken", a_step_that_may_not_be_on_the_disk },
    { "an order that was not written whole is none", torn_order },
    { "an empty journal is none, and another may begin", empty_journal },
    { "damaged lines say nothing", damaged },
    { "the journal tells whether the guest may stand still by our doing", stands_still },
    { "that the guest was let go on is written down", let_go_is_written },
    { "more steps than there can be are another version's", too_many_steps },
};

CHECK_MAIN(tests)
