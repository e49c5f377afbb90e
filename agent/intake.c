/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From events to letters.  All events are taken before any is acted on, for libxenstore keeps them without bound; the
 * domains that they are about are then served in turn, each of them seldom enough that others get theirs.  Who writes
 * too much gets his request node closed: only then do neither events nor conflicts come from it. */
#include "agent_internal.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "domains.h"
#include "inbox.h"
#include "log.h"
#include "xenstore.h"

static bool is_open(struct agent *agent, const struct domain *domain)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domain->domid, NODE_REQUEST, NULL, NULL);
    return domain->domid != 0 && xenstore_guest_may_write(agent->xs, path);
}

static void close_door(struct agent *agent, struct domain *domain)
{
    int seconds;

    if (domain->closed || !is_open(agent, domain))
        return; /* dom0 alone writes there, who may */
    seconds = flood_mute(&domain->flood, clock_ms());
    log_warning("domain %u (%s): it writes too much, and may not write requests for %d s", domain->domid,
                domain->uuid, seconds);
    domain->closed = true;
    domains_watch(agent->domains, domain, false);
    domains_renew_request(agent->domains, domain);
}

void intake_event(struct agent *agent, unsigned domid)
{
    struct domain *domain = domains_by_domid(agent->domains, domid);

    if (!domain)
        return;
    domain->dirty = true;
    if (flood_charge(&domain->flood, 1, clock_ms()))
        close_door(agent, domain);
}

void intake_charge(struct agent *agent, unsigned domid)
{
    struct domain *domain = domains_by_domid(agent->domains, domid);

    if (domain && flood_charge(&domain->flood, FLOOD_REJECTED, clock_ms()))
        close_door(agent, domain);
}

static void collect(struct agent *agent, struct domain *domain)
{
    long long began = clock_ms();
    bool full = false;

    domain->dirty = false;
    switch (inbox_collect(agent->xs, domain->domid, requests_on_letter, agent)) {
    case INBOX_CONTENDED:
        domain->dirty = true;
        full = flood_vain(&domain->flood, FLOOD_CONTENDED, began, clock_ms());
        break;
    case INBOX_BROKEN:
        domains_renew_request(agent->domains, domain);
        intake_apply_policy(agent, domain);
        full = flood_vain(&domain->flood, FLOOD_BROKEN, began, clock_ms());
        break;
    case INBOX_TAKEN:
        flood_served(&domain->flood, clock_ms());
        break;
    }
    if (full)
        close_door(agent, domain);
}

void intake_apply_policy(void *data, struct domain *domain)
{
    struct agent *agent = data;
    struct permit permit;
    char operations[POLICY_WORDS_SIZE];
    bool open;

    if (domain->domid == 0)
        return;
    permit_make(agent, domain->domid, &permit);
    policy_operations(permit.rule, operations);
    open = *operations && !domain->closed;
    if (!open && is_open(agent, domain)) /* what it has asked for is answered before it goes */
        inbox_collect(agent->xs, domain->domid, requests_on_letter, agent);
    domains_set_access(agent->domains, domain, operations, open);
}

/* The time is over.  What stands there now was written by dom0, and is taken as such. */
static void open_door(struct agent *agent, struct domain *domain)
{
    domain->closed = false;
    collect(agent, domain);
    intake_apply_policy(agent, domain);
    domains_watch(agent->domains, domain, true);
}

/* When the domain wants to be looked at: 0 = not at all. */
static long long due(const struct domain *domain)
{
    long long next = domain->domid == 0 ? 0 : flood_next(&domain->flood);

    if (!domain->closed && !domain->dirty)
        return 0;
    return next > 0 ? next : 1;
}

struct round {
    struct agent *agent;
    long long next; /* when the first of those is due that are not yet; 0 = there is none */
};

static void serve(void *data, struct domain *domain)
{
    struct round *round = data;
    long long at = due(domain);

    if (at && at <= clock_ms()) {
        if (domain->closed)
            open_door(round->agent, domain);
        else
            collect(round->agent, domain);
        at = due(domain);
    }
    if (at && (!round->next || at < round->next))
        round->next = at;
}

void intake_serve(struct agent *agent)
{
    struct round round = { .agent = agent };
    struct itimerspec when = { 0 };

    domains_each(agent->domains, serve, &round);
    when.it_value.tv_sec = round.next / 1000;
    when.it_value.tv_nsec = round.next % 1000 * 1000000L;
    timerfd_settime(agent->intake_timer, TFD_TIMER_ABSTIME, &when, NULL); /* zero disarms it */
}

void intake_on_timer(void *data)
{
    struct agent *agent = data;
    uint64_t count;

    (void)!read(agent->intake_timer, &count, sizeof count);
    intake_serve(agent);
    jobs_schedule(agent);
    agent_is_heard(agent);
}
