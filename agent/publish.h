/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PUBLISH_H
#define PUBLISH_H

/* What the agent tells the world: statuses and listings, written into xenstore.
 * Nothing is written below a domain that has gone: a node there would outlive it. */

#include "status.h"

struct snapshots;
struct xenstore;

enum { PUBLISH_KEPT = 32 }; /* finished requests that stay readable below one domain */

/* ~/snapshot/status/ID of domain HOME. */
void publish_status(struct xenstore *xs, unsigned home, const char *id, const struct status *status);
/* Whether that request about the VM stands there as done. */
bool publish_is_done(struct xenstore *xs, unsigned home, const char *id, const char *vm);
/* Requests that stand as unfinished although nobody works on them any more, or ever did, become failed.
 * IS_KNOWN says of which jobs the caller has hold. */
void publish_orphans(struct xenstore *xs, unsigned home,
                     bool (*is_known)(void *data, unsigned home, const char *id), void *data);

/* The VM's listing: below /tool/xensnap/vm, and below ~/snapshot/list of DOMID unless that is -1.
 * A VM without snapshots keeps an empty list in ~ and loses its place under /tool. */
void publish_list(struct xenstore *xs, const char *vm, const char *vm_name, int domid,
                  const struct snapshots *snapshots);

#endif
