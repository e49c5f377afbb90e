/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ask.h"

#include <limits.h>
#include <signal.h>
#include <time.h>

#include "maps.h"
#include "progress.h"
#include "report.h"

/* ---- signals: blocked but while we sleep, so that none comes between looking and sleeping -------------- */

static volatile sig_atomic_t interrupted; /* the signal's number */

struct signals {
    struct sigaction interrupt, terminate;
    sigset_t mask;
};

static void on_signal(int number)
{
    interrupted = number;
}

/* A signal that is ignored stays so: nohup, and shells with a job in the background, mean it. */
static void catch(int number, struct sigaction *before)
{
    struct sigaction action = { .sa_handler = on_signal };

    sigaction(number, NULL, before);
    if (before->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void signals_catch(struct signals *signals)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &signals->mask);
    catch(SIGINT, &signals->interrupt);
    catch(SIGTERM, &signals->terminate);
}

static void signals_release(const struct signals *signals)
{
    sigaction(SIGINT, &signals->interrupt, NULL);
    sigaction(SIGTERM, &signals->terminate, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

/* ---- one request --------------------------------------------------------------------------------------- */

struct wait {
    struct xensnap *xensnap;
    const struct options *options;
    char id[XENSNAP_ID_SIZE];
    struct xensnap_map **result;
    struct progress progress;
    long long answer_by, done_by; /* on the monotonic clock; never is LLONG_MAX */
    bool answered, cancelled;
};

enum { GO_ON = -1 }; /* no exit code yet */

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int time_left(const struct wait *wait)
{
    long long by = !wait->answered && wait->answer_by < wait->done_by ? wait->answer_by : wait->done_by;
    long long left = by - now_ms();

    return by == LLONG_MAX ? -1 : left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int on_status(struct wait *wait)
{
    const struct xensnap_map *status = *wait->result;
    const char *message = xensnap_map_get(status, "message");
    enum xensnap_outcome outcome = xensnap_outcome(status);
    struct xensnap_error error;

    wait->answered = true;
    progress_show(&wait->progress, status);
    if (outcome == XENSNAP_PENDING)
        return GO_ON;
    progress_end(&wait->progress);
    if (outcome != XENSNAP_FAILED)
        return 0;
    if (message)
        xensnap_error_set(&error, (int)xensnap_code(status), "%s", message);
    else
        xensnap_error_set(&error, (int)xensnap_code(status), "xensnapd says %s but not why",
                          xensnap_map_get(status, "state"));
    return report(wait->options, &error);
}

static int on_no_answer(struct wait *wait)
{
    bool withdrawn = xensnap_withdraw(wait->xensnap, wait->id);

    if (!withdrawn && (*wait->result = xensnap_status(wait->xensnap, wait->id)))
        return on_status(wait); /* just in time */
    progress_end(&wait->progress);
    return report_as(wait->options, EXIT_NO_AGENT, "no-agent", "xensnapd does not answer%s",
                     withdrawn ? "; is it running?  The request was withdrawn"
                               : ": it took the request, but there is no status of it");
}

static int on_timeout(struct wait *wait)
{
    if (!wait->answered)
        return on_no_answer(wait);
    progress_end(&wait->progress);
    return report_as(wait->options, EXIT_OTHER, "timeout", "not done after %d s; request %s goes on",
                     wait->options->timeout, wait->id);
}

/* The first asks for a cancel, and the result is still waited for; the second leaves. */
static int on_interrupt(struct wait *wait)
{
    int number = interrupted;
    struct xensnap_error error;

    if (!number)
        return GO_ON;
    interrupted = 0;
    if (wait->cancelled) {
        progress_end(&wait->progress);
        return report_as(wait->options, EXIT_SIGNAL + number, "interrupted", "request %s goes on", wait->id);
    }
    wait->cancelled = true;
    progress_note(&wait->progress, "cancelling");
    if (!wait->answered && xensnap_withdraw(wait->xensnap, wait->id)) {
        xensnap_error_set(&error, XENSNAP_CANCELLED, "cancelled before xensnapd took it up");
        return report(wait->options, &error);
    }
    if (xensnap_cancel(wait->xensnap, wait->id, &error) < 0)
        progress_note(&wait->progress, error.message);
    return GO_ON;
}

static int on_gone(struct wait *wait)
{
    struct xensnap_error error;

    progress_end(&wait->progress);
    xensnap_error_set(&error, XENSNAP_DOMAIN_GONE, "there is no status of request %s any more: this domain was brought "
                                                   "back to a moment of another one, or it was removed", wait->id);
    return report(wait->options, &error);
}

static int on_lost(struct wait *wait)
{
    struct xensnap_error error;

    progress_end(&wait->progress);
    xensnap_error_set(&error, XENSNAP_IO, "the connection to xenstore was lost; request %s goes on", wait->id);
    return report(wait->options, &error);
}

static int wait_for_result(struct wait *wait, const sigset_t *mask)
{
    int code = GO_ON;

    while (code == GO_ON) {
        switch (xensnap_wait(wait->xensnap, wait->id, wait->result, time_left(wait), mask)) {
        case XENSNAP_CHANGED: code = on_status(wait); break;
        case XENSNAP_TIMEOUT: code = on_timeout(wait); break;
        case XENSNAP_INTERRUPTED: code = on_interrupt(wait); break;
        case XENSNAP_GONE: code = on_gone(wait); break;
        case XENSNAP_LOST: code = on_lost(wait); break;
        }
    }
    return code;
}

int ask_agent(struct xensnap *xensnap, const struct options *options)
{
    if (xensnap_has_agent(xensnap))
        return 0;
    return report_as(options, EXIT_NO_AGENT, "no-agent", "%s",
                     xensnap_is_dom0(xensnap)
                         ? "xensnapd is not running; start it: systemctl start xensnapd"
                         : "xensnapd is not running, or takes no requests from this domain");
}

int ask_send(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request,
             char id[XENSNAP_ID_SIZE])
{
    struct xensnap_error error;
    int code = ask_agent(xensnap, options);

    if (code != 0)
        return code;
    return xensnap_send(xensnap, request, id, &error) < 0 ? report(options, &error) : 0;
}

int ask(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request,
        struct xensnap_map **result)
{
    struct wait wait = { .xensnap = xensnap, .options = options, .result = result };
    bool list = map_is(request, "operation", "list");
    struct signals signals;
    int code;

    *result = NULL;
    wait.answer_by = now_ms() + ANSWER_MS;
    wait.done_by = options->timeout ? now_ms() + options->timeout * 1000LL : LLONG_MAX;
    progress_begin(&wait.progress, options);
    wait.progress.quiet |= list; /* there is none */
    signals_catch(&signals);
    code = ask_send(xensnap, options, request, wait.id);
    if (code == 0)
        code = wait_for_result(&wait, &signals.mask);
    signals_release(&signals);
    /* Lists are asked for all the time; their statuses would crowd out the results that matter. */
    if (list && xensnap_outcome(*result) != XENSNAP_PENDING)
        xensnap_forget(xensnap, wait.id);
    return code;
}
