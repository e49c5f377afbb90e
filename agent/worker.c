/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker's main: takes one order from the agent, does or recovers it, and says what came of it. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "creation.h"
#include "draft.h"
#include "log.h"
#include "op.h"
#include "protect.h"
#include "qemu_img.h"
#include "spawn.h"
#include "store.h"
#include "xl.h"

static void print_steps(void)
{
    for (size_t i = 0; ops[i]; i++)
        for (const char *const *step = ops[i]->steps; *step; step++) {
            printf("%s %s\n", operation_word(ops[i]->operation), *step);
            if (ops[i]->last && strcmp(*step, ops[i]->last) == 0)
                break;
        }
}

static int run(struct work *work, struct err *err)
{
    work->op = op_find(work->begun.order.request.operation);
    if (!work->op)
        return err_set(err, ERR_INTERNAL, "no worker does %s",
                       operation_word(work->begun.order.request.operation));
    if (xl_open(&work->xl, work->control, err) < 0)
        return -1;
    return work->op->run(work, err);
}

/* What another version has begun is not known well enough to be undone or finished by this one.  But who stands still
 * is let go all the same. */
static int put_right_foreign(struct work *work, const struct journal_state *state, struct err *err)
{
    work->control->committed = true;
    work->foreign = true;
    if (creation_let_go(work, settle_after(state->suspended, state->step), state->paused, err) < 0)
        return -1;
    work->by_hand = true;
    return err_set(err, ERR_CORRUPT, "another version of xensnap has begun this, and it alone can put it right: the "
                   "journal has what this one does not know. The domain goes on. Start that version again, or "
                   "give it up: xensnap accept %s", work->begun.order.vm);
}

static int put_right(struct work *work, const struct journal_state *state, struct err *err)
{
    if (xl_open(&work->xl, work->control, err) < 0)
        return -1;
    if (!op_knows(work->op, state))
        return put_right_foreign(work, state, err);
    return work->op->recover(work, state, err);
}

/* Takes up what the journal tells; an operation that had ended and was only not heard of is reported again. */
static int recover(struct work *work, struct err *err)
{
    const char *vm = work->begun.order.vm;
    bool again = work->begun.order.again;
    struct journal_state state;

    work->recovery = true;

    /* without a directory of the VM there is no journal either */
    if (journal_take(&work->journal, work->store, vm, &state, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    if (!work->journal || (!*state.begun.order.vm && !*state.step))
        return err_set(err, ERR_INTERNAL, "the operation was interrupted before it had begun");
    qemu_img_keeps_open(journal_lock(work->journal));
    memcpy(work->snapshot, state.begun.snapshot, sizeof work->snapshot);
    work->begun = state.begun;
    work->begun.order.again = again;
    work->op = op_find(state.begun.order.request.operation);
    if (state.ended) {
        work->downtime_ms = state.downtime_ms;
        *err = state.outcome;
        return err->code == ERR_NONE ? 0 : -1;
    }
    if (put_right(work, &state, err) == 0)
        return 0;
    /* A recovery that has undone everything says so with ERR_INTERNAL; any other error is its own failure. */
    work->unsettled |= err->code != ERR_INTERNAL && !work->over;
    return -1;
}

/* What the record of a new snapshot has to say; so that also an outcome says it that is heard of late. */
static void add_record(const struct work *work, struct msg *msg)
{
    struct record record;
    struct err err;

    if (work->op != &op_create || store_find(work->store, work->begun.order.vm, work->snapshot, &record, &err) < 0)
        return;
    msg->freeze_ms = record.freeze_ms;
    memcpy(msg->warning, record.quiesce.warning, sizeof msg->warning);
}

/* Behind what the record says. */
static void add_warning(const struct work *work, struct msg *msg)
{
    size_t used = strlen(msg->warning);

    if (*work->warning)
        snprintf(msg->warning + used, sizeof msg->warning - used, "%s%s", used ? "; " : "", work->warning);
}

/* The agent has ended before anything was begun.  The next one says just that where it finds no journal; and it may
 * have looked already. */
static bool is_moot(const struct work *work, const struct err *err)
{
    return err->code == ERR_CANCELLED && work->control->gone && !work->stepped && !work->recovery;
}

/* A journal stays only where something is still to be put right, or nobody has heard the outcome yet. */
static void report(struct work *work, int rc, const struct err *err)
{
    struct msg msg = { .kind = MSG_RESULT, .downtime_ms = work->downtime_ms, .freeze_ms = -1 };

    if (rc < 0)
        msg.error = *err;
    else if (*work->snapshot)
        add_record(work, &msg);
    memcpy(msg.snapshot, work->snapshot, sizeof msg.snapshot);
    memcpy(msg.name, work->name, sizeof msg.name);
    memcpy(msg.plan, work->plan, sizeof msg.plan);
    add_warning(work, &msg);
    msg.by_hand = work->by_hand;
    if (work->journal && !work->unsettled)
        journal_end(work->journal, &msg.error, work->downtime_ms);
    if ((control_tell(work->control, &msg) || is_moot(work, &msg.error)) && work->journal && !work->unsettled)
        journal_remove(work->journal);
    qemu_img_keeps_open(-1);
    work->journal = journal_close(work->journal);
    if (work->store)
        store_tidy(work->store, work->begun.order.vm);
}

/* The last act of whatever was begun, and what the agent wants of each VM when it starts. */
static int protect(struct work *work, struct err *err)
{
    if (work->protect && !work->xl && xl_open(&work->xl, work->control, err) < 0)
        return -1;
    images_protect(work);
    return 0;
}

static int act(struct work *work, struct err *err)
{
    struct err protect_err;
    int rc;

    if (work->begun.order.protect)
        return protect(work, err);
    rc = work->begun.order.recover ? recover(work, err) : run(work, err);
    if (work->journal && !work->foreign && protect(work, &protect_err) < 0)
        log_warning("request %s: no image is protected: %s", work->begun.order.request.id, protect_err.text);
    return rc;
}

static int serve(const char *store, const char *run_dir, bool protects, struct err *err)
{
    struct control control;
    struct work work = { .run = run_dir, .protect = protects, .control = &control, .downtime_ms = -1 };
    struct order order;
    int rc;

    if (control_open(&control, SPAWN_FD, &order, err) < 0)
        return -1;
    work.begun.order = order;
    rc = store_open(&work.store, store, err);
    if (rc == 0)
        rc = act(&work, err);
    report(&work, rc, err);
    xl_close(work.xl);
    store_close(work.store);
    return 0;
}

int main(int argc, char **argv)
{
    const char *store = NULL, *run_dir = NULL;
    bool protects = false;
    struct err err;

    log_init("xensnap-worker", LOG_LEVEL_INFO);
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return check_main(argc - 1, argv + 1);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--steps") == 0) {
            print_steps();
            return 0;
        } else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc)
            store = argv[++i];
        else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc)
            run_dir = argv[++i];
        else if (strcmp(argv[i], "--protect") == 0)
            protects = true;
    if (!store || !run_dir) {
        fprintf(stderr, "xensnap-worker: started by xensnapd for each operation; --steps lists their steps, "
                        "--check looks at the store\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* libxl writes to helpers that may have died */
    /* The kernel sends it to a process group whose last parent has died, if it is stopped then; an agent's end is no
     * reason to leave things half done. */
    signal(SIGHUP, SIG_IGN);
    /* A QEMU that a restore starts must not inherit the line: the agent would never see its end. */
    fcntl(SPAWN_FD, F_SETFD, FD_CLOEXEC);
    if (serve(store, run_dir, protects, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
