/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMAINS_H
#define DOMAINS_H

/* The domains that run now, each with its ~/snapshot tree.  They are found in xenstore, at the start and
 * whenever xenstored says that one was introduced or released; nothing polls. */

#include <stdbool.h>

#include "names.h"

struct err;
struct xenstore;
struct domains;

struct domain {
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
};

int domains_new(struct domains **out, struct xenstore *xs, struct err *err);
struct domains *domains_free(struct domains *domains);

/* Looks again.  A domain that is new gets its tree (unless an earlier agent made it) and its watch, with the
 * domid as token; then ON_CHANGE(DATA, domain, true).  One that is gone: ON_CHANGE(DATA, domain, false). */
void domains_scan(struct domains *domains,
                  void (*on_change)(void *data, const struct domain *domain, bool appeared), void *data);

const struct domain *domains_by_domid(const struct domains *domains, unsigned domid);
const struct domain *domains_by_uuid(const struct domains *domains, const char *uuid);
/* TEXT is a domid, a UUID or a name, tried in this order, as xl does. */
const struct domain *domains_find(const struct domains *domains, const char *text);
/* "" where it has none. */
void domains_name(const struct domains *domains, unsigned domid, char name[NAME_MAX_BYTES + 1]);

/* ~/snapshot/request as it should be: there, empty and owned by dom0. */
void domains_offer_request(const struct domains *domains, unsigned domid);

#endif
