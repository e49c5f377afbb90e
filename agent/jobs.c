/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "domains.h"
#include "log.h"
#include "loop.h"
#include "publish.h"
#include "spawn.h"
#include "store.h"

static void step(struct job *job, enum job_event event)
{
    int state = job_next(job->status.state, event);

    if (state < 0)
        log_error("request %s: event %d in state %s", job->order.request.id, event,
                  state_word(job->status.state));
    else
        job->status.state = (enum state)state;
}

static void end_job(struct agent *agent, struct job *job)
{
    const struct status *status = &job->status;

    job->status.finished = time(NULL);
    job->status.progress = -1;
    *job->status.stage = '\0';
    report_list(agent, job->order.vm);
    report_job(agent, job);
    if (!job->order.protect)
        log_info("request %s: %s of domain %d (%s) %s after %lld ms%s%s", job->order.request.id,
                 operation_word(status->operation), job->order.domid, job->order.vm, state_word(status->state),
                 job->began_ms ? clock_ms() - job->began_ms : 0, status->error.code ? ": " : "",
                 status->error.code ? status->error.text : "");
}

/* The request that made the snapshot was made in the domain's own tree: then the domain is returning from it once
 * more, and has to be able to tell. */
static void tell_returned(struct agent *agent, unsigned domid, const char *vm, const char *snapshot)
{
    struct status status = status_initial;
    struct record record;
    struct err err;

    if (store_find(agent->store, vm, snapshot, &record, &err) < 0 || !*record.request)
        return;
    status.operation = OPERATION_CREATE;
    status.state = STATE_DONE;
    status.returned_by_revert = true;
    status.started = status.finished = record.created_ms / 1000;
    status.downtime_ms = record.downtime_ms;
    memcpy(status.vm, record.vm, sizeof status.vm);
    memcpy(status.snapshot, record.id, sizeof status.snapshot);
    memcpy(status.name, record.name, sizeof status.name);
    publish_status(agent->xs, domid, record.request, &status);
}

/* A revert has made a new domain: it gets its tree and its monitor, and the request is answered there if the old
 * domain's tree was its home. */
static void move_to_new_domain(struct agent *agent, struct job *job, const char *snapshot)
{
    const struct domain *domain;

    agent_look_for_domains(agent);
    agent_ensure_monitors(agent);
    domain = domains_by_uuid(agent->domains, job->order.vm);
    if (!domain || job->order.domid == (int)domain->domid)
        return; /* it has gone again, or all this was done when it was restored */
    if (job->order.domid >= 0 && job->order.home == (unsigned)job->order.domid)
        job->order.home = domain->domid;
    job->order.domid = (int)domain->domid;
    tell_returned(agent, domain->domid, job->order.vm, snapshot);
}

/* The new domain stands there, paused: all of it is done before it runs. */
static void on_restored(struct agent *agent, struct job *job, const struct msg *msg)
{
    memcpy(job->status.snapshot, msg->snapshot, sizeof job->status.snapshot);
    move_to_new_domain(agent, job, msg->snapshot);
    report_job(agent, job);
}

static void on_result(struct agent *agent, struct job *job, const struct msg *msg)
{
    bool done = msg->error.code == ERR_NONE;

    job->reported = true;
    job->by_hand = msg->by_hand;
    job->status.error = msg->error;
    job->status.downtime_ms = msg->downtime_ms;
    job->status.freeze_ms = msg->freeze_ms;
    memcpy(job->status.warning, msg->warning, sizeof job->status.warning);
    memcpy(job->status.snapshot, msg->snapshot, sizeof job->status.snapshot);
    memcpy(job->status.name, msg->name, sizeof job->status.name);
    memcpy(job->status.plan, msg->plan, sizeof job->status.plan);
    job_tell_doubt(job);
    step(job, done ? JOB_SUCCEEDED : JOB_ERRED);
    if (done && job->order.request.operation == OPERATION_REVERT)
        move_to_new_domain(agent, job, msg->snapshot);
    agent_ensure_monitors(agent);
    end_job(agent, job);
}

/* Only what has been published was heard: a worker that is not told to go on keeps its journal. */
static void go_on(struct agent *agent, const struct job *job)
{
    if (agent_is_heard(agent))
        msg_send(job->socket, &(struct msg){ .kind = MSG_GO });
}

static void on_msg(struct agent *agent, struct job *job, const struct msg *msg)
{
    switch (msg->kind) {
    case MSG_PROGRESS:
        job->status.progress = msg->progress;
        memcpy(job->status.stage, msg->stage, sizeof job->status.stage);
        report_soon(agent, job);
        ready_progress(agent, job);
        break;
    case MSG_SETTLED:
        job->first_try = false;
        ready_look(agent);
        break;
    case MSG_RESTORED:
        on_restored(agent, job, msg);
        go_on(agent, job);
        break;
    case MSG_RESULT:
        on_result(agent, job, msg);
        go_on(agent, job);
        break;
    default:
        log_error("request %s: its worker said something unknown", job->order.request.id);
    }
}

/* Reads what the worker has said; the end of the worker itself is learnt from SIGCHLD. */
static void drain(struct agent *agent, struct job *job)
{
    struct msg msg;
    int got;

    while ((got = msg_receive(job->socket, &msg)) == 1)
        on_msg(agent, job, &msg);
    if (got == 0 || errno != EAGAIN)
        loop_remove(agent->loop, job->socket);
}

static void on_socket(void *data)
{
    struct job *job = data;

    drain(job->agent, job);
}

static int start_worker(struct agent *agent, struct job *job, struct err *err)
{
    char path[PATH_MAX];
    char *argv[] = { path, (char *)"--store", (char *)agent->options->store,
                     (char *)"--run", (char *)agent->options->run,
                     agent->options->protect ? (char *)"--protect" : NULL, NULL };

    snprintf(path, sizeof path, "%s/xensnap-worker", agent->options->libexec);
    if (spawn_with_socket(&job->worker, argv, &job->socket, err) < 0) {
        job->worker = 0;
        return -1;
    }
    fcntl(job->socket, F_SETFL, O_NONBLOCK);
    return loop_add(agent->loop, job->socket, on_socket, job, err);
}

static void start_job(struct agent *agent, struct job *job)
{
    struct err err;

    if (!job->began_ms) {
        job->began_ms = clock_ms();
        job->status.started = time(NULL);
    }
    step(job, JOB_START);
    job->order.recover = job->status.state == STATE_RECOVERING;
    job->reported = false;
    if (!job->order.protect)
        log_info("request %s: %s%s of domain %d (%s) begins", job->order.request.id,
                 job->order.recover ? "recovery of " : "", operation_word(job->order.request.operation),
                 job->order.domid, job->order.vm);
    report_job(agent, job);
    if (start_worker(agent, job, &err) < 0) {
        log_error("%s", err.text);
        if (job->worker)
            kill(job->worker, SIGKILL); /* it has no orders yet; its end is handled as any other's */
        return;
    }
    msg_send(job->socket, &(struct msg){ .kind = MSG_ORDER, .order = job->order });
}

/* What it was to put right, or was to wait for, is not forgotten with it. */
static void leave_queue(struct agent *agent, struct job *job)
{
    queue_take(&agent->queue, job);
    ready_look(agent);
    retry_look(agent, job->order.vm, job->by_hand);
    job_free(job);
}

void jobs_schedule(struct agent *agent)
{
    struct job *job;

    while (!agent->stopping && (job = queue_next(&agent->queue))) {
        start_job(agent, job);
        if (!job->worker) { /* not even a process could be had: nothing was begun */
            err_set(&job->status.error, ERR_INTERNAL, "the worker could not be started; see the agent's log");
            step(job, JOB_DIED);
            job->status.state = STATE_FAILED;
            end_job(agent, job);
            leave_queue(agent, job);
        }
    }
    if (agent->stopping) {
        bool working = false;

        for (job = agent->queue.jobs; job; job = job->next)
            working |= job->worker != 0;
        if (!working)
            loop_stop(agent->loop);
    }
}

static void on_worker_ended(struct agent *agent, struct job *job, int wait_status)
{
    pid_t worker = job->worker;

    drain(agent, job);
    loop_remove(agent->loop, job->socket);
    close(job->socket);
    job->socket = -1;
    job->worker = 0;
    if (!job->reported) {
        /* libxl's helpers are in the worker's process group and must not go on without it.  (A QEMU that a
         * restore has started has a session of its own.) */
        kill(-worker, SIGKILL);
        log_error("request %s: worker %d ended without a result (wait status 0x%x)", job->order.request.id,
                  (int)worker, (unsigned)wait_status);
        step(job, JOB_DIED);
        if (job->status.state == STATE_RECOVERING) {
            report_job(agent, job);
            return; /* it is still the first of its VM: schedule() starts its recovery */
        }
        err_set(&job->status.error, ERR_INTERNAL,
                "the operation was interrupted and could not be put right; see the agent's log");
        end_job(agent, job);
    }
    leave_queue(agent, job);
}

void agent_on_child(struct agent *agent)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        struct job *job = queue_find_worker(&agent->queue, pid);

        if (job)
            on_worker_ended(agent, job, wait_status);
        else if (wait_status != 0)
            log_error("xensnap-monitor %d ended early (wait status 0x%x)", (int)pid, (unsigned)wait_status);
    }
    jobs_schedule(agent);
    agent_is_heard(agent);
}

void jobs_cancel(struct agent *agent, struct job *job)
{
    step(job, JOB_CANCEL);
    if (job->status.state == STATE_CANCELLED) {
        err_set(&job->status.error, ERR_CANCELLED, "cancelled before it was begun");
        end_job(agent, job);
        leave_queue(agent, job);
        return;
    }
    if (job->socket >= 0)
        msg_send(job->socket, &(struct msg){ .kind = MSG_CANCEL });
    report_job(agent, job);
}
