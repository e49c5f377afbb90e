/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMAINS_H
#define DOMAINS_H

/* The domains that run now, each with its ~/snapshot tree.  They are found in xenstore, at the start and
 * whenever xenstored says that one was introduced or released; nothing polls. */

#include <stdbool.h>

#include "flood.h"
#include "names.h"

struct err;
struct xenstore;
struct domains;

struct domain {
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
    bool dirty;            /* something was written below its request node that nobody has looked at yet */
    bool closed;           /* it wrote too much: its request node is dom0's, and not watched */
    struct flood flood;    /* what it has written of late */
    long long last_create; /* when a guest last asked for a snapshot of it, on the monotonic clock; 0: never */
};

int domains_new(struct domains **out, struct xenstore *xs, struct err *err);
struct domains *domains_free(struct domains *domains);

/* Looks again.  A domain that is new gets its tree (unless an earlier agent made it) and its watch, with the
 * domid as token; then ON_CHANGE(DATA, domain, true).  One that is gone: ON_CHANGE(DATA, domain, false). */
void domains_scan(struct domains *domains,
                  void (*on_change)(void *data, struct domain *domain, bool appeared), void *data);
void domains_each(const struct domains *domains, void (*visit)(void *data, struct domain *domain), void *data);

struct domain *domains_by_domid(const struct domains *domains, unsigned domid);
struct domain *domains_by_uuid(const struct domains *domains, const char *uuid);
/* "" where it has none. */
void domains_name(const struct domains *domains, unsigned domid, char name[NAME_MAX_BYTES + 1]);

/* Makes ~/snapshot/operations and ~/snapshot/request what they should be, if they are not: OPERATIONS are the words
 * of what the domain may ask for, OPEN says whether it may write its requests.  Where it loses that right, what it has
 * written goes, and what it owns. */
void domains_set_access(const struct domains *domains, const struct domain *domain, const char *operations, bool open);
/* ~/snapshot/request anew: empty, and dom0's alone. */
void domains_renew_request(const struct domains *domains, const struct domain *domain);
/* Begins or ends the watch of the request node.  Its beginning is an event, too. */
void domains_watch(const struct domains *domains, const struct domain *domain, bool on);

#endif
