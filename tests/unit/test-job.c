/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "job.h"

#include "check.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

static const char *const events[JOB_EVENTS] = { "start", "cancel", "succeeded", "erred", "died" };

/* One row for each state, one column for each event. */
enum { NO = -1 };
static const int table[STATES][JOB_EVENTS] = {
    /* start, cancel, succeeded, erred, died */
    [STATE_QUEUED] = { STATE_RUNNING, STATE_CANCELLED, NO, NO, NO },
    [STATE_RUNNING] = { NO, STATE_CANCELLING, STATE_DONE, STATE_FAILED, STATE_RECOVERING },
    [STATE_CANCELLING] = { NO, STATE_CANCELLING, STATE_DONE, STATE_CANCELLED, STATE_RECOVERING },
    [STATE_RECOVERING] = { STATE_RECOVERING, STATE_RECOVERING, STATE_DONE, STATE_FAILED, STATE_FAILED },
    [STATE_DONE] = { NO, NO, NO, NO, NO },
    [STATE_FAILED] = { NO, NO, NO, NO, NO },
    [STATE_CANCELLED] = { NO, NO, NO, NO, NO },
    [STATE_REJECTED] = { NO, NO, NO, NO, NO },
};

static void whole_table(void)
{
    for (enum state state = 0; state < STATES; state++)
        for (enum job_event event = 0; event < JOB_EVENTS; event++) {
            char row[64];

            snprintf(row, sizeof row, "%s, %s", state_word(state), events[event]);
            check_row = row;
            CHECK_INT(job_next(state, event), table[state][event]);
            check_row = NULL;
        }
}

static void no_way_out_of_the_end(void)
{
    for (enum state state = 0; state < STATES; state++)
        for (enum job_event event = 0; state_final(state) && event < JOB_EVENTS; event++)
            CHECK_INT(job_next(state, event), -1);
}

/* Whatever happens, a job that has begun gets to an end or to its recovery, and that to an end. */
static void every_way_ends(void)
{
    for (enum job_event event = JOB_SUCCEEDED; event < JOB_EVENTS; event++) {
        CHECK(state_final((enum state)job_next(STATE_RECOVERING, event)));
        for (enum state state = STATE_RUNNING; state <= STATE_CANCELLING; state++) {
            int next = job_next(state, event);

            CHECK(next == STATE_RECOVERING || state_final((enum state)next));
        }
    }
}

static void new_job(void)
{
    const struct order order = { .vm = UUID, .domid = 5, .home = 5,
                                 .request = { .id = "r1", .operation = OPERATION_DELETE, .name = "a" } };
    struct job *job = job_new(&order);

    if (!CHECK(job != NULL))
        return;
    CHECK_STR(job->order.vm, UUID);
    CHECK_INT(job->order.domid, 5);
    CHECK_STR(job->order.request.id, "r1");
    CHECK_INT(job->status.operation, OPERATION_DELETE);
    CHECK_INT(job->status.state, STATE_QUEUED);
    CHECK_INT(job->status.progress, -1);
    CHECK_INT(job->status.downtime_ms, -1);
    CHECK_INT(job->socket, -1);
    CHECK_INT(job->worker, 0);
    CHECK(!job->reported && !job->unpublished && !job->next);
    CHECK(job_free(job) == NULL);
}

static void new_recovery(void)
{
    const struct order order = { .recover = true, .vm = UUID, .domid = -1 };
    struct job *job = job_new(&order);

    if (CHECK(job != NULL))
        CHECK_INT(job->status.state, STATE_RECOVERING);
    job_free(job);
    CHECK(job_free(NULL) == NULL);
}

static const struct check_test tests[] = {
    { "every event in every state leads where the table says", whole_table },
    { "nothing happens in a final state", no_way_out_of_the_end },
    { "a worker's end leads to an end or to one recovery", every_way_ends },
    { "a new job is queued, with its order and without a worker", new_job },
    { "a job that recovers says so from the beginning", new_recovery },
};

CHECK_MAIN(tests)
