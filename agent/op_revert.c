/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "care.h"
#include "cleanup.h"
#include "digest.h"
#include "disks.h"
#include "draft.h"
#include "holders.h"
#include "log.h"
#include "op.h"
#include "qmp.h"
#include "savefile.h"
#include "store.h"
#include "xl.h"

/* From "destroy" on there is no way back, only forward. */
static const char *const steps[] = { "pause", "destroy", "disks", "restore", "handover", "unpause", NULL };

enum { QEMU_EXIT_SECONDS = 60 };

struct reversion {
    struct record record;
    struct xl_config *config;
    int memory;
    bool runs;               /* there is a domain to be replaced */
    struct xl_domain domain; /* it */
    struct holders holders;  /* who has its images open: its QEMU */
    bool paused_by_us;
};

static void reversion_deinit(struct reversion *r)
{
    holders_deinit(&r->holders);
    xl_config_free(r->config);
    closep(&r->memory);
}

/* ---- before anything is changed: a revert that cannot succeed must fail here ------------------------------ */

static int open_snapshot(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(freep) char *config = store_read_file(w->store, r->record.vm, r->record.id, "config.json", err);

    memcpy(w->name, r->record.name, sizeof w->name);
    if (!config || xl_config_parse(w->xl, config, &r->config, err) < 0)
        return -1;
    r->memory = store_open_file(w->store, r->record.vm, r->record.id, "memory", err);
    return r->memory < 0 ? -1 : 0;
}

static int verify_memory(struct work *w, struct reversion *r, struct err *err)
{
    char hash[sizeof r->record.memory_hash];
    long long size;

    control_progress(w->control, "verify", 0);
    if (digest_file(r->memory, w->control, hash, sizeof hash, &size, err) < 0)
        return -1;
    if (size != r->record.memory_size || strcmp(hash, r->record.memory_hash) != 0)
        return err_set(err, ERR_CORRUPT, "the memory image is not what was saved");
    return savefile_skip_header(r->memory, err);
}

/* Every disk of the configuration, also those that are not in the snapshot: a CD-ROM whose image is gone would
 * make the restore fail. */
static int verify_targets(const struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(RECORD_DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, RECORD_DISKS_MAX) : 0;
    struct stat st;

    for (size_t i = 0; i < count; i++)
        if (*disks[i].target == '/' && stat(disks[i].target, &st) < 0)
            return err_errno(err, "disk %s", disks[i].vdev);
    return 0;
}

static int verify_disks_online(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    struct nodes nodes;

    if (r->record.disk_count == 0)
        return 0;
    if (qmp_open(&qmp, r->domain.domid, w->control, err) < 0 || disks_find_nodes(&nodes, &r->record, qmp, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record.disk_count; i++)
        if (!nodes.tagged[i])
            return err_set(err, ERR_CORRUPT, "disk %s no longer holds this snapshot", r->record.disks[i].vdev);
    return 0;
}

static int verify_free_memory(struct work *w, const struct reversion *r, struct err *err)
{
    long long need, have;

    if (xl_config_need_memory(w->xl, r->config, &need, err) < 0 || xl_free_memory(w->xl, &have, err) < 0)
        return -1;
    have += r->runs ? r->domain.memory_kb : 0;
    if (have >= need)
        return 0;
    return err_set(err, ERR_XEN, "the host has %lld MiB of memory for it and the domain needs %lld MiB",
                   have >> 10, need >> 10);
}

static int check_domain(struct work *w, struct reversion *r, struct err *err)
{
    int found = xl_find(w->xl, w->begun.order.vm, &r->domain, err);

    if (found < 0)
        return -1;
    r->runs = found > 0;
    if (!r->runs)
        return 0;
    if (w->begun.order.domid >= 0 && r->domain.domid != (unsigned)w->begun.order.domid)
        return err_set(err, ERR_DOMAIN_GONE, "the domain has been started anew since it was asked for");
    if (r->domain.life == XL_SUSPENDED)
        return err_set(err, ERR_BUSY, "the domain is suspended: it is being saved or migrated");
    if (r->domain.life == XL_DYING || r->domain.life == XL_SHUT_DOWN)
        return err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended");
    return xl_config_check(w->xl, r->domain.domid, r->config, err);
}

static int verify(struct work *w, struct reversion *r, struct err *err)
{
    if (open_snapshot(w, r, err) < 0 || check_domain(w, r, err) < 0 || verify_targets(r, err) < 0 ||
        verify_free_memory(w, r, err) < 0)
        return -1;
    if ((r->runs ? verify_disks_online(w, r, err) : disks_check_offline(&r->record, w->control, err)) < 0)
        return -1;
    return verify_memory(w, r, err);
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* Paused it can neither reboot nor power off, so nobody who looks after it acts while it is replaced. */
static int hold_domain(struct work *w, struct reversion *r, struct err *err)
{
    if (r->domain.life == XL_RUNNING) {
        if (work_step(w, "pause", JOURNAL_DURABLE, err) < 0)
            return -1;
        r->paused_by_us = true;
        if (xl_pause(w->xl, r->domain.domid, err) < 0)
            return -1;
    }
    if (xl_look(w->xl, r->domain.domid, &r->domain, err) < 0)
        return -1;
    if (r->domain.life != XL_PAUSED)
        return err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended");
    for (size_t i = 0; i < r->record.disk_count; i++)
        if (holders_find(&r->holders, r->record.disks[i].target, err) < 0)
            return -1;
    return 0;
}

/* libxl does not wait for QEMU to exit, and qemu-img must not touch an image that QEMU still has. */
static int replace_domain(struct work *w, struct reversion *r, struct err *err)
{
    if (xl_destroy(w->xl, r->domain.domid, err) < 0)
        return -1;
    return holders_wait(&r->holders, QEMU_EXIT_SECONDS, err);
}

static int restore(struct work *w, struct reversion *r, unsigned *domid, struct err *err)
{
    if (xl_restore(w->xl, r->config, r->memory, domid, err) < 0)
        return -1;
    return care_begin(w->run, w->begun.order.vm, *domid, err);
}

/* The agent makes the new ~/snapshot, tells the guest that it was brought back, and sees to its monitor;
 * without an agent the next one finds the domain and the care file and does it then. */
static void hand_over(struct work *w, unsigned domid)
{
    struct msg msg = { .kind = MSG_RESTORED, .domid = (int)domid };

    memcpy(msg.snapshot, w->begun.snapshot, sizeof msg.snapshot);
    control_tell(w->control, &msg);
}

/* In a recovery it may run already, and Xen refuses to unpause it twice. */
static int let_run(struct work *w, unsigned domid, struct err *err)
{
    struct xl_domain domain;

    if (work_step(w, "unpause", JOURNAL_DURABLE, err) < 0 || xl_look(w->xl, domid, &domain, err) < 0)
        return -1;
    if (w->begun.order.request.start == START_RUNNING && domain.life == XL_PAUSED &&
        xl_unpause(w->xl, domid, err) < 0)
        return -1;
    return store_set_current(w->store, w->begun.order.vm, w->begun.snapshot, err);
}

/* Everything after the point of no return. */
static int go_back(struct work *w, struct reversion *r, struct err *err)
{
    unsigned domid;

    if (r->runs && (work_step(w, "destroy", JOURNAL_DURABLE, err) < 0 || replace_domain(w, r, err) < 0))
        return -1;
    if (work_step(w, "disks", JOURNAL_DURABLE, err) < 0 ||
        disks_apply_offline(&r->record, w->control, err) < 0)
        return -1;
    if (work_step(w, "restore", JOURNAL_DURABLE, err) < 0 || restore(w, r, &domid, err) < 0)
        return -1;
    if (work_step(w, "handover", JOURNAL_DURABLE, err) < 0)
        return -1;
    hand_over(w, domid);
    return let_run(w, domid, err);
}

/* Says whose fault it is that there is no domain now, and what to do. */
static int explain(const struct reversion *r, struct err *err)
{
    return err_context(err, "%s; revert to %s again when the cause is gone",
                       r->runs ? "the domain was stopped and could not be brought back" : "not restored",
                       r->record.name);
}

static int run(struct work *w, struct err *err)
{
    _cleanup_(reversion_deinit) struct reversion r = { .memory = -1 };
    struct err unpause_err;

    if (store_find(w->store, w->begun.order.vm, w->begun.order.request.name, &r.record, err) < 0 ||
        verify(w, &r, err) < 0 || work_begin(w, r.record.id, err) < 0)
        return -1;
    if (r.runs && (hold_domain(w, &r, err) < 0 || control_cancelled(w->control))) {
        if (r.paused_by_us && xl_unpause(w->xl, r.domain.domid, &unpause_err) < 0)
            log_error("domain %u: %s", r.domain.domid, unpause_err.text);
        return control_cancelled(w->control) ? err_set(err, ERR_CANCELLED, "cancelled before it was destroyed") : -1;
    }
    w->control->committed = true;
    return go_back(w, &r, err) < 0 ? explain(&r, err) : 0;
}

static bool reached(const struct journal_state *state, const char *step)
{
    size_t at = 0, now = 0;

    for (size_t i = 0; steps[i]; i++) {
        at = strcmp(steps[i], step) == 0 ? i + 1 : at;
        now = strcmp(steps[i], state->step) == 0 ? i + 1 : now;
    }
    return now >= at;
}

/* The domain is whole and was only not told, or not let go. */
static int finish(struct work *w, const struct xl_domain *domain, struct err *err)
{
    if (care_begin(w->run, w->begun.order.vm, domain->domid, err) < 0)
        return -1;
    hand_over(w, domain->domid);
    return let_run(w, domain->domid, err);
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    _cleanup_(reversion_deinit) struct reversion r = { .memory = -1 };
    int found = xl_find(w->xl, w->begun.order.vm, &r.domain, err);

    w->control->committed = true;
    if (found < 0)
        return -1;
    if (!reached(state, "destroy")) {
        if (found && strcmp(state->step, "pause") == 0 && r.domain.life == XL_PAUSED &&
            xl_unpause(w->xl, r.domain.domid, err) < 0)
            return -1;
        return err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
    }
    if (found && reached(state, "handover"))
        return finish(w, &r.domain, err);
    /* What there is now is the domain that was to be destroyed, or a half of the one that was to come. */
    r.runs = found > 0;
    if (store_find(w->store, w->begun.order.vm, state->begun.snapshot, &r.record, err) < 0 ||
        open_snapshot(w, &r, err) < 0 || savefile_skip_header(r.memory, err) < 0)
        return -1;
    for (size_t i = 0; i < r.record.disk_count; i++)
        if (holders_find(&r.holders, r.record.disks[i].target, err) < 0)
            return -1;
    return go_back(w, &r, err) < 0 ? explain(&r, err) : 0;
}

const struct op op_revert = { OPERATION_REVERT, steps, run, recover };
