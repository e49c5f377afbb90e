/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHOW_H
#define SHOW_H

/* Listings and requests on stdout, for people and as JSON.  The keys are those of the nodes in xenstore;
 * numbers and booleans are typed.  docs/xensnap.1.pod documents them. */

#include "xensnap.h"

/* A request with what is not in its status. */
struct shown_request {
    const struct xensnap_map *status;
    int home;                /* the domid below which it stands, or -1: the caller's own */
    struct xensnap_map *vm;  /* or NULL */
};

/* All snapshots of a VM, and which of them is to be shown: NULL is all of them. */
struct listing {
    struct xensnap_map **entries; /* NULL behind the last */
    const char *name;             /* or id */
};

/* The one of that name or id, or NULL. */
const struct xensnap_map *listing_find(const struct listing *listing, const char *name);

void show_list_table(const struct listing *listing);
void show_list_long(const struct listing *listing);
/* What descends from what; of one, with all that descends from it. */
void show_list_tree(const struct listing *listing);
void show_list_json(const struct listing *listing);

void show_requests_table(const struct shown_request *requests, size_t count);
void show_requests_json(const struct shown_request *requests, size_t count);
/* One object: the result of a request. */
void show_result_json(const struct xensnap_map *status);
/* Of a dry run: what would be done. */
void show_plan(const struct xensnap_map *status);
/* The request's id and nothing else. */
void show_id_json(const char *id);

#endif
