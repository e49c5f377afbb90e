/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ask.h"

#include <limits.h>
#include <signal.h>
#include <time.h>

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
    struct client *client;
    const struct options *options;
    struct client_request *result;
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
    struct status *status = &wait->result->status;

    wait->answered = true;
    progress_show(&wait->progress, status);
    if (!state_final(status->state))
        return GO_ON;
    progress_end(&wait->progress);
    if (status->state == STATE_DONE)
        return 0;
    if (status->error.code == ERR_NONE)
        err_set(&status->error, ERR_INTERNAL, "xensnapd says %s but not why", state_word(status->state));
    return report(wait->options, &status->error);
}

static int on_no_answer(struct wait *wait)
{
    bool withdrawn = client_withdraw(wait->client, wait->result->id);

    if (!withdrawn && client_status(wait->client, wait->result->id, &wait->result->status))
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
                     wait->options->timeout, wait->result->id);
}

/* The first asks for a cancel, and the result is still waited for; the second leaves. */
static int on_interrupt(struct wait *wait)
{
    int number = interrupted;
    struct err err;

    if (!number)
        return GO_ON;
    interrupted = 0;
    if (wait->cancelled) {
        progress_end(&wait->progress);
        return report_as(wait->options, EXIT_SIGNAL + number, "interrupted", "request %s goes on",
                         wait->result->id);
    }
    wait->cancelled = true;
    progress_note(&wait->progress, "cancelling");
    if (!wait->answered && client_withdraw(wait->client, wait->result->id)) {
        err_set(&err, ERR_CANCELLED, "cancelled before xensnapd took it up");
        return report(wait->options, &err);
    }
    if (client_cancel(wait->client, wait->result->id, &err) < 0)
        progress_note(&wait->progress, err.text);
    return GO_ON;
}

static int on_lost(struct wait *wait)
{
    struct err err;

    progress_end(&wait->progress);
    err_set(&err, ERR_IO, "the connection to xenstore was lost; request %s goes on", wait->result->id);
    return report(wait->options, &err);
}

static int wait_for_result(struct wait *wait, const sigset_t *mask)
{
    struct client_request *result = wait->result;
    int code = GO_ON;

    while (code == GO_ON) {
        switch (client_wait(wait->client, result->id, &result->status, time_left(wait), mask)) {
        case CLIENT_CHANGED: code = on_status(wait); break;
        case CLIENT_TIMEOUT: code = on_timeout(wait); break;
        case CLIENT_INTERRUPTED: code = on_interrupt(wait); break;
        case CLIENT_LOST: code = on_lost(wait); break;
        }
    }
    return code;
}

int ask_agent(struct client *client, const struct options *options)
{
    if (client_has_agent(client))
        return 0;
    return report_as(options, EXIT_NO_AGENT, "no-agent", "%s",
                     client_is_dom0(client)
                         ? "xensnapd is not running; start it: systemctl start xensnapd"
                         : "xensnapd is not running, or takes no requests from this domain");
}

int ask_send(struct client *client, const struct options *options, const struct request *request,
             char id[REQUEST_ID_MAX + 1])
{
    struct err err;

    int code = ask_agent(client, options);

    if (code != 0)
        return code;
    return client_send(client, request, id, &err) < 0 ? report(options, &err) : 0;
}

int ask(struct client *client, const struct options *options, const struct request *request,
        struct client_request *result)
{
    struct wait wait = { .client = client, .options = options, .result = result };
    struct signals signals;
    int code;

    *result = (struct client_request){ .status = status_initial };
    wait.answer_by = now_ms() + ANSWER_MS;
    wait.done_by = options->timeout ? now_ms() + options->timeout * 1000LL : LLONG_MAX;
    progress_begin(&wait.progress, options);
    wait.progress.quiet |= request->operation == OPERATION_LIST; /* there is none */
    signals_catch(&signals);
    code = ask_send(client, options, request, result->id);
    if (code == 0)
        code = wait_for_result(&wait, &signals.mask);
    signals_release(&signals);
    /* Listings are asked for all the time; theirs would crowd out the results that matter. */
    if (request->operation == OPERATION_LIST && state_final(result->status.state))
        client_forget(client, result->id);
    return code;
}
