/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef AGENT_H
#define AGENT_H

/* The straight line that every request follows: take it, check it, queue it, have a worker do it, publish
 * what came of it.  The file to read first. */

#include <stdbool.h>

#include "errors.h"

struct loop;
struct agent;
struct policy;

struct agent_options {
    const char *store;   /* /var/lib/xen/snapshots */
    const char *run;     /* /run/xensnap */
    const char *libexec; /* where xensnap-worker and xensnap-monitor are */
    bool protect;        /* what snapshots need is made immutable */
    int workers;         /* how many operations at once */
    const struct policy *policy; /* what guests may ask for; agent_refresh() applies what has changed in it */
};

/* Finds the running domains, takes up what an earlier agent left, and begins to watch. */
int agent_new(struct agent **out, struct loop *loop, const struct agent_options *options, struct err *err);
struct agent *agent_free(struct agent *agent);

/* A child of ours has ended. */
void agent_on_child(struct agent *agent);
/* How many operations may run at once, from now on; those that run go on. */
void agent_set_workers(struct agent *agent, int workers);
/* Look at everything again and publish it anew (SIGHUP). */
void agent_refresh(struct agent *agent);
/* Cancels what can be cancelled; the loop is stopped when the last worker has ended. */
void agent_stop(struct agent *agent);

#endif
