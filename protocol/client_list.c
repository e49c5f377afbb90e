/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the agent publishes: snapshots, and the statuses of all requests. */

#include "client_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "names.h"
#include "pairs.h"

enum { LIST_TRIES = 8, LIST_MAX = 4096 };

static long long read_number(struct xensnap *xensnap, const char *list, const char *key)
{
    char path[XS_PATH_SIZE + 16];
    _cleanup_(freep) char *value = NULL;

    snprintf(path, sizeof path, "%s/%s", list, key);
    value = xenstore_read(xensnap->xs, path, NULL);
    return value ? atoll(value) : 0;
}

static struct xensnap_map **read_entries(struct xensnap *xensnap, const char *list, size_t count)
{
    struct xensnap_map **entries = calloc(count + 1, sizeof *entries);

    for (size_t i = 0; entries && i < count; i++) {
        struct pairs pairs = { 0 };
        char path[XS_PATH_SIZE + 24];

        snprintf(path, sizeof path, "%s/%zu", list, i);
        xenstore_read_pairs(xensnap->xs, path, &pairs);
        entries[i] = map_of_pairs(&pairs);
        if (!entries[i]) {
            xensnap_maps_free(entries);
            return NULL;
        }
    }
    return entries;
}

/* A list may hold more nodes than a guest may touch in one transaction: its generation tells whether what was read is
 * of one piece. */
static struct xensnap_map **read_list(struct xensnap *xensnap, const char *list, struct xensnap_error *error)
{
    for (int try = 0; try < LIST_TRIES; try++) {
        long long generation = read_number(xensnap, list, "generation"), count = read_number(xensnap, list, "count");
        struct xensnap_map **entries;

        if (count < 0 || count > LIST_MAX)
            count = 0;
        entries = read_entries(xensnap, list, (size_t)count);
        if (!entries) {
            client_no_memory(error);
            return NULL;
        }
        if (read_number(xensnap, list, "generation") == generation)
            return entries;
        xensnap_maps_free(entries);
    }
    xensnap_error_set(error, XENSNAP_BUSY, "the list changes all the time");
    return NULL;
}

struct xensnap_map **xensnap_list(struct xensnap *xensnap, const char *vm, struct xensnap_error *error)
{
    char path[XS_PATH_SIZE];

    if (!vm)
        return read_list(xensnap, NODE_LIST, error);
    if (!uuid_valid(vm)) {
        xensnap_error_set(error, XENSNAP_INVALID, "that is no UUID");
        return NULL;
    }
    path_vm(path, vm, "list");
    return read_list(xensnap, path, error);
}

/* The status of request ID, or of all of them where it is NULL, below DOMID or the caller's own domain. */
static void path_status(char path[XS_PATH_SIZE], int domid, const char *id)
{
    if (domid >= 0)
        path_domain(path, (unsigned)domid, NODE_STATUS, id, NULL);
    else
        snprintf(path, XS_PATH_SIZE, NODE_STATUS "%s%s", id ? "/" : "", id ? id : "");
}

struct xensnap_map **xensnap_requests(struct xensnap *xensnap, int domid, struct xensnap_error *error)
{
    char path[XS_PATH_SIZE];
    struct xensnap_map **statuses;
    size_t children, count = 0;
    _cleanup_(freep) char **ids = NULL;

    path_status(path, domid, NULL);
    ids = xenstore_children(xensnap->xs, path, &children);
    statuses = calloc(children + 1, sizeof *statuses);
    if (!statuses)
        client_no_memory(error);
    for (size_t i = 0; statuses && i < children; i++) {
        if (!request_id_valid(ids[i]))
            continue;
        path_status(path, domid, ids[i]);
        count += client_read_status(xensnap, path, ids[i], &statuses[count]) == CLIENT_FOUND;
    }
    return statuses;
}
