/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "notify.h"

/* Seconds: how long nothing may be heard of what is waited for, how long it is waited in all, and how often systemd is
 * told that it goes on, each time for longer than until the next. */
enum { SILENT_SECONDS = 60, LONGEST_SECONDS = 600, TELL_SECONDS = 10 };
#define EXTEND "EXTEND_TIMEOUT_USEC=90000000"

static void arm(struct agent *agent)
{
    long long left = agent->starting_since + LONGEST_SECONDS * 1000LL - clock_ms();
    struct itimerspec when = { 0 };

    if (left > SILENT_SECONDS * 1000LL)
        left = SILENT_SECONDS * 1000LL;
    when.it_value.tv_sec = left > 0 ? left / 1000 : 0;
    when.it_value.tv_nsec = left > 0 ? left % 1000 * 1000000L : 1;
    timerfd_settime(agent->ready_timer, 0, &when, NULL);
}

static void say(struct agent *agent, const char *status)
{
    char text[1024];

    agent->starting = false;
    timerfd_settime(agent->ready_timer, 0, &(struct itimerspec){ .it_value.tv_sec = 0 }, NULL);
    log_info("ready: version " VERSION ", snapshots in %s", agent->options->store);
    snprintf(text, sizeof text, "READY=1%s%s", *status ? "\nSTATUS=" : "", status);
    notify(text);
}

/* The VMs that are waited for, as far as they fit. */
static size_t name_waiting(const struct agent *agent, char names[512])
{
    size_t count = 0, used = 0;

    *names = '\0';
    for (const struct job *job = agent->queue.jobs; job; job = job->next) {
        if (!job->first_try)
            continue;
        count++;
        if (used + UUID_LENGTH + 2 < 512)
            used += (size_t)snprintf(names + used, 512 - used, "%s%s", used ? " " : "", job->order.vm);
    }
    return count;
}

void ready_look(struct agent *agent)
{
    char names[512];

    if (agent->starting && !agent->stopping && name_waiting(agent, names) == 0)
        say(agent, "");
}

void ready_begin(struct agent *agent)
{
    agent->starting_since = agent->told_since = clock_ms();
    ready_look(agent);
    if (!agent->starting)
        return;
    arm(agent);
    notify(EXTEND "\nSTATUS=putting right what an earlier run has left");
}

void ready_progress(struct agent *agent, const struct job *job)
{
    if (!agent->starting || !job->first_try)
        return;
    arm(agent);
    if (clock_ms() - agent->told_since < TELL_SECONDS * 1000LL)
        return;
    agent->told_since = clock_ms();
    notify(EXTEND);
}

void ready_on_timer(void *data)
{
    struct agent *agent = data;
    char names[512], status[640];
    uint64_t count;

    (void)!read(agent->ready_timer, &count, sizeof count);
    if (!agent->starting)
        return;
    name_waiting(agent, names);
    snprintf(status, sizeof status, "not put right yet, do not start: %s", names);
    log_warning("%s", status);
    say(agent, status);
}
