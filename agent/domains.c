/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "errors.h"
#include "identity.h"
#include "log.h"
#include "quiesce_tree.h"
#include "xenstore.h"

struct entry_of_table {
    struct domain domain;
    bool seen;
    struct entry_of_table *next;
};

struct domains {
    struct xenstore *xs;
    struct entry_of_table *table;
};

int domains_new(struct domains **out, struct xenstore *xs, struct err *err)
{
    struct domains *domains = calloc(1, sizeof *domains);

    if (!domains)
        return err_set(err, ERR_IO, "out of memory");
    domains->xs = xs;
    if (xenstore_watch(xs, "@introduceDomain", "domains") < 0 ||
        xenstore_watch(xs, "@releaseDomain", "domains") < 0) {
        free(domains);
        return err_errno(err, "cannot watch for domains in xenstore");
    }
    *out = domains;
    return 0;
}

struct domains *domains_free(struct domains *domains)
{
    if (!domains)
        return NULL;
    while (domains->table) {
        struct entry_of_table *entry = domains->table;

        domains->table = entry->next;
        free(entry);
    }
    free(domains);
    return NULL;
}

static void put(struct xenstore *xs, unsigned domid, const char *node, const char *value)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    xenstore_write(xs, path, value);
    xenstore_set_readable(xs, path, domid);
}

/* An earlier agent's tree is the domain's tree, but one that a guest could have made is nobody's. */
static bool has_tree(struct xenstore *xs, unsigned domid)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, NODE_EPOCH, NULL, NULL);
    if (!xenstore_exists(xs, path))
        return false;
    path_domain(path, domid, NODE_ROOT, NULL, NULL);
    return !xenstore_guest_may_write(xs, path);
}

/* The tree is all dom0's at first: whoever can write a request here has dom0's authority. */
static void make_tree(struct xenstore *xs, unsigned domid)
{
    char path[XS_PATH_SIZE], epoch[UUID_LENGTH + 1];
    uuid_t uuid;

    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, epoch);
    do {
        if (xenstore_begin(xs) < 0) {
            log_error("domain %u: cannot make its tree: %s", domid, strerror(errno));
            return;
        }
        if (!has_tree(xs, domid)) {
            path_domain(path, domid, NODE_ROOT, NULL, NULL);
            xenstore_remove(xs, path);
            put(xs, domid, NODE_ROOT, "");
            put(xs, domid, NODE_PROTOCOL, PROTOCOL_VERSION);
            put(xs, domid, NODE_OPERATIONS, "");
            put(xs, domid, NODE_EPOCH, epoch);
            put(xs, domid, NODE_REQUEST, "");
            put(xs, domid, NODE_STATUS, "");
        }
        quiesce_tree_offer(xs, domid);
        put(xs, domid, NODE_FEATURE, "1");
    } while (!xenstore_commit(xs) && errno == EAGAIN);
}

/* It is dom0's from its first moment, as the node above it is. */
void domains_renew_request(const struct domains *domains, const struct domain *domain)
{
    char path[XS_PATH_SIZE];

    if (!has_tree(domains->xs, domain->domid))
        return; /* it has gone, and a node that we make would outlive it */
    path_domain(path, domain->domid, NODE_REQUEST, NULL, NULL);
    xenstore_remove(domains->xs, path);
    put(domains->xs, domain->domid, NODE_REQUEST, "");
}

static void set_operations(struct xenstore *xs, unsigned domid, const char *operations)
{
    char path[XS_PATH_SIZE];
    _cleanup_(freep) char *value = NULL;

    path_domain(path, domid, NODE_OPERATIONS, NULL, NULL);
    value = xenstore_read(xs, path, NULL);
    if (!value || strcmp(value, operations) != 0)
        put(xs, domid, NODE_OPERATIONS, operations);
}

void domains_set_access(const struct domains *domains, const struct domain *domain, const char *operations, bool open)
{
    struct xenstore *xs = domains->xs;
    char path[XS_PATH_SIZE];
    bool is_open;

    if (!has_tree(xs, domain->domid))
        return;
    set_operations(xs, domain->domid, operations);
    path_domain(path, domain->domid, NODE_REQUEST, NULL, NULL);
    is_open = xenstore_exists(xs, path) && xenstore_guest_may_write(xs, path);
    if (open && is_open)
        return;
    if (is_open || !xenstore_exists(xs, path))
        domains_renew_request(domains, domain);
    if (open && xenstore_set_writable(xs, path, domain->domid) < 0)
        log_error("domain %u: cannot let it write %s: %s", domain->domid, path, strerror(errno));
}

void domains_watch(const struct domains *domains, const struct domain *domain, bool on)
{
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];

    path_domain(path, domain->domid, NODE_REQUEST, NULL, NULL);
    snprintf(token, sizeof token, "%u", domain->domid);
    if (!on)
        xenstore_unwatch(domains->xs, path, token);
    else if (xenstore_watch(domains->xs, path, token) < 0)
        log_error("domain %u: cannot watch %s: %s", domain->domid, path, strerror(errno));
}

static struct entry_of_table *add(struct domains *domains, const struct domain *domain)
{
    struct entry_of_table *entry = calloc(1, sizeof *entry);

    if (!entry) {
        log_error("domain %u: out of memory; it is left alone", domain->domid);
        return NULL;
    }
    entry->domain = *domain;
    entry->seen = true;
    entry->next = domains->table;
    domains->table = entry;
    make_tree(domains->xs, domain->domid);
    domains_watch(domains, &entry->domain, true);
    return entry;
}

static struct entry_of_table *find(const struct domains *domains, unsigned domid, const char *uuid)
{
    for (struct entry_of_table *entry = domains->table; entry; entry = entry->next)
        if (entry->domain.domid == domid && strcmp(entry->domain.uuid, uuid) == 0)
            return entry;
    return NULL;
}

/* Marks the domains that are there, then calls for those that are not. */
static void drop_unseen(struct domains *domains,
                        void (*on_change)(void *data, struct domain *domain, bool appeared), void *data)
{
    struct entry_of_table **link = &domains->table;

    while (*link) {
        struct entry_of_table *entry = *link;

        if (entry->seen) {
            entry->seen = false;
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        domains_watch(domains, &entry->domain, false);
        on_change(data, &entry->domain, false);
        free(entry);
    }
}

void domains_scan(struct domains *domains,
                  void (*on_change)(void *data, struct domain *domain, bool appeared), void *data)
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(domains->xs, "/local/domain", &count);

    for (size_t i = 0; i < count; i++) {
        struct domain domain = { 0 };
        struct entry_of_table *entry;

        if (!domid_parse(ids[i], &domain.domid) || !identity_uuid(domains->xs, domain.domid, domain.uuid))
            continue;
        entry = find(domains, domain.domid, domain.uuid);
        if (entry)
            entry->seen = true;
        else if ((entry = add(domains, &domain)))
            on_change(data, &entry->domain, true);
    }
    drop_unseen(domains, on_change, data);
}

void domains_each(const struct domains *domains, void (*visit)(void *data, struct domain *domain), void *data)
{
    for (struct entry_of_table *entry = domains->table; entry; entry = entry->next)
        visit(data, &entry->domain);
}

struct domain *domains_by_domid(const struct domains *domains, unsigned domid)
{
    for (struct entry_of_table *entry = domains->table; entry; entry = entry->next)
        if (entry->domain.domid == domid)
            return &entry->domain;
    return NULL;
}

struct domain *domains_by_uuid(const struct domains *domains, const char *uuid)
{
    for (struct entry_of_table *entry = domains->table; entry; entry = entry->next)
        if (strcmp(entry->domain.uuid, uuid) == 0)
            return &entry->domain;
    return NULL;
}

void domains_name(const struct domains *domains, unsigned domid, char name[NAME_MAX_BYTES + 1])
{
    identity_name(domains->xs, domid, name);
}
