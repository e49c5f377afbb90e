/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "care.h"
#include "cleanup.h"
#include "domains.h"
#include "lifeline.h"
#include "log.h"
#include "loop.h"
#include "publish.h"
#include "spawn.h"
#include "store.h"
#include "xenstore.h"

static void start_monitor(struct agent *agent, const char *mode, const char *vm, unsigned domid, int held)
{
    char path[PATH_MAX], number[16];
    char *argv[] = { path, (char *)mode, (char *)agent->options->run, (char *)vm, number, NULL };
    struct err err;
    pid_t pid;

    snprintf(path, sizeof path, "%s/xensnap-monitor", agent->options->libexec);
    snprintf(number, sizeof number, "%u", domid);
    if (spawn(&pid, argv, held, &err) < 0)
        log_error("domain %u (%s): nobody looks after it: %s", domid, vm, err.text);
    else
        log_info("domain %u (%s): xensnap-monitor %d looks %s", domid, vm, (int)pid,
                 strcmp(mode, "--late") == 0 ? "out for a late suspend" : "after its shutdown");
}

static void look_after(void *data, const char *vm, unsigned domid, int held)
{
    start_monitor(data, "--run", vm, domid, held);
}

static void look_out(void *data, const char *vm, unsigned domid, int held)
{
    start_monitor(data, "--late", vm, domid, held);
}

void agent_ensure_monitors(struct agent *agent)
{
    care_each_alone(CARE_END, agent->options->run, look_after, agent);
    care_each_alone(CARE_LATE_SUSPEND, agent->options->run, look_out, agent);
}

static void on_domain(void *data, struct domain *domain, bool appeared)
{
    struct agent *agent = data;

    log_debug("domain %u (%s) %s", domain->domid, domain->uuid, appeared ? "appeared" : "is gone");
    if (appeared)
        intake_apply_policy(agent, domain);
    if (domain->domid != 0)
        report_list(agent, domain->uuid);
}

void agent_look_for_domains(struct agent *agent)
{
    domains_scan(agent->domains, on_domain, agent);
}

/* So many events are taken at once: more than there can be of domains that do not flood, and an end for those of one
 * that does before its node is closed. */
enum { EVENTS_AT_ONCE = 4096 };

/* All that was read from it and is watched in it is of this one xenstored: with the next one it is found anew. */
static void on_lost(void *data)
{
    struct agent *agent = data;
    struct err err;

    err_set(&err, ERR_XEN, "the connection to xenstored is lost: ending, to be started anew when it is there");
    loop_fail(agent->loop, &err);
}

static void on_xenstore(void *data)
{
    struct agent *agent = data;
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];
    bool look = false;
    unsigned domid;
    int n;

    for (n = 0; n < EVENTS_AT_ONCE && xenstore_next_event(agent->xs, path, token); n++) {
        look |= strcmp(token, "domains") == 0;
        if (domid_parse(token, &domid))
            intake_event(agent, domid);
    }
    if (n == 0 && xenstore_lost(agent->xs))
        on_lost(agent);
    if (look) {
        agent_look_for_domains(agent);
        agent_ensure_monitors(agent);
    }
    intake_serve(agent);
    jobs_schedule(agent);
    agent_is_heard(agent);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

bool agent_is_heard(struct agent *agent)
{
    if (!agent->cut_off && xenstore_lost(agent->xs)) {
        agent->cut_off = true;
        on_lost(agent);
    }
    return !agent->cut_off;
}

static bool job_is_known(void *data, unsigned home, const char *id)
{
    struct agent *agent = data;

    return queue_find_request(&agent->queue, home, id) != NULL;
}

static void refresh_stored(void *data, const char *vm)
{
    report_list(data, vm);
}

void agent_refresh(struct agent *agent)
{
    struct err err;

    agent_look_for_domains(agent);
    domains_each(agent->domains, intake_apply_policy, agent);
    if (store_each_vm(agent->store, refresh_stored, agent, &err) < 0)
        log_error("%s", err.text);
    agent_ensure_monitors(agent);
    agent_is_heard(agent);
}

void agent_set_workers(struct agent *agent, int workers)
{
    agent->queue.limit = workers;
    jobs_schedule(agent);
}

/* Without knowing all that was left to be put right it is not ready.  What is known is put right, for somebody may
 * stand still. */
static void begin(struct agent *agent)
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(agent->xs, "/local/domain", &count);
    unsigned domid;
    struct err err;
    bool all_known;

    agent_refresh(agent);
    agent->starting = true;
    all_known = store_each_vm(agent->store, requests_take_up, agent, &err) == 0 &&
                (!agent->options->protect || store_each_vm(agent->store, requests_protect, agent, &err) == 0);
    for (size_t i = 0; i < count; i++)
        if (domid_parse(ids[i], &domid))
            publish_orphans(agent->xs, domid, job_is_known, agent);
    if (all_known)
        ready_begin(agent);
    else
        log_error("%s; not ready", err.text);
    jobs_schedule(agent);
    agent_is_heard(agent);
}

int agent_new(struct agent **out, struct loop *loop, const struct agent_options *options, struct err *err)
{
    struct agent *agent = calloc(1, sizeof *agent);

    if (!agent)
        return err_set(err, ERR_IO, "out of memory");
    agent->loop = loop;
    agent->options = options;
    agent->policy = options->policy;
    agent->queue.limit = options->workers;
    agent->lifeline = -1;
    agent->progress_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->ready_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->retry_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    agent->intake_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (store_open(&agent->store, options->store, err) < 0 || xenstore_open(&agent->xs, err) < 0 ||
        domains_new(&agent->domains, agent->xs, err) < 0 ||
        loop_add(loop, xenstore_fd(agent->xs), on_xenstore, agent, err) < 0 ||
        loop_add(loop, agent->progress_timer, report_on_timer, agent, err) < 0 ||
        loop_add(loop, agent->ready_timer, ready_on_timer, agent, err) < 0 ||
        loop_add(loop, agent->retry_timer, retry_on_timer, agent, err) < 0 ||
        loop_add(loop, agent->intake_timer, intake_on_timer, agent, err) < 0) {
        agent_free(agent);
        return -1;
    }
    agent->lifeline = lifeline_open();
    if (agent->lifeline >= 0 && loop_add(loop, agent->lifeline, on_lost, agent, err) < 0) {
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
    closep(&agent->lifeline);
    closep(&agent->progress_timer);
    closep(&agent->ready_timer);
    closep(&agent->retry_timer);
    closep(&agent->intake_timer);
    unsettled_deinit(&agent->unsettled);
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
            jobs_cancel(agent, job);
    }
    jobs_schedule(agent);
}
