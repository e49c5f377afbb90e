/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef JOB_H
#define JOB_H

/* One operation as the agent sees it: what was asked, how it is doing, who does it.  The life of a job is
 * one table, state by event; no I/O here. */

#include <sys/types.h>

#include "msg.h"
#include "status.h"

enum job_event {
    JOB_START,
    JOB_CANCEL,
    JOB_SUCCEEDED,
    JOB_ERRED,
    JOB_DIED,      /* its worker ended without a result */
    JOB_EVENTS
};

struct agent;

/* What was not clear about whom a request means, and may have to be told. */
struct doubt {
    char warning[STATUS_WARNING_SIZE]; /* in case it gets done; "": nothing */
    char elsewhere[UUID_LENGTH + 1];   /* a VM of that name that has the snapshot, in case the one meant has not */
};

struct job {
    struct job *next;
    struct agent *agent;  /* whose it is */
    struct order order;
    bool by_guest;        /* a guest could have asked for it: that is order.home */
    struct doubt doubt;
    struct status status;
    pid_t worker;         /* 0: none */
    int socket;           /* to the worker, -1: none */
    bool first_try;       /* it is waited for before we are ready */
    bool answered;        /* as done, by an agent before us: what comes of it is not published any more */
    bool by_hand;         /* what it has left is not to be tried again without a person */
    bool reported;        /* the worker has sent its result */
    bool unpublished;     /* status has changed since it was last written */
    long long began_ms;   /* on the monotonic clock */
};

/* ORDER is copied.  NULL where memory is out. */
struct job *job_new(const struct order *order);
struct job *job_free(struct job *job);

/* Its worker has said how it ended: what was in doubt becomes part of that. */
void job_tell_doubt(struct job *job);

/* The next state, or -1 where the event cannot happen in that state. */
int job_next(enum state state, enum job_event event);

#endif
