/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "domains.h"
#include "inbox.h"
#include "journal.h"
#include "log.h"
#include "publish.h"
#include "store.h"

static void reject(struct agent *agent, unsigned home, const struct request *request, const struct err *err)
{
    struct status status = status_initial;

    if (!*request->id)
        return; /* of a cancel=1 alone: the other request has the id */
    status.operation = request->operation;
    status.state = STATE_REJECTED;
    status.error = *err;
    status.started = status.finished = time(NULL);
    publish_status(agent->xs, home, request->id, &status);
}

/* A guest cancels what a guest could have asked for. */
static int on_cancel(struct agent *agent, unsigned home, const struct request *request, bool guest, struct err *err)
{
    struct job *job = queue_find_request(&agent->queue, home, request->about);
    struct status status = status_initial;

    if (!job || state_final(job->status.state) || (guest && !job->by_guest))
        return err_set(err, ERR_NOT_FOUND, "no such request is waiting or running");
    jobs_cancel(agent, job);
    if (*request->id) {
        status.operation = OPERATION_CANCEL;
        status.state = STATE_DONE;
        status.started = status.finished = time(NULL);
        publish_status(agent->xs, home, request->id, &status);
    }
    return 0;
}

static void on_list(struct agent *agent, const struct order *order, const struct doubt *doubt)
{
    struct status status = status_initial;

    report_list(agent, order->vm);
    status.operation = OPERATION_LIST;
    status.state = STATE_DONE;
    status.started = status.finished = time(NULL);
    snprintf(status.vm, sizeof status.vm, "%s", order->vm);
    memcpy(status.warning, doubt->warning, sizeof status.warning);
    publish_status(agent->xs, order->home, order->request.id, &status);
}

static void take_up(struct agent *agent, const char *vm, bool again)
{
    struct order order = { .domid = -1 };
    struct job *job;
    struct err err;

    if (queue_has_vm(&agent->queue, vm) || !store_has_journal(agent->store, vm))
        return;
    journal_peek(agent->store, vm, &order);
    memcpy(order.vm, vm, UUID_LENGTH + 1);
    order.recover = true;
    order.again = again;
    job = job_new(&order);
    if (!job)
        return;
    job->agent = agent;
    job->first_try = agent->starting;
    /* Its worker may only have had to remove the journal; without one a recovery says that nothing had begun. */
    job->answered = publish_is_done(agent->xs, order.home, order.request.id, vm);
    memcpy(job->status.vm, vm, UUID_LENGTH + 1);
    if (queue_push(&agent->queue, job, &err) < 0)
        job_free(job);
}

/* What an agent before us began and nobody ended; its worker may even be at it still. */
void requests_take_up(void *data, const char *vm)
{
    take_up(data, vm, false);
}

void requests_try_again(struct agent *agent, const char *vm)
{
    take_up(agent, vm, true);
}

void requests_protect(void *data, const char *vm)
{
    struct agent *agent = data;
    struct order order = { .protect = true, .domid = -1 };
    struct job *job;
    struct err err;

    if (queue_has_vm(&agent->queue, vm) || !store_has_images(agent->store, vm))
        return;
    memcpy(order.vm, vm, UUID_LENGTH + 1);
    job = job_new(&order);
    if (!job)
        return;
    job->agent = agent;
    job->first_try = agent->starting;
    memcpy(job->status.vm, vm, UUID_LENGTH + 1);
    if (queue_push(&agent->queue, job, &err) < 0)
        job_free(job);
}

static int queue_request(struct agent *agent, const struct order *order, const struct doubt *doubt, bool guest,
                         struct err *err)
{
    struct job *job = agent->stopping ? NULL : job_new(order);

    requests_take_up(agent, order->vm); /* what an earlier recovery could not put right is tried again first */
    if (!job)
        return err_set(err, ERR_BUSY, "the agent is stopping or out of memory; ask again later");
    job->agent = agent;
    job->by_guest = guest;
    job->doubt = *doubt;
    memcpy(job->status.vm, order->vm, sizeof job->status.vm);
    memcpy(job->status.name, order->request.name, sizeof job->status.name);
    if (queue_push(&agent->queue, job, err) < 0) {
        job_free(job);
        return -1;
    }
    report_job(agent, job);
    return 0;
}

/* What a request in a guest's tree may not say although dom0 alone can have written it. */
static int check_home(unsigned home, const struct request *request, struct err *err)
{
    if (home != 0 && *request->domain)
        return err_set(err, ERR_DENIED, "requests about other domains belong into dom0's tree");
    if (home != 0 && operation_is_of_dom0(request->operation))
        return err_set(err, ERR_DENIED, "%s is asked for in dom0's tree only", operation_word(request->operation));
    if (home != 0 && request->dry_run)
        return err_set(err, ERR_DENIED, "a dry run names files of dom0, and belongs into dom0's tree");
    return 0;
}

/* PERMIT is that of the guest that could have written it, or NULL.  A guest is not told of other VMs. */
static int find_target(struct agent *agent, const struct permit *permit, struct order *order, struct doubt *doubt,
                       struct err *err)
{
    struct err unfound;
    int result = target_find(agent, order, doubt, &unfound);

    if (permit && permit_target(agent, permit, order, err) < 0)
        return -1; /* in the same words, whether there is such a domain or not */
    if (permit && result < 0 && unfound.code == ERR_INVALID)
        return err_set(err, ERR_INVALID, "several have that name; say the UUID");
    if (permit)
        *doubt = (struct doubt){ .warning = "" };
    if (result < 0)
        *err = unfound;
    return result;
}

static int accept(struct agent *agent, const struct letter *letter, const struct permit *permit, struct order *order,
                  struct err *err)
{
    const struct request *request = &order->request;
    struct doubt doubt;

    if (letter->error.code != ERR_NONE && *request->id) { /* a cancel=1 may have anything beside it */
        *err = letter->error;
        return -1;
    }
    if (permit ? permit_request(permit, request, err) < 0 : check_home(letter->home, request, err) < 0)
        return -1;
    if (letter->cancelled && *request->id)
        return err_set(err, ERR_CANCELLED, "cancelled before it was begun");
    if (request->operation == OPERATION_CANCEL)
        return on_cancel(agent, letter->home, request, permit, err);
    if (find_target(agent, permit, order, &doubt, err) < 0)
        return -1;
    if (request->operation == OPERATION_LIST) {
        on_list(agent, order, &doubt);
        return 0;
    }
    if (permit && permit_limits(agent, permit, order, err) < 0)
        return -1;
    return queue_request(agent, order, &doubt, permit, err);
}

void requests_on_letter(void *data, const struct letter *letter)
{
    struct agent *agent = data;
    struct order order = { .home = letter->home, .request = letter->request };
    struct request *request = &order.request;
    struct permit permit;
    struct err err;
    int result;

    if (letter->cancelled && request->operation == OPERATION_NONE) {
        request->operation = OPERATION_CANCEL;
        memcpy(request->about, request->id, sizeof request->about);
        *request->id = '\0';
    }
    if (letter->guest_may_write)
        permit_make(agent, letter->home, &permit);
    result = accept(agent, letter, letter->guest_may_write ? &permit : NULL, &order, &err);
    if (letter->guest_may_write)
        permit_log(&permit, request, result < 0 ? &err : NULL);
    else if (result < 0)
        log_info("request %s of domain %u: rejected: %s: %s", request->id, letter->home, err_word(err.code), err.text);
    if (result < 0)
        reject(agent, letter->home, request, &err);
    if (result < 0 && letter->guest_may_write)
        intake_charge(agent, letter->home);
}
