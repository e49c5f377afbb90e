/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xensnap-monitor: looks after one domain's end, as the process does that xl create leaves behind: carries
 * out on_poweroff, on_reboot, on_crash and the others of its configuration, until the domain is gone.  Or, with
 * --late, looks out for a suspend that nobody waits for any more. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "care.h"
#include "cleanup.h"
#include "holders.h"
#include "late.h"
#include "log.h"
#include "record.h"
#include "spawn.h"
#include "xenstore.h"
#include "xl.h"

/* As in a revert. */
enum { QEMU_SILENT_SECONDS = 600 };

struct watch {
    struct xl *xl;
    const char *run;
    char vm[UUID_LENGTH + 1];
    unsigned domid;
    enum care care;
    int held; /* the care file of that domid */
};

/* Where xl puts them. */
static void dump_core(struct watch *watch, const struct xl_config *config)
{
    char file[256], when[24];
    time_t now = time(NULL);
    struct tm tm;
    struct err err;

    strftime(when, sizeof when, "%Y-%m%d-%H%M.%S", localtime_r(&now, &tm));
    snprintf(file, sizeof file, "/var/lib/xen/dump/%s-%s", when, xl_config_name(config));
    if (xl_dump_core(watch->xl, watch->domid, file, &err) < 0)
        log_error("domain %u (%s): %s", watch->domid, watch->vm, err.text);
}

static bool is_qemu_of(struct xenstore *xs, const char *id, int pid)
{
    _cleanup_(freep) char *value = NULL;
    char path[XS_PATH_SIZE];
    unsigned domid;

    if (!domid_parse(id, &domid))
        return false;
    path_domain(path, domid, "image/device-model-pid", NULL, NULL);
    value = xenstore_read(xs, path, NULL);
    return value && atoi(value) == pid;
}

/* Domains may share a disk (w! in xl.cfg).  The QEMUs of the others go on. */
static void drop_other_domains(struct holders *holders, unsigned domid)
{
    struct err err;
    size_t count = 0;
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    _cleanup_(freep) char **ids = NULL;
    char own[12];

    snprintf(own, sizeof own, "%u", domid);
    if (xenstore_open(&xs, &err) == 0)
        ids = xenstore_children(xs, "/local/domain", &count);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; strcmp(ids[i], own) != 0 && at < holders->count; at++)
            if (is_qemu_of(xs, ids[i], holders->item[at].pid))
                holders_drop(holders, at--);
}

/* libxl does not wait for a domain's QEMU to end, and the next one may be refused the images until it has. */
static void find_holders(const struct xl_config *config, unsigned domid, struct holders *holders)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(config, disks, DISKS_MAX) : 0;
    struct err err;

    for (size_t i = 0; i < count; i++)
        if (disks[i].qdisk && disks[i].writable)
            holders_find_writers(holders, disks[i].target, &err);
    drop_other_domains(holders, domid);
}

static int destroy(struct watch *watch, const struct xl_config *config, struct err *err)
{
    struct holders holders = { 0 };
    int rc;

    find_holders(config, watch->domid, &holders);
    rc = xl_destroy(watch->xl, watch->domid, err);
    if (rc == 0)
        rc = holders_wait(&holders, QEMU_SILENT_SECONDS, err);
    holders_deinit(&holders);
    return rc;
}

static void let_go(struct watch *watch)
{
    if (watch->held < 0)
        return;
    care_end(watch->care, watch->run, watch->vm, watch->domid);
    closep(&watch->held);
    watch->held = -1;
}

/* 0: another monitor has it.  Where there can be no file there is no other monitor. */
static int take_care(struct watch *watch, unsigned domid)
{
    struct err err;
    int taken;

    watch->care = CARE_END;
    watch->domid = domid;
    watch->held = -1;
    taken = care_take(watch->care, watch->run, watch->vm, domid, &watch->held, &err);
    if (taken < 0)
        log_error("domain %u (%s): %s; nobody looks after it when this process has ended", domid, watch->vm, err.text);
    return taken != 0;
}

/* Starts the domain anew and goes on with the new one: 1, or 0 where another monitor does. */
static int start_again(struct watch *watch, struct xl_config *config, struct err *err)
{
    struct watch old = *watch;
    unsigned domid;
    int taken;

    if (xl_create(watch->xl, config, &domid, err) < 0)
        return -1;
    taken = take_care(watch, domid);
    let_go(&old);
    log_info("domain %u (%s) started", domid, watch->vm);
    return xl_unpause(watch->xl, domid, err) < 0 ? -1 : taken;
}

static int restart(struct watch *watch, struct xl_config *config, struct err *err)
{
    return destroy(watch, config, err) < 0 ? -1 : start_again(watch, config, err);
}

/* 1: the domain goes on or has been started again; 0: nothing is left to look after. */
static int act(struct watch *watch, enum xl_end end, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    enum xl_action action;

    if (xl_config_read(watch->xl, watch->domid, &config, err) < 0)
        return -1;
    action = xl_config_action(config, end);
    log_info("domain %u (%s) has ended (%d); action %d", watch->domid, watch->vm, end, action);
    if (action == XL_ACTION_COREDUMP_DESTROY || action == XL_ACTION_COREDUMP_RESTART)
        dump_core(watch, config);
    switch (action) {
    case XL_ACTION_DESTROY:
    case XL_ACTION_COREDUMP_DESTROY:
        return destroy(watch, config, err);
    case XL_ACTION_RESTART:
    case XL_ACTION_COREDUMP_RESTART:
        return restart(watch, config, err);
    case XL_ACTION_RENAME_RESTART:
        if (xl_preserve(watch->xl, watch->domid, config, err) < 0)
            return -1;
        return start_again(watch, config, err);
    case XL_ACTION_SOFT_RESET:
        if (xl_soft_reset(watch->xl, watch->domid, config, err) < 0)
            return -1;
        return xl_unpause(watch->xl, watch->domid, err) < 0 ? -1 : 1;
    default:
        return 0; /* preserve */
    }
}

static int watch_domain(struct watch *watch, struct err *err)
{
    int more = 1;

    while (more > 0) {
        enum xl_end end;

        if (xl_wait_end(watch->xl, watch->domid, -1, &end, err) < 0)
            return -1;
        if (end == XL_END_SUSPEND)
            continue; /* whoever suspends a domain resumes or destroys it */
        more = end == XL_END_DESTROYED ? 0 : act(watch, end, err);
    }
    let_go(watch);
    return more;
}

/* On Xen before 4.20 the domain's xl process has ended with the suspend. */
static int look_out(struct watch *watch, struct err *err)
{
    struct watch late = *watch;
    int resumed = late_suspend(watch->xl, watch->vm, watch->domid, err);
    int more = resumed > 0 && xl_daemon_ends_at_suspend(watch->xl) ? take_care(watch, watch->domid) : 0;

    let_go(&late);
    return more ? watch_domain(watch, err) : resumed;
}

/* The domain may have gone before we began. */
static int open_domain(struct watch *watch, struct err *err)
{
    struct xl_domain domain;

    if (xl_open(&watch->xl, NULL, err) < 0)
        return -1;
    if (xl_look(watch->xl, watch->domid, &domain, err) < 0)
        return err->code == ERR_DOMAIN_GONE ? 0 : -1;
    return strcmp(domain.uuid, watch->vm) == 0;
}

int main(int argc, char **argv)
{
    struct watch watch = { .held = -1 };
    bool late = argc > 1 && strcmp(argv[1], "--late") == 0;
    struct err err;
    int there;

    log_init("xensnap-monitor", LOG_LEVEL_INFO);
    if (argc != 5 || (!late && strcmp(argv[1], "--run") != 0) || !uuid_valid(argv[3]) ||
        !domid_parse(argv[4], &watch.domid)) {
        fprintf(stderr, "xensnap-monitor: started by xensnapd; takes --run or --late, DIR UUID DOMID\n");
        return 2;
    }
    watch.care = late ? CARE_LATE_SUSPEND : CARE_END;
    signal(SIGPIPE, SIG_IGN);
    watch.run = argv[2];
    memcpy(watch.vm, argv[3], sizeof watch.vm);
    watch.held = SPAWN_FD;
    fcntl(watch.held, F_SETFD, FD_CLOEXEC); /* a QEMU that we start must not hold the domain for us */
    there = open_domain(&watch, &err);
    if (there == 0)
        let_go(&watch);
    if (there < 0 || (there > 0 && (late ? look_out(&watch, &err) : watch_domain(&watch, &err)) < 0)) {
        log_error("domain %u (%s): %s", watch.domid, watch.vm, err.text);
        return 1;
    }
    xl_close(watch.xl);
    return 0;
}
