/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "store.h"

/* An agent on which nothing is unsettled is woken by no timer. */
static void arm(struct agent *agent)
{
    long long next = unsettled_next(&agent->unsettled);
    struct itimerspec when = { 0 };

    when.it_value.tv_sec = next / 1000;
    when.it_value.tv_nsec = next % 1000 * 1000000L;
    timerfd_settime(agent->retry_timer, TFD_TIMER_ABSTIME, &when, NULL); /* zero disarms it */
}

void retry_look(struct agent *agent, const char *vm, bool by_hand)
{
    long long pause;

    if (agent->stopping || queue_has_vm(&agent->queue, vm))
        return; /* what is next in the queue puts it right first, or ends here itself */
    if (!store_has_journal(agent->store, vm))
        unsettled_forget(&agent->unsettled, vm);
    else if (by_hand) {
        unsettled_forget(&agent->unsettled, vm);
        log_warning("%s: what was left there waits for somebody, or for the next start", vm);
    } else {
        pause = unsettled_note(&agent->unsettled, vm, clock_ms());
        log_warning("%s: something is left there that could not be put right; tried again in %lld s", vm, pause / 1000);
    }
    arm(agent);
}

void retry_on_timer(void *data)
{
    struct agent *agent = data;
    char vm[UUID_LENGTH + 1];
    uint64_t count;

    (void)!read(agent->retry_timer, &count, sizeof count);
    while (unsettled_take(&agent->unsettled, clock_ms(), vm)) {
        requests_try_again(agent, vm);
        retry_look(agent, vm, false); /* where there is nothing to try any more */
    }
    arm(agent);
    jobs_schedule(agent);
    agent_is_heard(agent);
}
