/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's main: options, signals, and the loop around agent.c. */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "agent.h"
#include "cleanup.h"
#include "errors.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

static const char usage[] =
    "Usage: xensnapd [options]\n"
    "The agent that takes snapshots of Xen domains when it is asked to through xenstore.\n"
    "\n"
    "  --store DIR     where snapshots are kept [/var/lib/xen/snapshots]\n"
    "  --run DIR       for what lives as long as the host runs [/run/xensnap]\n"
    "  --libexec DIR   where xensnap-worker and xensnap-monitor are [" LIBEXECDIR "]\n"
    "  --workers N     how many operations run at once, 1 to 64 [2]\n"
    "  -v, --verbose   log more\n"
    "  -h, --help      this text\n"
    "  --version       the version\n";

struct daemon {
    struct loop *loop;
    struct agent *agent;
    int signals;
};

static void on_signal(void *data)
{
    struct daemon *daemon = data;
    struct signalfd_siginfo info;

    if (read(daemon->signals, &info, sizeof info) != sizeof info)
        return;
    switch (info.ssi_signo) {
    case SIGCHLD:
        agent_on_child(daemon->agent);
        break;
    case SIGHUP:
        log_info("SIGHUP: looking at everything again");
        agent_refresh(daemon->agent);
        break;
    default:
        log_info("%s: stopping", strsignal((int)info.ssi_signo));
        notify("STOPPING=1");
        agent_stop(daemon->agent);
    }
}

static int open_signals(struct daemon *daemon, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before libxenstore starts its thread, which inherits it */
    daemon->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (daemon->signals < 0)
        return err_errno(err, "signalfd");
    return loop_add(daemon->loop, daemon->signals, on_signal, daemon, err);
}

static int run(const struct agent_options *options, struct err *err)
{
    struct daemon daemon = { .signals = -1 };
    int rc = -1;

    if (loop_new(&daemon.loop, err) < 0)
        return -1;
    if (open_signals(&daemon, err) == 0 && agent_new(&daemon.agent, daemon.loop, options, err) == 0) {
        log_info("ready: version " VERSION ", snapshots in %s", options->store);
        notify("READY=1");
        rc = loop_run(daemon.loop, err);
    }
    agent_free(daemon.agent);
    loop_free(daemon.loop);
    closep(&daemon.signals);
    return rc;
}

static int parse_workers(const char *text)
{
    char *end;
    long workers = strtol(text, &end, 10);

    if (*text == '\0' || *end || workers < 1 || workers > 64) {
        fprintf(stderr, "xensnapd: --workers takes a number from 1 to 64\n");
        exit(2);
    }
    return (int)workers;
}

/* Relative to where we were started, whatever directory a child is in. */
static const char *absolute(const char *path, char buffer[PATH_MAX])
{
    char *cwd;

    if (*path == '/')
        return path;
    cwd = getcwd(NULL, 0);
    snprintf(buffer, PATH_MAX, "%s/%s", cwd ? cwd : "", path);
    free(cwd);
    return buffer;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "store", required_argument, NULL, 's' },   { "run", required_argument, NULL, 'r' },
        { "libexec", required_argument, NULL, 'l' }, { "workers", required_argument, NULL, 'w' },
        { "verbose", no_argument, NULL, 'v' },       { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },       { NULL, 0, NULL, 0 },
    };
    static char store[PATH_MAX], run_dir[PATH_MAX], libexec[PATH_MAX];
    struct agent_options options = { "/var/lib/xen/snapshots", "/run/xensnap", LIBEXECDIR, 2 };
    enum log_level level = LOG_LEVEL_INFO;
    struct err err;
    int option;

    while ((option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1)
        switch (option) {
        case 's': options.store = absolute(optarg, store); break;
        case 'r': options.run = absolute(optarg, run_dir); break;
        case 'l': options.libexec = absolute(optarg, libexec); break;
        case 'w': options.workers = parse_workers(optarg); break;
        case 'v': level = LOG_LEVEL_DEBUG; break;
        case 'h': fputs(usage, stdout); return 0;
        case 'V': puts("xensnapd " VERSION); return 0;
        default: fputs("Try xensnapd --help.\n", stderr); return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "xensnapd: what is %s?  Try --help.\n", argv[optind]);
        return 2;
    }
    log_init("xensnapd", level);
    if (run(&options, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
