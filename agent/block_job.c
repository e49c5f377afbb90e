/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block_job.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "json.h"
#include "nodes.h"
#include "qmp.h"

#define JOB_ID "xensnap-commit"

enum { COMMAND_SECONDS = 60, SETTLE_SECONDS = 120, PROGRESS_SECONDS = 1 };

enum job_state { JOB_NONE, JOB_WORKING, JOB_IS_READY, JOB_PENDING, JOB_CONCLUDED };

struct job_info {
    enum job_state state;
    int percent;
    char error[200];
};

static enum job_state state_of(const char *word)
{
    if (!word)
        return JOB_WORKING;
    if (strcmp(word, "ready") == 0)
        return JOB_IS_READY;
    if (strcmp(word, "pending") == 0)
        return JOB_PENDING;
    return strcmp(word, "concluded") == 0 ? JOB_CONCLUDED : JOB_WORKING;
}

static int query(struct qmp *qmp, struct job_info *info, struct err *err)
{
    _cleanup_(json_freep) struct json *reply = NULL;
    const struct json *jobs;

    *info = (struct job_info){ .state = JOB_NONE, .percent = -1 };
    if (qmp_call(qmp, "query-jobs", NULL, COMMAND_SECONDS, &reply, err) < 0)
        return -1;
    jobs = json_get(reply, "return");
    for (size_t i = 0; i < json_count(jobs); i++) {
        const struct json *job = json_at(jobs, i);
        const char *id = json_string(json_get(job, "id"));
        long long total = json_integer(json_get(job, "total-progress"), 0);

        if (!id || strcmp(id, JOB_ID) != 0)
            continue;
        info->state = state_of(json_string(json_get(job, "status")));
        if (total > 0)
            info->percent = (int)(json_integer(json_get(job, "current-progress"), 0) * 100 / total);
        json_copy(job, "error", info->error, sizeof info->error);
    }
    return 0;
}

static int command(struct qmp *qmp, const char *name, struct err *err)
{
    return qmp_call(qmp, name, "{\"id\":\"" JOB_ID "\"}", COMMAND_SECONDS, NULL, err);
}

int block_job_is_there(struct qmp *qmp, struct err *err)
{
    struct job_info info;

    return query(qmp, &info, err) < 0 ? -1 : info.state != JOB_NONE;
}

int block_job_settle(struct qmp *qmp, struct err *err)
{
    long long deadline = clock_ms() + SETTLE_SECONDS * 1000;
    bool cancelled = false;

    for (;;) {
        struct job_info info;

        if (query(qmp, &info, err) < 0)
            return -1;
        if (info.state == JOB_NONE)
            return 0;
        if (info.state == JOB_CONCLUDED)
            return command(qmp, "job-dismiss", err);
        if (clock_ms() > deadline)
            return err_set(err, ERR_QEMU, "an earlier merge in QEMU does not end");
        if (!cancelled)
            command(qmp, "job-cancel", err); /* refused where it is on its way out already */
        cancelled = true;
        if (qmp_wait_event(qmp, PROGRESS_SECONDS, err) < 0)
            return -1;
    }
}

static int start(struct qmp *qmp, const struct block_commit *commit, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_string(w, "job-id", JOB_ID);
    json_put_string(w, "device", commit->upper->top);
    json_put_string(w, commit->by_path ? "base" : "base-node",
                    commit->by_path ? commit->lower_path : commit->lower->name);
    if (!commit->by_path || commit->upper->role == NODE_BELOW)
        json_put_string(w, commit->by_path ? "top" : "top-node",
                        commit->by_path ? commit->upper_path : commit->upper->name);
    if (commit->upper->role == NODE_BELOW)
        json_put_string(w, "backing-file", commit->lower_path); /* for the header of the image above */
    json_put_bool(w, "auto-finalize", false);
    json_put_bool(w, "auto-dismiss", false);
    json_end_object(w);
    return qmp_call(qmp, "block-commit", json_text(w), COMMAND_SECONDS, NULL, err);
}

/* Both images are the same now and the guest cannot write: this is the moment to say which one is the disk. */
static int pivot(struct qmp *qmp, const struct block_commit *commit, struct err *err)
{
    if (commit->upper->role == NODE_TOP && commit->at_pivot(commit->data, err) < 0)
        return -1; /* the guest is held until what was said of LOWER is taken back */
    return command(qmp, "job-finalize", err);
}

static int conclude(struct qmp *qmp, struct block_commit *commit, const struct job_info *info, bool cancelled,
                    struct err *err)
{
    if (command(qmp, "job-dismiss", err) < 0)
        return -1;
    commit->ended = true;
    if (cancelled)
        return err_set(err, ERR_CANCELLED, "cancelled while the images were being merged");
    if (!*info->error)
        return 0;
    return err_set(err, strstr(info->error, "No space") ? ERR_NO_SPACE : ERR_QEMU, "QEMU's merge failed: %s",
                   info->error);
}

int block_job_commit(struct qmp *qmp, struct block_commit *commit, struct control *control, struct err *err)
{
    bool completing = false, finalizing = false, cancelled = false;
    struct err look_err;

    if (start(qmp, commit, err) < 0) {
        commit->begun = block_job_is_there(qmp, &look_err) != 0; /* what is no refusal may have come too late */
        return -1;
    }
    commit->begun = true;
    for (;;) {
        struct job_info info;

        if (query(qmp, &info, err) < 0)
            return -1;
        control_progress(control, control->stage, info.percent);
        if (info.state == JOB_NONE)
            return err_set(err, ERR_QEMU, "QEMU's merge has vanished");
        if (info.state == JOB_CONCLUDED)
            return conclude(qmp, commit, &info, cancelled, err);
        if (commit->may_stop && !cancelled && !finalizing && control_asked_to_stop(control)) {
            cancelled = true;
            if (command(qmp, "job-cancel", err) < 0)
                return -1;
        } else if (info.state == JOB_IS_READY && !completing) {
            completing = true;
            if (command(qmp, "job-complete", err) < 0)
                return -1;
        } else if (info.state == JOB_PENDING && !finalizing && !cancelled) {
            finalizing = true;
            if (pivot(qmp, commit, err) < 0)
                return -1;
        } else if (qmp_wait_event(qmp, PROGRESS_SECONDS, err) < 0)
            return -1;
    }
}
