/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "log.h"
#include "pairs.h"
#include "scrub.h"
#include "store.h"
#include "xenstore.h"

/* The tree's epoch stands for the domain itself: it is written with the tree and goes with it. */
static bool home_exists(struct xenstore *xs, unsigned home)
{
    char path[XS_PATH_SIZE];

    path_domain(path, home, NODE_EPOCH, NULL, NULL);
    return xenstore_exists(xs, path);
}

static void complain(unsigned home, const char *what)
{
    log_error("domain %u: cannot publish the %s: %s", home, what, strerror(errno));
}

/* Replaces the keys of a status: one that has no value now must not keep an old one.  The domain reads what stands in
 * its tree, whoever asked. */
static void write_status(struct xenstore *xs, const char *path, unsigned home, const struct status *status)
{
    struct status shown = *status;
    struct pairs pairs = { 0 };

    if (home != 0) {
        scrub_paths(shown.error.text, sizeof shown.error.text);
        scrub_paths(shown.warning, sizeof shown.warning);
        *shown.plan = '\0';
    }
    status_format(&shown, &pairs);
    xenstore_remove(xs, path);
    xenstore_write_pairs(xs, path, &pairs);
}

static long long finished_at(struct xenstore *xs, unsigned home, const char *id)
{
    char path[XS_PATH_SIZE];
    _cleanup_(freep) char *value = NULL;

    path_domain(path, home, NODE_STATUS, id, "finished");
    value = xenstore_read(xs, path, NULL);
    return value ? atoll(value) : 0;
}

static void drop_oldest(struct xenstore *xs, unsigned home)
{
    char path[XS_PATH_SIZE];
    const char *oldest = NULL;
    long long oldest_time = 0;
    size_t count, finished = 0;
    _cleanup_(freep) char **ids = NULL;

    path_domain(path, home, NODE_STATUS, NULL, NULL);
    ids = xenstore_children(xs, path, &count);
    for (size_t i = 0; count > PUBLISH_KEPT && i < count; i++) {
        long long time = finished_at(xs, home, ids[i]);

        finished += time != 0;
        if (time && (!oldest || time < oldest_time)) {
            oldest = ids[i];
            oldest_time = time;
        }
    }
    if (finished > PUBLISH_KEPT) {
        path_domain(path, home, NODE_STATUS, oldest, NULL);
        xenstore_remove(xs, path);
    }
}

void publish_status(struct xenstore *xs, unsigned home, const char *id, const struct status *status)
{
    char path[XS_PATH_SIZE];
    bool done;

    path_domain(path, home, NODE_STATUS, id, NULL);
    do {
        if (xenstore_begin(xs) < 0) {
            complain(home, "status");
            return;
        }
        if (!home_exists(xs, home)) {
            xenstore_abort(xs);
            return;
        }
        write_status(xs, path, home, status);
        done = xenstore_commit(xs);
    } while (!done && errno == EAGAIN);
    if (!done)
        complain(home, "status");
    else if (state_final(status->state))
        drop_oldest(xs, home);
}

static void read_status(struct xenstore *xs, unsigned home, const char *id, struct status *status)
{
    char path[XS_PATH_SIZE];
    struct pairs pairs = { 0 };

    path_domain(path, home, NODE_STATUS, id, NULL);
    xenstore_read_pairs(xs, path, &pairs);
    status_parse(status, &pairs);
}

bool publish_is_done(struct xenstore *xs, unsigned home, const char *id, const char *vm)
{
    struct status status;

    if (!*id)
        return false;
    read_status(xs, home, id, &status);
    return status.state == STATE_DONE && strcmp(status.vm, vm) == 0;
}

void publish_orphans(struct xenstore *xs, unsigned home,
                     bool (*is_known)(void *data, unsigned home, const char *id), void *data)
{
    char path[XS_PATH_SIZE];
    size_t count;
    _cleanup_(freep) char **ids = NULL;

    path_domain(path, home, NODE_STATUS, NULL, NULL);
    ids = xenstore_children(xs, path, &count);
    for (size_t i = 0; i < count; i++) {
        struct status status;

        read_status(xs, home, ids[i], &status);
        if (state_final(status.state) || is_known(data, home, ids[i]))
            continue;
        status.state = STATE_FAILED;
        status.finished = time(NULL);
        err_set(&status.error, ERR_INTERNAL, "the agent was restarted before this was begun; ask again");
        publish_status(xs, home, ids[i], &status);
    }
}

static void write_count(struct xenstore *xs, const char *list, const char *key, long long number)
{
    char path[XS_PATH_SIZE + 16], value[24];

    snprintf(path, sizeof path, "%s/%s", list, key);
    snprintf(value, sizeof value, "%lld", number);
    xenstore_write(xs, path, value);
}

static long long read_generation(struct xenstore *xs, const char *list)
{
    char path[XS_PATH_SIZE + 16];
    _cleanup_(freep) char *value = NULL;

    snprintf(path, sizeof path, "%s/generation", list);
    value = xenstore_read(xs, path, NULL);
    return value ? atoll(value) : 0;
}

/* DETAIL: which files there are in dom0, which is no business of a guest's. */
static void write_list(struct xenstore *xs, const char *list, const struct snapshots *snapshots, bool detail)
{
    long long generation = read_generation(xs, list);

    xenstore_remove(xs, list);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct record *record = &snapshots->records[i];
        struct pairs pairs = { 0 };
        struct entry entry;
        char path[XS_PATH_SIZE + 16];

        record_entry(record, strcmp(record->id, snapshots->current) == 0, &entry);
        if (!detail)
            entry.detail_count = 0;
        entry_format(&entry, &pairs);
        snprintf(path, sizeof path, "%s/%zu", list, i);
        xenstore_write_pairs(xs, path, &pairs);
    }
    write_count(xs, list, "count", (long long)snapshots->count);
    write_count(xs, list, "generation", generation + 1);
}

static void write_in_domain(struct xenstore *xs, unsigned domid, const struct snapshots *snapshots)
{
    char list[XS_PATH_SIZE];

    if (home_exists(xs, domid)) {
        path_domain(list, domid, NODE_LIST, NULL, NULL);
        write_list(xs, list, snapshots, false);
    }
}

static void write_in_tool(struct xenstore *xs, const char *vm, const char *vm_name, int domid,
                          const struct snapshots *snapshots)
{
    char path[XS_PATH_SIZE];

    if (snapshots->count == 0) {
        path_vm(path, vm, NULL);
        xenstore_remove(xs, path);
        return;
    }
    path_vm(path, vm, "list");
    write_list(xs, path, snapshots, true);
    path_vm(path, vm, "name");
    xenstore_write(xs, path, vm_name);
    path_vm(path, vm, "domid");
    if (domid < 0)
        xenstore_remove(xs, path);
    else
        write_count(xs, NODE_VMS, path + strlen(NODE_VMS) + 1, domid);
}

void publish_list(struct xenstore *xs, const char *vm, const char *vm_name, int domid,
                  const struct snapshots *snapshots)
{
    bool done;

    do {
        if (xenstore_begin(xs) < 0) {
            complain(domid < 0 ? 0 : (unsigned)domid, "list");
            return;
        }
        if (domid >= 0)
            write_in_domain(xs, (unsigned)domid, snapshots);
        write_in_tool(xs, vm, vm_name, domid, snapshots);
        done = xenstore_commit(xs);
    } while (!done && errno == EAGAIN);
    if (!done)
        complain(domid < 0 ? 0 : (unsigned)domid, "list");
}
