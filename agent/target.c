/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "domains.h"
#include "job.h"
#include "store.h"

enum { TOLD_MAX = 3 }; /* so many candidates fit into a message */

/* Those that a name may mean, of what runs or of what only the store knows. */
struct candidates {
    struct agent *agent;
    const char *name;
    const char *snapshot; /* that is asked for by name, or "" */
    size_t count;
    struct candidate {
        char vm[UUID_LENGTH + 1];
        int domid; /* -1: it does not run */
        size_t snapshots;
        long long newest; /* seconds since the epoch */
    } told[TOLD_MAX];
    char has_it[UUID_LENGTH + 1]; /* the last one that has the snapshot, or "" */
};

static void add(struct candidates *candidates, const char *vm, int domid, const struct snapshots *snapshots)
{
    struct candidate *candidate = &candidates->told[candidates->count];

    if (snapshots && *candidates->snapshot && snapshots_find(snapshots, candidates->snapshot))
        memcpy(candidates->has_it, vm, UUID_LENGTH + 1);
    if (candidates->count++ >= TOLD_MAX)
        return;
    *candidate = (struct candidate){ .domid = domid };
    memcpy(candidate->vm, vm, UUID_LENGTH + 1);
    candidate->snapshots = snapshots ? snapshots->count : 0;
    if (candidate->snapshots)
        candidate->newest = snapshots->records[snapshots->count - 1].created_ms / 1000;
}

static void add_running(void *data, struct domain *domain)
{
    struct candidates *candidates = data;
    char name[NAME_MAX_BYTES + 1];

    domains_name(candidates->agent->domains, domain->domid, name);
    if (strcmp(name, candidates->name) == 0)
        add(candidates, domain->uuid, (int)domain->domid, NULL);
}

static void add_stored(void *data, const char *vm)
{
    struct candidates *candidates = data;
    struct snapshots snapshots = { 0 };
    char name[NAME_MAX_BYTES + 1];
    struct err err;

    if (domains_by_uuid(candidates->agent->domains, vm))
        return;
    store_list(candidates->agent->store, vm, &snapshots, &err);
    report_vm_name(candidates->agent, vm, &snapshots, name);
    if (*name && strcmp(name, candidates->name) == 0)
        add(candidates, vm, -1, &snapshots);
    snapshots_deinit(&snapshots);
}

static void describe(const struct candidate *candidate, char *text, size_t size)
{
    struct tm tm;
    time_t newest = candidate->newest;
    char date[40];

    if (candidate->domid >= 0) {
        snprintf(text, size, "domain %d (%s)", candidate->domid, candidate->vm);
        return;
    }
    localtime_r(&newest, &tm);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", &tm);
    snprintf(text, size, "%s (%zu snapshot%s, the last of %s)", candidate->vm, candidate->snapshots,
             candidate->snapshots == 1 ? "" : "s", date);
}

/* "UUID (...), UUID (...) and 4 more" */
static void describe_all(const struct candidates *candidates, char *text, size_t size)
{
    size_t length = 0;

    *text = '\0';
    for (size_t i = 0; i < candidates->count && i < TOLD_MAX && length < size; i++) {
        char one[128];

        describe(&candidates->told[i], one, sizeof one);
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? ", " : "", one);
    }
    if (candidates->count > TOLD_MAX && length < size)
        snprintf(text + length, size - length, " and %zu more", candidates->count - TOLD_MAX);
}

static int refuse_several(const struct candidates *candidates, const char *which, struct err *err)
{
    char text[sizeof err->text];

    describe_all(candidates, text, sizeof text);
    return err_set(err, ERR_INVALID, "%zu %s that name; say the UUID: %s", candidates->count, which, text);
}

/* The one that runs is meant; the others are told of, for xl gives a VM a new UUID at each xl create where its xl.cfg
 * has none, and then its older snapshots are theirs. */
static void note_others(const struct candidates *stored, struct doubt *doubt)
{
    char text[STATUS_WARNING_SIZE];

    if (stored->count == 0)
        return;
    describe_all(stored, text, sizeof text);
    snprintf(doubt->warning, sizeof doubt->warning, "VMs of that name that do not run have snapshots, too: %.240s",
             text);
    memcpy(doubt->elsewhere, stored->has_it, sizeof doubt->elsewhere);
}

static int find_by_name(struct agent *agent, struct order *order, struct doubt *doubt, struct err *err)
{
    struct candidates running = { .agent = agent, .name = order->request.domain, .snapshot = order->request.name };
    struct candidates stored = running;

    domains_each(agent->domains, add_running, &running);
    if (store_each_vm(agent->store, add_stored, &stored, err) < 0)
        return -1;
    if (running.count > 1)
        return refuse_several(&running, "domains run under", err);
    if (running.count == 0 && stored.count > 1)
        return refuse_several(&stored, "VMs that do not run have snapshots under", err);
    if (running.count + stored.count == 0)
        return err_set(err, ERR_NOT_FOUND, "no such domain");
    if (running.count) {
        order->domid = running.told[0].domid;
        note_others(&stored, doubt);
    }
    memcpy(order->vm, (running.count ? &running : &stored)->told[0].vm, sizeof order->vm);
    return 0;
}

struct uuid_search {
    const char *uuid;
    bool found;
};

static void is_the_vm(void *data, const char *vm)
{
    struct uuid_search *search = data;

    search->found |= strcmp(vm, search->uuid) == 0;
}

static int find_by_uuid(struct agent *agent, struct order *order, const char *uuid, struct err *err)
{
    const struct domain *domain = domains_by_uuid(agent->domains, uuid);
    struct uuid_search search = { .uuid = uuid };

    if (!domain && store_each_vm(agent->store, is_the_vm, &search, err) < 0)
        return -1;
    if (!domain && !search.found)
        return err_set(err, ERR_NOT_FOUND, "no such domain");
    order->domid = domain ? (int)domain->domid : -1;
    memcpy(order->vm, uuid, sizeof order->vm);
    return 0;
}

static int find_by_domid(struct agent *agent, struct order *order, unsigned domid, struct err *err)
{
    const struct domain *domain = domains_by_domid(agent->domains, domid);

    if (!domain)
        return err_set(err, ERR_NOT_FOUND, "no such domain");
    order->domid = (int)domid;
    memcpy(order->vm, domain->uuid, sizeof order->vm);
    return 0;
}

int target_find(struct agent *agent, struct order *order, struct doubt *doubt, struct err *err)
{
    const char *text = order->request.domain;
    char uuid[UUID_LENGTH + 1];
    unsigned domid;
    int rc;

    *doubt = (struct doubt){ .warning = "" };
    order->domid = -1;
    if (!*text)
        rc = find_by_domid(agent, order, order->home, err);
    else if (domid_parse(text, &domid))
        rc = find_by_domid(agent, order, domid, err);
    else if (uuid_read(text, uuid))
        rc = find_by_uuid(agent, order, uuid, err);
    else
        rc = find_by_name(agent, order, doubt, err);
    if (rc < 0 || order->domid != 0)
        return rc;
    *order->vm = '\0';
    return err_set(err, *text ? ERR_UNSUPPORTED : ERR_INVALID,
                   *text ? "dom0 cannot be snapshotted" : "domain= says whom it is about");
}
