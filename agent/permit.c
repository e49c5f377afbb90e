/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the policy says to a request that a guest could have written. */
#include "agent_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "domains.h"
#include "identity.h"
#include "log.h"
#include "store.h"

void permit_make(struct agent *agent, unsigned domid, struct permit *permit)
{
    const struct domain *domain = domains_by_domid(agent->domains, domid);

    *permit = (struct permit){ .domid = domid };
    if (!domain || domid == 0)
        return; /* a node in dom0's tree that a guest can write is a mistake, and nobody's */
    memcpy(permit->uuid, domain->uuid, sizeof permit->uuid);
    domains_name(agent->domains, domid, permit->name);
    permit->rule = policy_find(agent->policy, &(struct policy_subject){ permit->name, permit->uuid });
}

static bool is_self(const struct permit *permit, const char *text)
{
    unsigned domid;

    return strcmp(text, permit->uuid) == 0 || strcmp(text, permit->name) == 0 ||
           (domid_parse(text, &domid) && domid == permit->domid);
}

int permit_request(const struct permit *permit, const struct request *request, struct err *err)
{
    const struct policy_subject nobody = { "", "" };

    if (policy_check_request(permit->rule, request, err) < 0)
        return -1;
    if (*request->domain && !is_self(permit, request->domain) && !policy_has_others(permit->rule))
        return policy_check_target(permit->rule, &nobody, false, err); /* without looking for it */
    return 0;
}

int permit_target(struct agent *agent, const struct permit *permit, const struct order *order, struct err *err)
{
    const char *text = order->request.domain;
    struct policy_subject target = { text, uuid_valid(text) ? text : "" };
    struct snapshots snapshots = { 0 };
    char name[NAME_MAX_BYTES + 1];

    if (*order->vm) {
        if (order->domid < 0)
            store_list(agent->store, order->vm, &snapshots, err);
        report_vm_name(agent, order->vm, &snapshots, name);
        snapshots_deinit(&snapshots);
        target = (struct policy_subject){ name, order->vm };
    }
    return policy_check_target(permit->rule, &target, strcmp(order->vm, permit->uuid) == 0, err);
}

/* Seconds since the VM's last snapshot was made or asked for. */
static long long since_last(struct agent *agent, const struct order *order, const struct snapshots *snapshots)
{
    const struct domain *domain = domains_by_uuid(agent->domains, order->vm);
    long long made = -1, asked = -1;

    if (snapshots->count) {
        made = time(NULL) - snapshots->records[snapshots->count - 1].created_ms / 1000;
        made = made < 0 ? 0 : made; /* the clock was put back */
    }
    if (domain && domain->last_create)
        asked = (clock_ms() - domain->last_create) / 1000;
    return made < 0 || (asked >= 0 && asked < made) ? asked : made;
}

static int check_create(struct agent *agent, const struct permit *permit, const struct order *order, struct err *err)
{
    struct policy_usage usage = { 0 };
    struct snapshots snapshots = { 0 };

    if (store_list(agent->store, order->vm, &snapshots, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    for (size_t i = 0; i < snapshots.count; i++)
        usage.bytes += snapshots.records[i].memory_size;
    usage.snapshots = (int)snapshots.count + queue_count_creates(&agent->queue, order->vm);
    usage.since = since_last(agent, order, &snapshots);
    snapshots_deinit(&snapshots);
    if (!order->request.disk_only && order->domid > 0)
        usage.more_bytes = identity_memory(agent->xs, (unsigned)order->domid);
    return policy_check_create(permit->rule, &usage, err);
}

int permit_limits(struct agent *agent, const struct permit *permit, const struct order *order, struct err *err)
{
    struct domain *domain;

    if (policy_check_pending(permit->rule, queue_count_guest(&agent->queue, permit->domid), err) < 0)
        return -1;
    if (order->request.operation != OPERATION_CREATE)
        return 0;
    if (check_create(agent, permit, order, err) < 0)
        return -1;
    domain = domains_by_uuid(agent->domains, order->vm);
    if (domain)
        domain->last_create = clock_ms();
    return 0;
}

void permit_log(const struct permit *permit, const struct request *request, const struct err *err)
{
    char who[POLICY_WHO_SIZE] = "no section", line[32] = "", about[NAME_MAX_BYTES + 16] = "itself", why[400] = "";

    if (permit->rule) {
        policy_who(permit->rule, who);
        snprintf(line, sizeof line, " (line %d)", permit->rule->line);
    }
    if (*request->domain)
        snprintf(about, sizeof about, "domain=\"%s\"", request->domain);
    if (err)
        snprintf(why, sizeof why, ": %s: %s", err_word(err->code), err->text);
    log_info("audit: domain %u (%s, name \"%s\") request %s: %s of %s: %s by %s%s%s", permit->domid, permit->uuid,
             permit->name, *request->id ? request->id : request->about, operation_word(request->operation), about,
             err ? "refused" : "allowed", who, line, why);
}
