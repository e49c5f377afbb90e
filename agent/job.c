/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row for each state, one column for each event; 0 means "cannot happen". */
#define GO(state) ((state) + 1)

static const signed char table[STATES][JOB_EVENTS] = {
    [STATE_QUEUED]     = { [JOB_START]     = GO(STATE_RUNNING),
                           [JOB_CANCEL]    = GO(STATE_CANCELLED) },

    [STATE_RUNNING]    = { [JOB_CANCEL]    = GO(STATE_CANCELLING),
                           [JOB_SUCCEEDED] = GO(STATE_DONE),
                           [JOB_ERRED]     = GO(STATE_FAILED),
                           [JOB_DIED]      = GO(STATE_RECOVERING) },

    /* A cancel that comes too late does not make a success a failure. */
    [STATE_CANCELLING] = { [JOB_CANCEL]    = GO(STATE_CANCELLING),
                           [JOB_SUCCEEDED] = GO(STATE_DONE),
                           [JOB_ERRED]     = GO(STATE_CANCELLED),
                           [JOB_DIED]      = GO(STATE_RECOVERING) },

    /* Recovery is never cancelled, and tried once: what even it can't put right needs a person. */
    [STATE_RECOVERING] = { [JOB_CANCEL]    = GO(STATE_RECOVERING),
                           [JOB_START]     = GO(STATE_RECOVERING),
                           [JOB_SUCCEEDED] = GO(STATE_DONE),
                           [JOB_ERRED]     = GO(STATE_FAILED),
                           [JOB_DIED]      = GO(STATE_FAILED) },
};

int job_next(enum state state, enum job_event event)
{
    return table[state][event] - 1;
}

struct job *job_new(const struct order *order)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->order = *order;
    job->status = status_initial;
    job->status.operation = order->request.operation;
    job->status.state = order->recover ? STATE_RECOVERING : STATE_QUEUED;
    job->socket = -1;
    return job;
}

struct job *job_free(struct job *job)
{
    free(job);
    return NULL;
}

void job_tell_doubt(struct job *job)
{
    struct err said = job->status.error;
    char own[STATUS_WARNING_SIZE];

    if (said.code == ERR_NOT_FOUND && *job->doubt.elsewhere)
        err_set(&job->status.error, said.code, "%s; the VM %s of that name, which does not run, has one: say its UUID",
                said.text, job->doubt.elsewhere);
    if (said.code != ERR_NONE || !*job->doubt.warning)
        return;
    memcpy(own, job->status.warning, sizeof own);
    snprintf(job->status.warning, sizeof job->status.warning, "%.100s%s%.200s", own, *own ? "; " : "",
             job->doubt.warning);
}
