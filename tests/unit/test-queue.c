/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "queue.h"

#include <stdlib.h>

#include "check.h"

/* VMs are called by a letter here: the queue does not care what they are called. */
static struct job *push(struct queue *queue, const char *vm, unsigned home, const char *id)
{
    struct order order = { .home = home };
    struct err err = { 0 };
    struct job *job;

    snprintf(order.vm, sizeof order.vm, "%s", vm);
    snprintf(order.request.id, sizeof order.request.id, "%s", id);
    job = job_new(&order);
    if (!job)
        abort();
    CHECK_INT(queue_push(queue, job, &err), 0);
    return job;
}

static void finish(struct queue *queue, struct job *job)
{
    queue_take(queue, job);
    job_free(job);
}

static void empty(struct queue *queue)
{
    while (queue->jobs)
        finish(queue, queue->jobs);
}

static void nothing_to_do(void)
{
    struct queue queue = { .limit = 2 };

    CHECK(queue_next(&queue) == NULL);
    CHECK(queue_find_request(&queue, 0, "r1") == NULL);
    CHECK(!queue_has_vm(&queue, "A"));
    CHECK(queue_find_worker(&queue, 100) == NULL);
}

static void counted(void)
{
    struct queue queue = { .limit = 10 };
    struct job *a = push(&queue, "A", 5, "1"), *b = push(&queue, "B", 5, "2"), *c = push(&queue, "A", 6, "3");

    CHECK_INT(queue_count_guest(&queue, 5), 0); /* dom0's, in that tree */
    a->by_guest = b->by_guest = c->by_guest = true;
    CHECK_INT(queue_count_guest(&queue, 5), 2);
    a->order.request.operation = c->order.request.operation = OPERATION_CREATE;
    b->order.request.operation = OPERATION_DELETE;
    CHECK_INT(queue_count_creates(&queue, "A"), 2);
    CHECK_INT(queue_count_creates(&queue, "B"), 0);
    a->status.state = STATE_DONE; /* its worker has not ended yet */
    CHECK_INT(queue_count_guest(&queue, 5), 1);
    CHECK_INT(queue_count_creates(&queue, "A"), 1);
    empty(&queue);
}

static void first_come_first_served(void)
{
    struct queue queue = { .limit = 10 };
    struct job *a = push(&queue, "A", 1, "1"), *b = push(&queue, "B", 2, "1"), *c = push(&queue, "C", 3, "1");

    CHECK(queue_next(&queue) == a);
    CHECK(queue_next(&queue) == a); /* until it has a worker */
    a->worker = 101;
    CHECK(queue_next(&queue) == b);
    b->worker = 102;
    CHECK(queue_next(&queue) == c);
    c->worker = 103;
    CHECK(queue_next(&queue) == NULL);
    empty(&queue);
}

static void one_for_each_vm(void)
{
    struct queue queue = { .limit = 10 };
    struct job *a1 = push(&queue, "A", 1, "1"), *a2 = push(&queue, "A", 1, "2");
    struct job *b = push(&queue, "B", 2, "1"), *a3 = push(&queue, "A", 0, "3");

    a1->worker = 101;
    CHECK(queue_next(&queue) == b);
    b->worker = 102;
    CHECK(queue_next(&queue) == NULL);
    finish(&queue, a1);
    CHECK(queue_next(&queue) == a2);
    a2->worker = 103;
    CHECK(queue_next(&queue) == NULL);
    finish(&queue, a2);
    CHECK(queue_next(&queue) == a3);
    empty(&queue);
}

static void only_so_many(void)
{
    struct queue queue = { .limit = 2 };
    struct job *a = push(&queue, "A", 1, "1"), *b = push(&queue, "B", 2, "1"), *c = push(&queue, "C", 3, "1");

    a->worker = 101;
    b->worker = 102;
    CHECK(queue_next(&queue) == NULL);
    finish(&queue, b);
    CHECK(queue_next(&queue) == c);
    empty(&queue);
}

static void a_job_without_its_worker_is_first_again(void)
{
    struct queue queue = { .limit = 2 };
    struct job *a = push(&queue, "A", 1, "1"), *b = push(&queue, "B", 2, "1");

    a->worker = 101;
    CHECK(queue_next(&queue) == b);
    a->worker = 0; /* it died, and the job is to be recovered */
    CHECK(queue_next(&queue) == a);
    empty(&queue);
}

static void full_for_one_vm(void)
{
    struct queue queue = { .limit = 2 };
    struct order order = { .vm = "A" };
    struct err err = { 0 };
    struct job *more;
    size_t count = 0;

    for (int i = 0; i < QUEUE_PENDING_PER_VM; i++)
        push(&queue, "A", 1, "r");
    more = job_new(&order);
    CHECK_INT(queue_push(&queue, more, &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    CHECK_HAS(err.text, "16");
    for (struct job *job = queue.jobs; job; job = job->next) {
        CHECK(job != more);
        count++;
    }
    CHECK_INT((long long)count, QUEUE_PENDING_PER_VM);
    push(&queue, "B", 1, "r");
    queue.jobs->status.state = STATE_DONE; /* its worker has not ended yet */
    CHECK_INT(queue_push(&queue, more, &err), 0);
    empty(&queue);
}

static void taken_out_anywhere(void)
{
    struct queue queue = { .limit = 10 };
    struct job *a = push(&queue, "A", 1, "1"), *b = push(&queue, "B", 2, "1"), *c = push(&queue, "C", 3, "1");
    struct job stranger = { 0 };

    queue_take(&queue, &stranger);
    finish(&queue, b);
    CHECK(queue.jobs == a && a->next == c && !c->next);
    finish(&queue, c);
    CHECK(queue.jobs == a && !a->next);
    push(&queue, "D", 4, "1");
    finish(&queue, a);
    CHECK(queue_has_vm(&queue, "D") && !queue.jobs->next);
    empty(&queue);
    CHECK(queue.jobs == NULL);
}

static void is_found(void)
{
    struct queue queue = { .limit = 10 };
    struct job *a = push(&queue, "A", 1, "r"), *b = push(&queue, "B", 2, "r"), *c = push(&queue, "B", 2, "s");

    c->worker = 103;
    CHECK(queue_find_request(&queue, 1, "r") == a);
    CHECK(queue_find_request(&queue, 2, "r") == b);
    CHECK(queue_find_request(&queue, 2, "s") == c);
    CHECK(queue_find_request(&queue, 1, "s") == NULL);
    CHECK(queue_find_request(&queue, 0, "r") == NULL);
    CHECK(queue_has_vm(&queue, "A") && queue_has_vm(&queue, "B") && !queue_has_vm(&queue, "C"));
    CHECK(queue_find_worker(&queue, 103) == c);
    CHECK(queue_find_worker(&queue, 104) == NULL);
    empty(&queue);
}

static const struct check_test tests[] = {
    { "what a guest has asked for is counted until it is over", counted },
    { "an empty queue has nothing to do and nobody in it", nothing_to_do },
    { "the first to come is the first to go", first_come_first_served },
    { "a VM has one operation at a time, in the order they came", one_for_each_vm },
    { "no more run at once than the limit", only_so_many },
    { "a job whose worker is gone is first again", a_job_without_its_worker_is_first_again },
    { "the 17th job of one VM is refused, another VM's is not", full_for_one_vm },
    { "a job is taken out wherever it stands", taken_out_anywhere },
    { "a job is found by its request, VM or worker", is_found },
};

CHECK_MAIN(tests)
