/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QUEUE_H
#define QUEUE_H

/* Who is next: first come, first served for each VM, one operation per VM at a time, so many in all. */

#include "job.h"

enum { QUEUE_PENDING_PER_VM = 16 };

struct queue {
    struct job *jobs; /* in the order they came */
    int limit;        /* how many may run at once */
};

/* Takes JOB.  Full for its VM: ERR_BUSY, and JOB stays the caller's. */
int queue_push(struct queue *queue, struct job *job, struct err *err);
/* The job to start now, or NULL.  It counts as running as soon as it has a worker. */
struct job *queue_next(const struct queue *queue);
/* Unlinks JOB, which becomes the caller's. */
void queue_take(struct queue *queue, struct job *job);

struct job *queue_find_request(const struct queue *queue, unsigned home, const char *id);
bool queue_has_vm(const struct queue *queue, const char *vm);
/* Requests that guest DOMID has made and that are not over. */
int queue_count_guest(const struct queue *queue, unsigned domid);
/* Snapshots of the VM that are being made or wait for it. */
int queue_count_creates(const struct queue *queue, const char *vm);
struct job *queue_find_worker(const struct queue *queue, pid_t pid);

#endif
