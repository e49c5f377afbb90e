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
#include "conf.h"
#include "errors.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

static const char usage[] =
    "Usage: xensnapd [options]\n"
    "The agent that takes snapshots of Xen domains when it is asked to through xenstore.\n"
    "\n"
    "  --config FILE   what is not said here is taken from it [" CONF_PATH "]\n"
    "  --store DIR     where snapshots are kept [/var/lib/xen/snapshots]\n"
    "  --run DIR       for what lives as long as the host runs [/run/xensnap]\n"
    "  --libexec DIR   where xensnap-worker and xensnap-monitor are [" LIBEXECDIR "]\n"
    "  --workers N     how many operations run at once, 1 to 64 [2]\n"
    "  -v, --verbose   log more\n"
    "  -h, --help      this text\n"
    "  --version       the version\n";

/* What the command line said. */
struct options {
    struct conf conf;
    const char *config; /* NULL = the file that need not be there */
    const char *run;
    const char *libexec;
};

struct daemon {
    const struct options *options;
    struct conf conf; /* in force; the command line wins over the file */
    struct loop *loop;
    struct agent *agent;
    int signals;
};

static int read_conf(const struct options *options, struct conf *conf, struct err *err)
{
    struct conf file = { 0 };

    if (conf_read(&file, options->config ? options->config : CONF_PATH, options->config, err) < 0)
        return -1;
    *conf = conf_default;
    conf_overlay(conf, &file);
    conf_overlay(conf, &options->conf);
    return 0;
}

static void reload(struct daemon *daemon)
{
    struct conf conf;
    struct err err;

    if (read_conf(daemon->options, &conf, &err) < 0) {
        log_error("%s; the settings stay as they are", err.text);
        return;
    }
    if (strcmp(conf.store, daemon->conf.store) != 0)
        log_warning("the store %s takes a restart; until then it is %s", conf.store, daemon->conf.store);
    if (conf.protect != daemon->conf.protect)
        log_warning("protect takes a restart");
    daemon->conf.workers = conf.workers;
    daemon->conf.log = conf.log;
    daemon->conf.policy = conf.policy;
    log_set_level(conf.log);
    agent_set_workers(daemon->agent, conf.workers);
}

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
        log_info("SIGHUP: reading the configuration and looking at everything again");
        reload(daemon);
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

static int run(const struct options *options, struct err *err)
{
    struct daemon daemon = { .options = options, .signals = -1 };
    struct agent_options agent = { .store = daemon.conf.store, .run = options->run, .libexec = options->libexec,
                                   .policy = &daemon.conf.policy };
    int rc = -1;

    if (read_conf(options, &daemon.conf, err) < 0 || loop_new(&daemon.loop, err) < 0)
        return -1;
    log_set_level(daemon.conf.log);
    agent.workers = daemon.conf.workers;
    agent.protect = daemon.conf.protect;
    if (open_signals(&daemon, err) == 0 && agent_new(&daemon.agent, daemon.loop, &agent, err) == 0) {
        rc = loop_run(daemon.loop, err);
    }
    agent_free(daemon.agent);
    loop_free(daemon.loop);
    closep(&daemon.signals);
    return rc;
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

static void set_store(struct conf *conf, const char *path)
{
    char buffer[PATH_MAX];

    path = absolute(path, buffer);
    if (strlen(path) >= sizeof conf->store) {
        fputs("xensnapd: --store is too long\n", stderr);
        exit(2);
    }
    snprintf(conf->store, sizeof conf->store, "%s", path);
}

static void set_workers(struct conf *conf, const char *number)
{
    struct err err;

    if (conf_set(conf, "workers", number, &err) < 0) {
        fprintf(stderr, "xensnapd: --%s\n", err.text);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "config", required_argument, NULL, 'c' },  { "store", required_argument, NULL, 's' },
        { "run", required_argument, NULL, 'r' },     { "libexec", required_argument, NULL, 'l' },
        { "workers", required_argument, NULL, 'w' }, { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },          { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static char config[PATH_MAX], run_dir[PATH_MAX], libexec[PATH_MAX];
    struct options options = { .run = "/run/xensnap", .libexec = LIBEXECDIR };
    struct err err;
    int option;

    while ((option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1)
        switch (option) {
        case 'c': options.config = absolute(optarg, config); break;
        case 's': set_store(&options.conf, optarg); break;
        case 'r': options.run = absolute(optarg, run_dir); break;
        case 'l': options.libexec = absolute(optarg, libexec); break;
        case 'w': set_workers(&options.conf, optarg); break;
        case 'v': options.conf.log = LOG_LEVEL_DEBUG; break;
        case 'h': fputs(usage, stdout); return 0;
        case 'V': puts("xensnapd " VERSION); return 0;
        default: fputs("Try xensnapd --help.\n", stderr); return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "xensnapd: what is %s?  Try --help.\n", argv[optind]);
        return 2;
    }
    log_init("xensnapd", LOG_LEVEL_INFO);
    if (run(&options, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
