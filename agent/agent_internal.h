/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

/* What the files behind agent.h share: agent.c (life and events), requests.c (from a letter to the queue), jobs.c
 * (from the queue to a worker and back), report.c (what of it is published, and when). */

#include "agent.h"
#include "queue.h"

struct letter;
struct loop;
struct snapshots;

struct agent {
    const struct agent_options *options;
    struct loop *loop;
    struct xenstore *xs;
    struct domains *domains;
    struct store *store;
    struct queue queue;
    int progress_timer; /* armed while a job has progress that is not published */
    bool stopping;
};

/* ---- agent.c */

/* Looks which domains there are, and sees to those that are new. */
void agent_look_for_domains(struct agent *agent);
/* Starts a monitor for every domain in our care that has none.  Cheap, and called whenever something has happened
 * that may leave a domain alone.  A monitor that died is replaced at the latest when xenstored announces a
 * shutdown, which is when it is needed. */
void agent_ensure_monitors(struct agent *agent);

/* ---- requests.c */

void requests_on_letter(void *data, const struct letter *letter);
/* Queues the recovery of what was begun on the VM and never ended, if there is such a thing. */
void requests_take_up(void *data, const char *vm);

/* ---- jobs.c */

/* Starts whatever may start now; when the agent is stopping, stops the loop after the last worker. */
void jobs_schedule(struct agent *agent);
void jobs_cancel(struct agent *agent, struct job *job);

/* ---- report.c */

void report_job(struct agent *agent, struct job *job);
/* The same, but twice a second at most: each write wakes whoever watches, in the guest too. */
void report_soon(struct agent *agent, struct job *job);
void report_on_timer(void *agent);
void report_list(struct agent *agent, const char *vm);
/* A name for a VM: the running domain's, else the one that its newest snapshot was made under. */
void report_vm_name(struct agent *agent, const char *vm, const struct snapshots *snapshots,
                    char name[NAME_MAX_BYTES + 1]);

#endif
