/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "care.h"
#include "cleanup.h"
#include "clock.h"
#include "domains.h"
#include "inbox.h"
#include "journal.h"
#include "log.h"
#include "loop.h"
#include "publish.h"
#include "queue.h"
#include "spawn.h"
#include "store.h"
#include "xenstore.h"

enum { PROGRESS_INTERVAL_MS = 500 };

struct agent {
    const struct agent_options *options;
    struct loop *loop;
    struct xenstore *xs;
    struct domains *domains;
    struct store *store;
    struct queue queue;
    int progress_timer; /* armed while a job has progress that is not published */
    bool stopping;
};

static void schedule(struct agent *agent);
static void look_for_domains(struct agent *agent);

/* ---- publishing ---------------------------------------------------------------------------------------- */

/* A name for a VM: the running domain's, else the one that its newest snapshot was made under. */
static void vm_name(struct agent *agent, const char *vm, const struct snapshots *snapshots,
                    char name[NAME_MAX_BYTES + 1])
{
    const struct domain *domain = domains_by_uuid(agent->domains, vm);

    *name = '\0';
    if (domain)
        domains_name(agent->domains, domain->domid, name);
    else if (snapshots->count)
        snprintf(name, NAME_MAX_BYTES + 1, "%s", snapshots->records[snapshots->count - 1].vm_name);
}

static void refresh_list(struct agent *agent, const char *vm)
{
    const struct domain *domain = domains_by_uuid(agent->domains, vm);
    struct snapshots snapshots = { 0 };
    char name[NAME_MAX_BYTES + 1];
    struct err err;

    store_list(agent->store, vm, &snapshots, &err); /* no directory: an empty list */
    vm_name(agent, vm, &snapshots, name);
    publish_list(agent->xs, vm, name, domain ? (int)domain->domid : -1, &snapshots);
    snapshots_deinit(&snapshots);
}

static void publish_job(struct agent *agent, struct job *job)
{
    job->unpublished = false;
    if (*job->order.request.id)
        publish_status(agent->xs, job->order.home, job->order.request.id, &job->status);
}

static void reject(struct agent *agent, unsigned home, const struct request *request, const struct err *err)
{
    struct status status = status_initial;

    status.operation = request->operation;
    status.state = STATE_REJECTED;
    status.error = *err;
    status.started = status.finished = time(NULL);
    log_info("request %s of domain %u: rejected: %s: %s", request->id, home, err_word(err->code), err->text);
    publish_status(agent->xs, home, request->id, &status);
}

/* Reports twice a second at most: each write wakes whoever watches, in the guest too. */
static void on_progress_timer(void *data)
{
    struct agent *agent = data;
    uint64_t count;

    (void)!read(agent->progress_timer, &count, sizeof count);
    for (struct job *job = agent->queue.jobs; job; job = job->next)
        if (job->unpublished)
            publish_job(agent, job);
}

static void publish_soon(struct agent *agent, struct job *job)
{
    struct itimerspec when = { .it_value.tv_nsec = PROGRESS_INTERVAL_MS * 1000000L }, left;

    job->unpublished = true;
    timerfd_gettime(agent->progress_timer, &left);
    if (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0)
        timerfd_settime(agent->progress_timer, 0, &when, NULL);
}

/* ---- monitors ------------------------------------------------------------------------------------------ */

static void start_monitor(void *data, const char *vm, unsigned domid, int held)
{
    struct agent *agent = data;
    char path[PATH_MAX], number[16];
    char *argv[] = { path, (char *)"--run", (char *)agent->options->run, (char *)vm, number, NULL };
    struct err err;
    pid_t pid;

    snprintf(path, sizeof path, "%s/xensnap-monitor", agent->options->libexec);
    snprintf(number, sizeof number, "%u", domid);
    if (spawn(&pid, argv, held, &err) < 0)
        log_error("domain %u (%s): nobody looks after its shutdown: %s", domid, vm, err.text);
    else
        log_info("domain %u (%s): xensnap-monitor %d looks after its shutdown", domid, vm, (int)pid);
}

/* Cheap, and called whenever something has happened that may leave a domain alone.  A monitor that died is
 * replaced at the latest when xenstored announces a shutdown, which is when it is needed. */
static void ensure_monitors(struct agent *agent)
{
    care_each_alone(agent->options->run, start_monitor, agent);
}

/* ---- workers ------------------------------------------------------------------------------------------- */

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
    refresh_list(agent, job->order.vm);
    publish_job(agent, job);
    log_info("request %s: %s of domain %d (%s) %s after %lld ms%s%s", job->order.request.id,
             operation_word(status->operation), job->order.domid, job->order.vm, state_word(status->state),
             clock_ms() - job->began_ms, status->error.code ? ": " : "",
             status->error.code ? status->error.text : "");
}

/* The new domain of a revert stands there, paused: whoever was in it must find out, before it runs, that
 * it has been brought back, and somebody must look after it. */
static void on_restored(struct agent *agent, struct job *job, const struct msg *msg)
{
    struct snapshots snapshots = { 0 };
    const struct record *record;
    struct err err;

    look_for_domains(agent);
    ensure_monitors(agent);
    if (job->order.domid >= 0 && job->order.home == (unsigned)job->order.domid)
        job->order.home = (unsigned)msg->domid;
    job->order.domid = msg->domid;
    snprintf(job->status.snapshot, sizeof job->status.snapshot, "%s", msg->snapshot);
    publish_job(agent, job);

    store_list(agent->store, job->order.vm, &snapshots, &err);
    record = snapshots_find(&snapshots, msg->snapshot);
    if (record && *record->request) {
        struct status status = status_initial;

        status.operation = OPERATION_CREATE;
        status.state = STATE_DONE;
        status.returned_by_revert = true;
        status.started = status.finished = record->created_ms / 1000;
        status.downtime_ms = record->downtime_ms;
        snprintf(status.vm, sizeof status.vm, "%s", record->vm);
        snprintf(status.snapshot, sizeof status.snapshot, "%s", record->id);
        snprintf(status.name, sizeof status.name, "%s", record->name);
        publish_status(agent->xs, (unsigned)msg->domid, record->request, &status);
    }
    snapshots_deinit(&snapshots);
}

static void on_result(struct agent *agent, struct job *job, const struct msg *msg)
{
    job->reported = true;
    job->status.error = msg->error;
    job->status.downtime_ms = msg->downtime_ms;
    snprintf(job->status.snapshot, sizeof job->status.snapshot, "%s", msg->snapshot);
    snprintf(job->status.name, sizeof job->status.name, "%s", msg->name);
    step(job, msg->error.code == ERR_NONE ? JOB_SUCCEEDED : JOB_ERRED);
    ensure_monitors(agent);
    end_job(agent, job);
}

static void on_msg(struct agent *agent, struct job *job, const struct msg *msg)
{
    switch (msg->kind) {
    case MSG_PROGRESS:
        job->status.progress = msg->progress;
        memcpy(job->status.stage, msg->stage, sizeof job->status.stage);
        publish_soon(agent, job);
        break;
    case MSG_RESTORED:
        on_restored(agent, job, msg);
        msg_send(job->socket, &(struct msg){ .kind = MSG_GO });
        break;
    case MSG_RESULT:
        on_result(agent, job, msg);
        msg_send(job->socket, &(struct msg){ .kind = MSG_GO });
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
                     (char *)"--run", (char *)agent->options->run, NULL };

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
    log_info("request %s: %s%s of domain %d (%s) begins", job->order.request.id,
             job->order.recover ? "recovery of " : "", operation_word(job->order.request.operation),
             job->order.domid, job->order.vm);
    publish_job(agent, job);
    if (start_worker(agent, job, &err) < 0) {
        log_error("%s", err.text);
        if (job->worker)
            kill(job->worker, SIGKILL); /* it has no orders yet; its end is handled as any other's */
        return;
    }
    msg_send(job->socket, &(struct msg){ .kind = MSG_ORDER, .order = job->order });
}

static void schedule(struct agent *agent)
{
    struct job *job;

    while (!agent->stopping && (job = queue_next(&agent->queue))) {
        start_job(agent, job);
        if (!job->worker) { /* not even a process could be had: nothing was begun */
            err_set(&job->status.error, ERR_INTERNAL, "the worker could not be started; see the agent's log");
            step(job, JOB_DIED);
            job->status.state = STATE_FAILED;
            end_job(agent, job);
            queue_take(&agent->queue, job);
            job_free(job);
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
            publish_job(agent, job);
            return; /* it is still the first of its VM: schedule() starts its recovery */
        }
        err_set(&job->status.error, ERR_INTERNAL,
                "the operation was interrupted and could not be put right; see the agent's log");
        end_job(agent, job);
    }
    queue_take(&agent->queue, job);
    job_free(job);
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
    schedule(agent);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void cancel_job(struct agent *agent, struct job *job)
{
    step(job, JOB_CANCEL);
    if (job->status.state == STATE_CANCELLED) {
        err_set(&job->status.error, ERR_CANCELLED, "cancelled before it was begun");
        end_job(agent, job);
        queue_take(&agent->queue, job);
        job_free(job);
        return;
    }
    if (job->socket >= 0)
        msg_send(job->socket, &(struct msg){ .kind = MSG_CANCEL });
    publish_job(agent, job);
}

static void on_cancel(struct agent *agent, unsigned home, const struct request *request)
{
    struct job *job = queue_find_request(&agent->queue, home, request->about);
    struct status status = status_initial;
    struct err err;

    if (!job) {
        if (*request->id) {
            err_set(&err, ERR_NOT_FOUND, "no such request is waiting or running");
            reject(agent, home, request, &err);
        }
        return;
    }
    cancel_job(agent, job);
    if (*request->id) {
        status.operation = OPERATION_CANCEL;
        status.state = STATE_DONE;
        status.started = status.finished = time(NULL);
        publish_status(agent->xs, home, request->id, &status);
    }
}

static void on_list(struct agent *agent, const struct order *order)
{
    struct status status = status_initial;

    refresh_list(agent, order->vm);
    status.operation = OPERATION_LIST;
    status.state = STATE_DONE;
    status.started = status.finished = time(NULL);
    snprintf(status.vm, sizeof status.vm, "%s", order->vm);
    publish_status(agent->xs, order->home, order->request.id, &status);
}

struct search {
    struct agent *agent;
    const char *text;
    char *vm;
};

static void match_stopped(void *data, const char *vm)
{
    struct search *search = data;
    struct snapshots snapshots = { 0 };
    char name[NAME_MAX_BYTES + 1];
    struct err err;

    store_list(search->agent->store, vm, &snapshots, &err);
    vm_name(search->agent, vm, &snapshots, name);
    if (snapshots.count && (strcmp(vm, search->text) == 0 || strcmp(name, search->text) == 0))
        memcpy(search->vm, vm, UUID_LENGTH + 1);
    snapshots_deinit(&snapshots);
}

/* Whom the request is about: a running domain, or a VM that only the store knows. */
static int resolve(struct agent *agent, struct order *order, struct err *err)
{
    const char *text = order->request.domain;
    const struct domain *domain = *text ? domains_find(agent->domains, text)
                                        : domains_by_domid(agent->domains, order->home);

    order->domid = -1;
    if (domain && domain->domid == 0)
        return err_set(err, *text ? ERR_UNSUPPORTED : ERR_INVALID,
                       *text ? "dom0 cannot be snapshotted" : "domain= says whom it is about");
    if (domain) {
        order->domid = (int)domain->domid;
        memcpy(order->vm, domain->uuid, sizeof order->vm);
        return 0;
    }
    store_each_vm(agent->store, match_stopped, &(struct search){ agent, text, order->vm });
    if (!*order->vm)
        return err_set(err, ERR_NOT_FOUND, "no such domain");
    if (order->request.operation == OPERATION_CREATE)
        return err_set(err, ERR_UNSUPPORTED, "the domain is not running, so it has no memory to save");
    return 0;
}

/* What an agent before us began and nobody ended; its worker may even be at it still. */
static void take_up(void *data, const char *vm)
{
    struct agent *agent = data;
    struct order order = { .domid = -1 };
    struct job *job;
    struct err err;

    if (queue_has_vm(&agent->queue, vm) || !store_has_journal(agent->store, vm))
        return;
    journal_peek(agent->store, vm, &order);
    memcpy(order.vm, vm, UUID_LENGTH + 1);
    order.recover = true;
    job = job_new(&order);
    if (!job)
        return;
    job->agent = agent;
    memcpy(job->status.vm, vm, UUID_LENGTH + 1);
    if (queue_push(&agent->queue, job, &err) < 0)
        job_free(job);
}

static int queue_request(struct agent *agent, const struct order *order, struct err *err)
{
    struct job *job = agent->stopping ? NULL : job_new(order);

    take_up(agent, order->vm); /* what an earlier recovery could not put right is tried again first */
    if (!job)
        return err_set(err, ERR_BUSY, "the agent is stopping or out of memory; ask again later");
    job->agent = agent;
    memcpy(job->status.vm, order->vm, sizeof job->status.vm);
    memcpy(job->status.name, order->request.name, sizeof job->status.name);
    if (queue_push(&agent->queue, job, err) < 0) {
        job_free(job);
        return -1;
    }
    publish_job(agent, job);
    return 0;
}

static int accept(struct agent *agent, const struct letter *letter, const struct request *request,
                  struct err *err)
{
    struct order order = { .home = letter->home, .request = *request };

    if (letter->error.code != ERR_NONE) {
        *err = letter->error;
        return -1;
    }
    if (letter->guest_may_write)
        return err_set(err, ERR_DENIED, "a guest may ask for nothing");
    if (letter->home != 0 && *request->domain)
        return err_set(err, ERR_DENIED, "requests about other domains belong into dom0's tree");
    if (letter->cancelled)
        return err_set(err, ERR_CANCELLED, "cancelled before it was begun");
    if (request->operation == OPERATION_CANCEL) {
        on_cancel(agent, letter->home, request);
        return 0;
    }
    if (resolve(agent, &order, err) < 0)
        return -1;
    if (request->operation == OPERATION_LIST) {
        on_list(agent, &order);
        return 0;
    }
    return queue_request(agent, &order, err);
}

static void on_letter(void *data, const struct letter *letter)
{
    struct agent *agent = data;
    struct request request = letter->request;
    struct err err;

    if (letter->cancelled && request.operation == OPERATION_NONE) {
        memcpy(request.about, request.id, sizeof request.about);
        *request.id = '\0';
        if (!letter->guest_may_write)
            on_cancel(agent, letter->home, &request);
        return;
    }
    if (accept(agent, letter, &request, &err) < 0)
        reject(agent, letter->home, &request, &err);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void on_domain(void *data, const struct domain *domain, bool appeared)
{
    struct agent *agent = data;

    log_debug("domain %u (%s) %s", domain->domid, domain->uuid, appeared ? "appeared" : "is gone");
    if (domain->domid != 0)
        refresh_list(agent, domain->uuid);
}

static void look_for_domains(struct agent *agent)
{
    domains_scan(agent->domains, on_domain, agent);
}

static void on_xenstore(void *data)
{
    struct agent *agent = data;
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];
    unsigned domid;

    while (xenstore_next_event(agent->xs, path, token)) {
        if (strcmp(token, "domains") == 0) {
            look_for_domains(agent);
            ensure_monitors(agent);
        } else if (domid_parse(token, &domid) && domains_by_domid(agent->domains, domid)) {
            if (!inbox_collect(agent->xs, domid, on_letter, agent))
                domains_offer_request(agent->domains, domid);
        }
    }
    schedule(agent);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static bool job_is_known(void *data, unsigned home, const char *id)
{
    struct agent *agent = data;

    return queue_find_request(&agent->queue, home, id) != NULL;
}

static void refresh_stored(void *data, const char *vm)
{
    refresh_list(data, vm);
}

void agent_refresh(struct agent *agent)
{
    look_for_domains(agent);
    store_each_vm(agent->store, refresh_stored, agent);
    ensure_monitors(agent);
}

static void begin(struct agent *agent)
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(agent->xs, "/local/domain", &count);
    unsigned domid;

    agent_refresh(agent);
    store_each_vm(agent->store, take_up, agent);
    for (size_t i = 0; i < count; i++)
        if (domid_parse(ids[i], &domid))
            publish_orphans(agent->xs, domid, job_is_known, agent);
    schedule(agent);
}

int agent_new(struct agent **out, struct loop *loop, const struct agent_options *options, struct err *err)
{
    struct agent *agent = calloc(1, sizeof *agent);

    if (!agent)
        return err_set(err, ERR_IO, "out of memory");
    agent->loop = loop;
    agent->options = options;
    agent->queue.limit = options->workers;
    agent->progress_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (store_open(&agent->store, options->store, err) < 0 || xenstore_open(&agent->xs, err) < 0 ||
        domains_new(&agent->domains, agent->xs, err) < 0 ||
        loop_add(loop, xenstore_fd(agent->xs), on_xenstore, agent, err) < 0 ||
        loop_add(loop, agent->progress_timer, on_progress_timer, agent, err) < 0) {
        agent_free(agent);
        return -1;
    }
    begin(agent);
    *out = agent;
    return 0;
}

struct agent *agent_free(struct agent *agent)
{
    if (!agent)
        return NULL;
    while (agent->queue.jobs) {
        struct job *job = agent->queue.jobs;

        queue_take(&agent->queue, job);
        closep(&job->socket);
        job_free(job);
    }
    closep(&agent->progress_timer);
    domains_free(agent->domains);
    store_close(agent->store);
    xenstore_close(agent->xs);
    free(agent);
    return NULL;
}

void agent_stop(struct agent *agent)
{
    struct job *next;

    agent->stopping = true;
    for (struct job *job = agent->queue.jobs; job; job = next) {
        next = job->next;
        if (!state_final(job->status.state))
            cancel_job(agent, job);
    }
    schedule(agent);
}
