/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status.h"

#include "check.h"
#include "pairs.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define UUID2 "89ab0123-4567-89ab-cdef-0123456789ab"

static void check_same(const struct status *is, const struct status *wanted)
{
    CHECK_INT(is->operation, wanted->operation);
    CHECK_INT(is->state, wanted->state);
    CHECK_STR(is->stage, wanted->stage);
    CHECK_INT(is->progress, wanted->progress);
    CHECK_INT(is->error.code, wanted->error.code);
    CHECK_STR(is->error.text, wanted->error.text);
    CHECK_STR(is->vm, wanted->vm);
    CHECK_STR(is->snapshot, wanted->snapshot);
    CHECK_STR(is->name, wanted->name);
    CHECK_INT(is->started, wanted->started);
    CHECK_INT(is->finished, wanted->finished);
    CHECK_INT(is->downtime_ms, wanted->downtime_ms);
    CHECK_INT(is->returned_by_revert, wanted->returned_by_revert);
    CHECK_INT(is->freeze_ms, wanted->freeze_ms);
    CHECK_STR(is->warning, wanted->warning);
    CHECK_STR(is->plan, wanted->plan);
}

static void comes_back(void)
{
    const struct status all[] = {
        status_initial,
        { .operation = OPERATION_CREATE, .state = STATE_RUNNING, .stage = "save", .progress = 0, .vm = UUID,
          .name = "gr\xc3\xbc\xc3\x9f", .started = 1700000000, .downtime_ms = -1 },
        { .operation = OPERATION_REVERT, .state = STATE_DONE, .stage = "unpause", .progress = 100, .vm = UUID,
          .snapshot = UUID2, .name = "a b", .started = 1700000000, .finished = 1700000009, .downtime_ms = 0,
          .returned_by_revert = true },
        { .operation = OPERATION_DELETE, .state = STATE_FAILED, .progress = -1, .downtime_ms = 120,
          .error = { ERR_QEMU, "disk xvda: no \"medium\"" }, .started = 1, .finished = 1LL << 40 },
        { .operation = OPERATION_NONE, .state = STATE_REJECTED, .progress = -1, .downtime_ms = -1,
          .error = { ERR_INVALID, "" } },
        { .operation = OPERATION_CREATE, .state = STATE_DONE, .progress = -1, .downtime_ms = -1, .freeze_ms = 212 },
        { .operation = OPERATION_CREATE, .state = STATE_DONE, .progress = -1, .downtime_ms = -1, .freeze_ms = -1,
          .warning = "not frozen: the guest \"does not\" answer" },
        { .operation = OPERATION_CREATE, .state = STATE_DONE, .progress = -1, .downtime_ms = -1, .freeze_ms = -1,
          .plan = "save the memory\nxvda: \"internal\" in /srv/a b.qcow2\n" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pairs pairs = { 0 };
        struct status status;

        memset(&status, 0xaa, sizeof status);
        check_row = state_word(all[i].state);
        status_format(&all[i], &pairs);
        status_parse(&status, &pairs);
        check_same(&status, &all[i]);
    }
}

static void every_word_comes_back(void)
{
    for (enum state state = 0; state < STATES; state++)
        for (enum operation op = OPERATION_NONE; op < OPERATIONS; op++) {
            struct status status = status_initial, again;
            struct pairs pairs = { 0 };

            check_row = state_word(state);
            status.state = state;
            status.operation = op;
            status_format(&status, &pairs);
            status_parse(&again, &pairs);
            check_same(&again, &status);
        }
}

static void every_error_comes_back(void)
{
    for (enum err_code code = ERR_NONE; code < ERR_CODES; code++) {
        struct status status = status_initial, again;
        struct pairs pairs = { 0 };

        if (code != ERR_NONE)
            err_set(&status.error, code, "because");
        status_format(&status, &pairs);
        status_parse(&again, &pairs);
        check_same(&again, &status);
    }
}

static void largest(void)
{
    struct status status = { .operation = OPERATION_CREATE, .state = STATE_CANCELLED, .progress = 100,
                             .vm = UUID, .snapshot = UUID2, .started = 1LL << 40, .finished = 1LL << 41,
                             .downtime_ms = 1 << 30, .returned_by_revert = true }, again;
    struct pairs pairs = { 0 };

    memset(status.stage, 's', sizeof status.stage - 1);
    memset(status.name, 'n', sizeof status.name - 1);
    status.error.code = ERR_CANCELLED;
    memset(status.error.text, 't', sizeof status.error.text - 1);
    status_format(&status, &pairs);
    status_parse(&again, &pairs);
    check_same(&again, &status);
}

static void only_what_there_is(void)
{
    struct pairs pairs = { 0 };

    status_format(&status_initial, &pairs);
    CHECK_INT((long long)pairs.count, 2);
    CHECK_STR(pairs_get(&pairs, "operation"), "none");
    CHECK_STR(pairs_get(&pairs, "state"), "queued");
}

static void as_the_protocol_says(void)
{
    const struct status status = { .operation = OPERATION_CREATE, .state = STATE_FAILED, .stage = "save",
                                   .progress = 5, .error = { ERR_NO_SPACE, "full" }, .vm = UUID,
                                   .snapshot = UUID2, .name = "a", .started = 7, .finished = 9,
                                   .downtime_ms = 3, .freeze_ms = 2, .warning = "w", .returned_by_revert = true };
    struct pairs pairs = { 0 };

    status_format(&status, &pairs);
    CHECK_INT((long long)pairs.count, 15);
    CHECK_STR(pairs_get(&pairs, "operation"), "create");
    CHECK_STR(pairs_get(&pairs, "state"), "failed");
    CHECK_STR(pairs_get(&pairs, "stage"), "save");
    CHECK_STR(pairs_get(&pairs, "progress"), "5");
    CHECK_STR(pairs_get(&pairs, "error"), "no-space");
    CHECK_STR(pairs_get(&pairs, "message"), "full");
    CHECK_STR(pairs_get(&pairs, "vm"), UUID);
    CHECK_STR(pairs_get(&pairs, "snapshot"), UUID2);
    CHECK_STR(pairs_get(&pairs, "name"), "a");
    CHECK_STR(pairs_get(&pairs, "started"), "7");
    CHECK_STR(pairs_get(&pairs, "finished"), "9");
    CHECK_STR(pairs_get(&pairs, "downtime-ms"), "3");
    CHECK_STR(pairs_get(&pairs, "freeze-ms"), "2");
    CHECK_STR(pairs_get(&pairs, "warning"), "w");
    CHECK_STR(pairs_get(&pairs, "returned"), "revert");
}

static void plan_is_a_node_a_line(void)
{
    struct status status = status_initial;
    struct pairs pairs = { 0 };

    snprintf(status.plan, sizeof status.plan, "one\ntwo");
    status_format(&status, &pairs);
    CHECK_INT((long long)pairs.count, 4);
    CHECK_STR(pairs_get(&pairs, "plan-0"), "one");
    CHECK_STR(pairs_get(&pairs, "plan-1"), "two");
}

static void plan_of_many_lines(void)
{
    struct status status = status_initial, again;
    struct pairs pairs = { 0 };

    for (int i = 0; i < 100; i++)
        snprintf(status.plan + strlen(status.plan), sizeof status.plan - strlen(status.plan), "line %d\n", i);
    status_format(&status, &pairs);
    CHECK_INT((long long)pairs.count, PAIRS_MAX);
    status_parse(&again, &pairs);
    CHECK(strncmp(status.plan, again.plan, strlen(again.plan)) == 0);
    CHECK_HAS(again.plan, "line 45\n");

    pairs.count = 0;
    for (int i = 0; i < 9; i++) {
        char key[PAIR_KEY_SIZE];

        snprintf(key, sizeof key, "plan-%d", i);
        pairs_add(&pairs, key, "%2000d", i); /* more than there is room for */
    }
    status_parse(&again, &pairs);
    CHECK_INT((long long)strlen(again.plan), sizeof again.plan - 1);
}

static void nothing_is_initial(void)
{
    struct pairs pairs = { 0 };
    struct status status;

    memset(&status, 0xaa, sizeof status);
    status_parse(&status, &pairs);
    check_same(&status, &status_initial);
}

static void what_it_does_not_understand(void)
{
    struct pairs pairs = { 0 };
    struct status status;

    pairs_add(&pairs, "operation", "clone");
    pairs_add(&pairs, "state", "thinking");
    pairs_add(&pairs, "error", "sunspots");
    pairs_add(&pairs, "message", "%400d", 1);
    pairs_add(&pairs, "name", "%400d", 1);
    pairs_add(&pairs, "vm", "%400d", 1);
    pairs_add(&pairs, "returned", "never");
    pairs_add(&pairs, "colour", "red");
    status_parse(&status, &pairs);
    CHECK_INT(status.operation, OPERATION_NONE);
    CHECK_INT(status.state, STATE_QUEUED);
    CHECK_INT(status.error.code, ERR_INTERNAL);
    CHECK_INT((long long)strlen(status.error.text), sizeof status.error.text - 1);
    CHECK_INT((long long)strlen(status.name), NAME_MAX_BYTES);
    CHECK_INT((long long)strlen(status.vm), UUID_LENGTH);
    CHECK(!status.returned_by_revert);
}

static void final_states(void)
{
    static const struct {
        enum state state;
        const char *word;
        bool final;
    } rows[] = {
        { STATE_QUEUED, "queued", false },         { STATE_RUNNING, "running", false },
        { STATE_CANCELLING, "cancelling", false }, { STATE_RECOVERING, "recovering", false },
        { STATE_DONE, "done", true },              { STATE_FAILED, "failed", true },
        { STATE_CANCELLED, "cancelled", true },    { STATE_REJECTED, "rejected", true },
    };

    CHECK_INT(sizeof rows / sizeof *rows, STATES);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row = rows[i].word;
        CHECK_STR(state_word(rows[i].state), rows[i].word);
        CHECK_INT(state_final(rows[i].state), rows[i].final);
    }
}

static const struct check_test tests[] = {
    { "what is formatted is parsed back", comes_back },
    { "every state and operation comes back", every_word_comes_back },
    { "every error comes back", every_error_comes_back },
    { "the largest status comes back", largest },
    { "what is not known is not written", only_what_there_is },
    { "the keys are those of the protocol", as_the_protocol_says },
    { "a plan has a node for each line", plan_is_a_node_a_line },
    { "a plan of too many lines, or too long ones, is cut", plan_of_many_lines },
    { "nothing at all is the initial status", nothing_is_initial },
    { "what is not understood is left, and what is too long is cut", what_it_does_not_understand },
    { "done, failed, cancelled and rejected are final", final_states },
};

CHECK_MAIN(tests)
