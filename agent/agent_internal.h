/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

/* What the files behind agent.h share: agent.c (life and events), requests.c (from a letter to the queue), permit.c
 * (whether a guest may), intake.c (from events to letters, and how many of them), jobs.c (from the queue
 * to a worker and back), retry.c (what could not be put right, once more), report.c (what of it is published, and
 * when). */

#include "agent.h"
#include "policy.h"
#include "queue.h"
#include "unsettled.h"

struct domain;
struct doubt;
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
    const struct policy *policy;
    int lifeline;       /* ends with xenstored; -1: there is none */
    int progress_timer; /* armed while a job has progress that is not published */
    struct unsettled unsettled;
    int retry_timer;    /* armed while something is unsettled */
    int intake_timer;   /* armed while a domain has written something that is looked at later */
    int ready_timer;    /* armed while it is starting */
    bool starting;      /* it is not said yet that we are ready */
    long long starting_since; /* on the monotonic clock */
    long long told_since;     /* when systemd was last told that it goes on */
    bool stopping;
    bool cut_off; /* xenstored has gone */
};

/* ---- agent.c */

/* Whether xenstored still hears us, asked whenever something has been told to it.  Where it does not the loop is
 * stopped: nobody can ask us anything, or be told.  The next agent takes up what is under way. */
bool agent_is_heard(struct agent *agent);

/* Looks which domains there are, and sees to those that are new. */
void agent_look_for_domains(struct agent *agent);
/* Starts a monitor for every domain in our care that has none.  Cheap, and called whenever something has happened
 * that may leave a domain alone.  A monitor that died is replaced at the latest when xenstored announces a
 * shutdown, which is when it is needed. */
void agent_ensure_monitors(struct agent *agent);

/* ---- intake.c */

/* Something was written below the domain's request node, or seems to. */
void intake_event(struct agent *agent, unsigned domid);
/* Takes the requests of every domain that has written any and whose turn it is. */
void intake_serve(struct agent *agent);
void intake_on_timer(void *agent);
/* What the policy says of the domain becomes its ~/snapshot/operations and the permissions of its request node. */
void intake_apply_policy(void *agent, struct domain *domain);
/* A request of the domain was refused: it counts as so many events. */
void intake_charge(struct agent *agent, unsigned domid);

/* ---- permit.c */

/* A guest that asks, as it is at that moment. */
struct permit {
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    const struct policy_rule *rule; /* NULL: none */
};

void permit_make(struct agent *agent, unsigned domid, struct permit *permit);
/* Whether it may ask for this, before it is known whom it is about. */
int permit_request(const struct permit *permit, const struct request *request, struct err *err);
/* Whether it may be about the VM.  Where it is about none that there is, whether the guest may know that. */
int permit_target(struct agent *agent, const struct permit *permit, const struct order *order, struct err *err);
/* Whether one more is within the limits. */
int permit_limits(struct agent *agent, const struct permit *permit, const struct order *order, struct err *err);
/* The line in the log that every request of a guest is. */
void permit_log(const struct permit *permit, const struct request *request, const struct err *err);

/* ---- target.c */

/* Whom the request is about, which is order->request.domain or else order->home: a domid, a UUID or a name, in this
 * order.  Sets order's vm and domid, -1 where it does not run.  A VM is found by its UUID as long as its directory is
 * there.  ERR_NOT_FOUND; ERR_INVALID: several have that name, and each is told with its UUID; ERR_UNSUPPORTED: dom0. */
int target_find(struct agent *agent, struct order *order, struct doubt *doubt, struct err *err);

/* ---- requests.c */

void requests_on_letter(void *data, const struct letter *letter);
/* Queues the recovery of what was begun on the VM and never ended, if there is such a thing. */
void requests_take_up(void *data, const char *vm);
/* Queues that the VM's images are protected, if it has any and nothing else is to be done, which ends with that. */
void requests_protect(void *data, const char *vm);
/* The same as requests_take_up() by the agent itself, after an earlier recovery of this agent's has failed; its request
 * was answered then. */
void requests_try_again(struct agent *agent, const char *vm);

/* ---- jobs.c */

/* Starts whatever may start now; when the agent is stopping, stops the loop after the last worker. */
void jobs_schedule(struct agent *agent);
void jobs_cancel(struct agent *agent, struct job *job);

/* ---- retry.c */

/* A worker has ended: what it has left on the VM is tried again after a pause.  BY_HAND: it said that this is not to be
 * done without a person. */
void retry_look(struct agent *agent, const char *vm, bool by_hand);
void retry_on_timer(void *agent);

/* ---- ready.c: when systemd, and whoever waits for it to start guests, hears that we are ready */

/* What was left is in the queue. */
void ready_begin(struct agent *agent);
/* A job has ended, or is of no concern to them any more. */
void ready_look(struct agent *agent);
void ready_progress(struct agent *agent, const struct job *job);
void ready_on_timer(void *agent);

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
