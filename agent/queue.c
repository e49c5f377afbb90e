/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "queue.h"

#include <string.h>

static bool same_vm(const struct job *a, const struct job *b)
{
    return strcmp(a->order.vm, b->order.vm) == 0;
}

int queue_push(struct queue *queue, struct job *job, struct err *err)
{
    struct job **link = &queue->jobs;
    int pending = 0;

    /* One that has been answered is pending no more, though its worker may not have ended yet. */
    for (; *link; link = &(*link)->next)
        pending += same_vm(*link, job) && !state_final((*link)->status.state);
    if (pending >= QUEUE_PENDING_PER_VM)
        return err_set(err, ERR_BUSY, "%d requests for this domain are waiting already; ask again later",
                       pending);
    job->next = NULL;
    *link = job;
    return 0;
}

/* The first job of each VM may run; those behind it wait, whatever they are. */
static bool first_of_its_vm(const struct queue *queue, const struct job *job)
{
    for (const struct job *other = queue->jobs; other != job; other = other->next)
        if (same_vm(other, job))
            return false;
    return true;
}

struct job *queue_next(const struct queue *queue)
{
    int running = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        running += job->worker != 0;
    if (running >= queue->limit)
        return NULL;
    for (struct job *job = queue->jobs; job; job = job->next)
        if (!job->worker && first_of_its_vm(queue, job))
            return job;
    return NULL;
}

void queue_take(struct queue *queue, struct job *job)
{
    for (struct job **link = &queue->jobs; *link; link = &(*link)->next)
        if (*link == job) {
            *link = job->next;
            return;
        }
}

struct job *queue_find_request(const struct queue *queue, unsigned home, const char *id)
{
    for (struct job *job = queue->jobs; job; job = job->next)
        if (job->order.home == home && strcmp(job->order.request.id, id) == 0)
            return job;
    return NULL;
}

bool queue_has_vm(const struct queue *queue, const char *vm)
{
    for (const struct job *job = queue->jobs; job; job = job->next)
        if (strcmp(job->order.vm, vm) == 0)
            return true;
    return false;
}

int queue_count_guest(const struct queue *queue, unsigned domid)
{
    int count = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        count += job->by_guest && job->order.home == domid && !state_final(job->status.state);
    return count;
}

int queue_count_creates(const struct queue *queue, const char *vm)
{
    int count = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        count += job->order.request.operation == OPERATION_CREATE && strcmp(job->order.vm, vm) == 0 &&
                 !state_final(job->status.state);
    return count;
}

struct job *queue_find_worker(const struct queue *queue, pid_t pid)
{
    for (struct job *job = queue->jobs; job; job = job->next)
        if (job->worker == pid)
            return job;
    return NULL;
}
