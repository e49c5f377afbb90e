/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xensnap-guestd, in the guest: freezes its file systems when dom0 asks for it, and thaws them whatever happens. */

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "doorbell.h"
#include "errors.h"
#include "say.h"
#include "session.h"
#include "xenstore.h"

struct daemon {
    struct xenstore *xs;
    int signals;
    bool stop;
    char last[REQUEST_ID_MAX + 1]; /* the last token: an action is taken up once */
    struct session session;
};

static bool verbose;

static void complain(const char *text)
{
    fprintf(stderr, "xensnap-guestd: %s\n", text);
}

static void remark(const char *text)
{
    if (verbose)
        complain(text);
}

static const struct session_log session_log = { .failed = complain, .said = remark };

/* ---- what dom0 asks ------------------------------------------------------------------------------------ */

static bool read_action(struct daemon *daemon, struct quiesce_action *action)
{
    _cleanup_(freep) char *text = xenstore_read(daemon->xs, NODE_QUIESCE_ACTION, NULL);

    return text && quiesce_parse_action(action, text);
}

static void on_action(struct daemon *daemon)
{
    struct session *session = &daemon->session;
    struct quiesce_action action;

    if (!read_action(daemon, &action))
        return;
    if (!action.freeze) {
        if (session->active && strcmp(action.token, session->token) == 0)
            session_end(session, SESSION_ASKED, NULL, &session_log);
        return;
    }
    if (strcmp(action.token, daemon->last) == 0)
        return;
    memcpy(daemon->last, action.token, sizeof daemon->last);
    if (session->active)
        session_end(session, SESSION_BROKEN_OFF, "dom0 asks for another freeze", &session_log);
    session_begin(session, &action, &session_log);
}

/* The tree may be new after a restore, or an agent may have come: then what we said has to be said again. */
static void on_event(struct daemon *daemon)
{
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];
    bool action = false, feature = false;

    while (xenstore_next_event(daemon->xs, path, token)) {
        action |= strcmp(token, "action") == 0;
        feature |= strcmp(token, "feature") == 0;
    }
    if (action)
        on_action(daemon);
    if (feature)
        say_feature(daemon->xs);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static int time_left(const struct daemon *daemon)
{
    long long left = daemon->session.deadline - clock_ms();

    return !daemon->session.active ? -1 : left > 0 ? (int)left : 0;
}

static void on_signal(struct daemon *daemon)
{
    struct signalfd_siginfo info;

    daemon->stop = read(daemon->signals, &info, sizeof info) == sizeof info;
}

/* A ring while it is frozen means: thaw.  Only dom0 can ring, and what it says in xenstore comes behind. */
static void turn(struct daemon *daemon)
{
    struct session *session = &daemon->session;
    struct pollfd fds[] = { { .fd = xenstore_fd(daemon->xs), .events = POLLIN },
                            { .fd = daemon->signals, .events = POLLIN },
                            { .fd = session->active ? doorbell_fd(session->bell) : -1, .events = POLLIN } };

    if (poll(fds, sizeof fds / sizeof *fds, time_left(daemon)) < 0)
        return;
    if (fds[2].revents)
        session_end(session, SESSION_ASKED, NULL, &session_log);
    if (fds[0].revents)
        on_event(daemon);
    if (fds[1].revents)
        on_signal(daemon);
    if (session->active && clock_ms() >= session->deadline)
        session_end(session, SESSION_BROKEN_OFF, "dom0 did not ask to thaw in time", &session_log);
}

static int catch_signals(struct daemon *daemon, struct err *err)
{
    sigset_t set, with_children;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    with_children = set;
    sigaddset(&with_children, SIGCHLD); /* for hooks, which wait for it */
    sigprocmask(SIG_BLOCK, &with_children, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    daemon->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return daemon->signals < 0 ? err_errno(err, "signalfd") : 0;
}

/* An action that stands there already is not for us: if a daemon before us was killed in it, its guard has thawed. */
static int begin(struct daemon *daemon, struct err *err)
{
    struct quiesce_action action;

    if (catch_signals(daemon, err) < 0 || xenstore_open(&daemon->xs, err) < 0)
        return -1;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        remark("its memory cannot be locked");
    if (session_init(&daemon->session, daemon->xs, err) < 0)
        return -1;
    if (read_action(daemon, &action))
        memcpy(daemon->last, action.token, sizeof daemon->last);
    if (xenstore_watch(daemon->xs, NODE_QUIESCE_ACTION, "action") < 0 ||
        xenstore_watch(daemon->xs, NODE_QUIESCE_FEATURE, "feature") < 0)
        return err_errno(err, "cannot watch " NODE_QUIESCE " in xenstore");
    return 0;
}

static int run(struct err *err)
{
    struct daemon daemon = { .signals = -1 };
    int rc = begin(&daemon, err);

    while (rc == 0 && !daemon.stop)
        turn(&daemon);
    if (daemon.session.active)
        session_end(&daemon.session, SESSION_BROKEN_OFF, "xensnap-guestd was stopped", &session_log);
    if (rc == 0)
        say_no_feature(daemon.xs);
    if (daemon.xs)
        xenstore_close(daemon.xs);
    closep(&daemon.signals);
    return rc;
}

static void help(void)
{
    puts("Usage: xensnap-guestd [-v]\n"
         "Freezes this guest's file systems while xensnapd in dom0 snapshots its disks.\n"
         "\n"
         "  -v, --verbose  say on stderr also what went well\n"
         "  -h, --help     this text\n"
         "      --version  the version");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    struct err err;
    int letter;

    while ((letter = getopt_long(argc, argv, "vh", options, NULL)) != -1)
        switch (letter) {
        case 'v': verbose = true; break;
        case 'h': help(); return 0;
        case 'V': puts("xensnap-guestd " VERSION); return 0;
        default: return 2;
        }
    if (optind < argc) {
        complain("it takes no words; see --help");
        return 2;
    }
    if (run(&err) == 0)
        return 0;
    complain(err.text);
    return 1;
}
