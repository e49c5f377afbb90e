/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "domains.h"
#include "log.h"
#include "publish.h"
#include "store.h"

enum { PROGRESS_INTERVAL_MS = 500 };

void report_vm_name(struct agent *agent, const char *vm, const struct snapshots *snapshots,
                    char name[NAME_MAX_BYTES + 1])
{
    const struct domain *domain = domains_by_uuid(agent->domains, vm);

    *name = '\0';
    if (domain)
        domains_name(agent->domains, domain->domid, name);
    /* also of a domain that has gone and that we have not been told of yet */
    if (!*name && snapshots->count)
        snprintf(name, NAME_MAX_BYTES + 1, "%s", snapshots->records[snapshots->count - 1].vm_name);
}

void report_list(struct agent *agent, const char *vm)
{
    const struct domain *domain = domains_by_uuid(agent->domains, vm);
    struct snapshots snapshots = { 0 };
    char name[NAME_MAX_BYTES + 1];
    struct err err;

    if (store_list(agent->store, vm, &snapshots, &err) < 0 && err.code != ERR_NOT_FOUND) {
        log_error("%s: the list is not published: %s", vm, err.text);
        return;
    }
    report_vm_name(agent, vm, &snapshots, name);
    publish_list(agent->xs, vm, name, domain ? (int)domain->domid : -1, &snapshots);
    snapshots_deinit(&snapshots);
}

/* A final state is final: of a recovery that is tried once more nobody hears. */
void report_job(struct agent *agent, struct job *job)
{
    job->unpublished = false;
    if (*job->order.request.id && !job->order.again && !job->answered)
        publish_status(agent->xs, job->order.home, job->order.request.id, &job->status);
}

void report_on_timer(void *data)
{
    struct agent *agent = data;
    uint64_t count;

    (void)!read(agent->progress_timer, &count, sizeof count);
    for (struct job *job = agent->queue.jobs; job; job = job->next)
        if (job->unpublished)
            report_job(agent, job);
    agent_is_heard(agent);
}

void report_soon(struct agent *agent, struct job *job)
{
    struct itimerspec when = { .it_value.tv_nsec = PROGRESS_INTERVAL_MS * 1000000L }, left;

    job->unpublished = true;
    timerfd_gettime(agent->progress_timer, &left);
    if (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0)
        timerfd_settime(agent->progress_timer, 0, &when, NULL);
}
