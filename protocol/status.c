/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"

const struct status status_initial = { .progress = -1, .downtime_ms = -1, .freeze_ms = -1 };

static const char *const states[STATES] = {
    [STATE_QUEUED] = "queued",         [STATE_RUNNING] = "running",
    [STATE_CANCELLING] = "cancelling", [STATE_RECOVERING] = "recovering",
    [STATE_DONE] = "done",             [STATE_FAILED] = "failed",
    [STATE_CANCELLED] = "cancelled",   [STATE_REJECTED] = "rejected",
};

bool state_final(enum state state)
{
    return state >= STATE_DONE;
}

const char *state_word(enum state state)
{
    return states[state];
}

/* plan-0, plan-1, ...: a node holds one line. */
static void format_plan(const char *plan, struct pairs *pairs)
{
    for (size_t n = 0; *plan && pairs->count < PAIRS_MAX; n++) {
        size_t length = strcspn(plan, "\n");
        char key[PAIR_KEY_SIZE];

        snprintf(key, sizeof key, "plan-%zu", n);
        pairs_add(pairs, key, "%.*s", (int)length, plan);
        plan += length + (plan[length] == '\n');
    }
}

static void parse_plan(char plan[STATUS_PLAN_SIZE], const struct pairs *pairs)
{
    const char *line;
    char key[PAIR_KEY_SIZE] = "plan-0";

    for (size_t n = 1; *(line = pairs_get(pairs, key)); n++) {
        size_t used = strlen(plan);

        snprintf(plan + used, STATUS_PLAN_SIZE - used, "%s\n", line);
        snprintf(key, sizeof key, "plan-%zu", n);
    }
}

void status_format(const struct status *status, struct pairs *pairs)
{
    pairs_add(pairs, "operation", "%s", operation_word(status->operation));
    pairs_add(pairs, "state", "%s", states[status->state]);
    if (*status->stage)
        pairs_add(pairs, "stage", "%s", status->stage);
    if (status->progress >= 0)
        pairs_add(pairs, "progress", "%d", status->progress);
    if (status->error.code != ERR_NONE) {
        pairs_add(pairs, "error", "%s", err_word(status->error.code));
        pairs_add(pairs, "message", "%s", status->error.text);
    }
    if (*status->vm)
        pairs_add(pairs, "vm", "%s", status->vm);
    if (*status->snapshot)
        pairs_add(pairs, "snapshot", "%s", status->snapshot);
    if (*status->name)
        pairs_add(pairs, "name", "%s", status->name);
    if (status->started)
        pairs_add(pairs, "started", "%lld", status->started);
    if (status->finished)
        pairs_add(pairs, "finished", "%lld", status->finished);
    if (status->downtime_ms >= 0)
        pairs_add(pairs, "downtime-ms", "%d", status->downtime_ms);
    if (status->freeze_ms >= 0)
        pairs_add(pairs, "freeze-ms", "%d", status->freeze_ms);
    if (*status->warning)
        pairs_add(pairs, "warning", "%s", status->warning);
    if (status->returned_by_revert)
        pairs_add(pairs, "returned", "revert");
    format_plan(status->plan, pairs);
}

static enum state parse_state(const char *word)
{
    for (enum state state = 0; state < STATES; state++)
        if (strcmp(word, states[state]) == 0)
            return state;
    return STATE_QUEUED;
}

static enum operation parse_operation(const char *word)
{
    for (enum operation op = 0; op < OPERATIONS; op++)
        if (strcmp(word, operation_word(op)) == 0)
            return op;
    return OPERATION_NONE;
}

static int number_or(const char *text, int otherwise)
{
    return *text ? atoi(text) : otherwise;
}

#define COPY(field, key) snprintf(field, sizeof field, "%s", pairs_get(pairs, key))

void status_parse(struct status *status, const struct pairs *pairs)
{
    *status = status_initial;
    status->operation = parse_operation(pairs_get(pairs, "operation"));
    status->state = parse_state(pairs_get(pairs, "state"));
    COPY(status->stage, "stage");
    status->progress = number_or(pairs_get(pairs, "progress"), -1);
    if (*pairs_get(pairs, "error")) {
        status->error.code = err_from_word(pairs_get(pairs, "error"));
        COPY(status->error.text, "message");
    }
    COPY(status->vm, "vm");
    COPY(status->snapshot, "snapshot");
    COPY(status->name, "name");
    status->started = atoll(pairs_get(pairs, "started"));
    status->finished = atoll(pairs_get(pairs, "finished"));
    status->downtime_ms = number_or(pairs_get(pairs, "downtime-ms"), -1);
    status->freeze_ms = number_or(pairs_get(pairs, "freeze-ms"), -1);
    COPY(status->warning, "warning");
    parse_plan(status->plan, pairs);
    status->returned_by_revert = strcmp(pairs_get(pairs, "returned"), "revert") == 0;
}
