/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <uuid/uuid.h>

#include "chain.h"
#include "cleanup.h"
#include "clock.h"
#include "creation.h"
#include "digest.h"
#include "disks.h"
#include "draft.h"
#include "files.h"
#include "images.h"
#include "images_note.h"
#include "log.h"
#include "op.h"
#include "plan.h"
#include "qcow2.h"
#include "qmp.h"
#include "quiet.h"
#include "reversion.h"
#include "savefile.h"
#include "store.h"
#include "torn.h"
#include "vmconfig.h"
#include "xl.h"

enum { LEAST_BYTES = 4 << 20 };

/* With memory the domain is suspended from somewhere in "save" to "resume".  Without, it is paused from "pause" to
 * "resume", and only if it is to go on in overlays.  Its file systems are frozen from "freeze" to before "commit". */
static const char *const steps[] = { "prepare", "save", "freeze", "pause", "disks", "resume", "commit", NULL };

/* ---- before anything is changed ------------------------------------------------------------------------ */

static void set_state(struct creation *c, const char *state)
{
    snprintf(c->record.state, sizeof c->record.state, "%s", state);
}

/* Whom it is about is decided here: a VM that was stopped when it was asked for may run by now. */
static int check_domain(struct work *w, struct creation *c, struct err *err)
{
    const struct order *order = &w->begun.order;

    if (order->domid >= 0 && (!c->reach.runs || c->reach.domain.domid != (unsigned)order->domid))
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    w->begun.order.domid = c->reach.runs ? (int)c->reach.domain.domid : -1;
    if (!c->reach.runs) {
        set_state(c, "stopped");
        return c->record.memory ? err_set(err, ERR_UNSUPPORTED, "the domain is not running, so it has no memory to "
                                          "save; ask for a disk-only snapshot") : 0;
    }
    set_state(c, c->reach.domain.life == XL_PAUSED ? "paused" : "running");
    if (c->reach.domain.life == XL_RUNNING || c->reach.domain.life == XL_PAUSED)
        return 0;
    return reach_check_steady(&c->reach, err) < 0 ? -1
                                                  : err_set(err, ERR_DOMAIN_GONE, "the domain is shutting down");
}

/* Where it was to be tried only: goes on, and the snapshot is what it is without. */
static int do_without(struct work *w, struct creation *c, struct err *err)
{
    struct record_quiesce *quiesce = &c->record.quiesce;

    if (w->begun.order.request.quiesce == QUIESCE_MUST || err->code == ERR_CANCELLED)
        return -1;
    err_context(err, "not frozen");
    snprintf(quiesce->warning, sizeof quiesce->warning, "%s", err->text);
    return 0;
}

/* Whether the guest can be asked to be quiet.  A paused one cannot flush what it holds. */
static int check_quiesce(struct work *w, struct creation *c, struct err *err)
{
    int rc;

    if (w->begun.order.request.quiesce == QUIESCE_NO)
        return 0;
    c->record.quiesce.asked = true;
    snprintf(c->record.quiesce.consistency, sizeof c->record.quiesce.consistency, "crash");
    if (!c->reach.runs)
        rc = err_set(err, ERR_UNSUPPORTED, "the domain does not run, so there is nothing to freeze");
    else if (c->reach.domain.life == XL_PAUSED)
        rc = err_set(err, ERR_UNSUPPORTED, "the domain is paused and cannot write out what its file systems hold");
    else
        rc = quiet_check(c->reach.domain.domid, err);
    c->freezes = rc == 0;
    return rc < 0 ? do_without(w, c, err) : 0;
}

static int choose_name(struct work *w, struct record *record, struct err *err)
{
    const struct request *request = &w->begun.order.request;
    struct snapshots snapshots = { 0 };
    int rc = 0;

    if (store_read_current(w->store, w->begun.order.vm, record->parent, err) < 0 ||
        (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0 && err->code != ERR_NOT_FOUND))
        return -1;
    if (*request->name)
        snprintf(record->name, sizeof record->name, "%s", request->name);
    else
        snprintf(record->name, sizeof record->name, "%lld", record->created_ms / 1000);
    for (int n = 2; !*request->name && snapshots_find(&snapshots, record->name); n++)
        snprintf(record->name, sizeof record->name, "%lld-%d", record->created_ms / 1000, n);
    if (snapshots_find(&snapshots, record->name))
        rc = err_set(err, ERR_EXISTS, "a snapshot named %s exists already", record->name);
    snapshots_deinit(&snapshots);
    memcpy(w->name, record->name, sizeof w->name);
    return rc;
}

static int describe(struct work *w, struct creation *c, struct err *err)
{
    const struct order *order = &w->begun.order;
    struct record *record = &c->record;
    uuid_t uuid;

    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, record->id);
    record->created_ms = clock_epoch_ms();
    record->downtime_ms = record->freeze_ms = -1;
    memcpy(record->vm, order->vm, sizeof record->vm);
    memcpy(record->description, order->request.description, sizeof record->description);
    memcpy(record->memory_file, order->request.memory, sizeof record->memory_file);
    if (record->memory && order->home == (unsigned)order->domid)
        memcpy(record->request, order->request.id, sizeof record->request);
    snprintf(record->vm_name, sizeof record->vm_name, "%s", xl_config_name(c->config));
    snprintf(record->made_by, sizeof record->made_by, "%s", VERSION);
    snprintf(record->xen, sizeof record->xen, "%s", xl_version(w->xl));
    if (choose_name(w, record, err) < 0)
        return -1;
    return plan_disks(record, c->config, &order->request, w->store, err);
}

/* Written to is what is not a snapshot.  What else is not known only has nothing removed or merged. */
static int check_images(struct work *w, struct creation *c, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    _cleanup_(chain_deinit) struct chain chain = { 0 };

    if (images_load(&images, w->store, w->begun.order.vm, err) < 0 ||
        chain_list(&chain, &images, w, &c->reach, err) < 0)
        return -1;
    if (chain.unknown.code != ERR_NONE)
        work_warn(w, "%s", chain.unknown.text);
    return chain_check_written(&chain, err);
}

/* QEMU opens all of them for each disk, and tells of them one inside the other. */
static int check_depth(const struct record *record, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (disk->place == PLACE_EXTERNAL && strcmp(disk->format, "qcow2") == 0 &&
            qcow2_depth(disk->target, CHAIN_MAX) >= CHAIN_MAX)
            return err_set(err, ERR_UNSUPPORTED, "disk %s: %d images stand on each other already, which is as many as "
                           "xensnap can serve; delete external snapshots of it first", disk->vdev, CHAIN_MAX);
    }
    return 0;
}

static int prepare(struct work *w, struct creation *c, struct err *err)
{
    struct xl_intent intent = { .memory = c->record.memory, .saves = c->record.memory };

    if (vmconfig_load(w, reach_domain(&c->reach), &c->config, err) < 0 || describe(w, c, err) < 0)
        return -1;
    intent.switches = record_has(&c->record, PLACE_EXTERNAL);
    if (c->reach.runs && xl_config_check(w->xl, c->reach.domain.domid, c->config, intent, err) < 0)
        return -1;
    if (check_images(w, c, err) < 0 || check_depth(&c->record, err) < 0 || disks_check(&c->record, &c->reach, err) < 0)
        return -1;
    return plan_check_space(&c->record, w->store, c->reach.domain.memory_kb, err);
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

static int write_record(struct creation *c, struct err *err)
{
    _cleanup_(freep) char *text = record_format(&c->record);

    return draft_write(c->draft, "snapshot.json", text, err);
}

/* One that was asked for elsewhere must not be there yet; if somebody has been faster it is not ours to remove. */
static int open_memory(struct creation *c, struct err *err)
{
    struct err write_err;

    if (!*c->record.memory_file) {
        c->memory = draft_create(c->draft, "memory", err);
        return c->memory < 0 ? -1 : 0;
    }
    c->memory = file_claim(c->record.memory_file, NULL, err);
    if (c->memory >= 0)
        return 0;
    *c->record.memory_file = '\0';
    write_record(c, &write_err);
    return err_context(err, "memory");
}

/* The record is there before anything is done, for recovery to know what there can be. */
static int begin_draft(struct work *w, struct creation *c, struct err *err)
{
    _cleanup_(freep) char *config = xl_config_format(w->xl, c->config);

    if (!config)
        return err_set(err, ERR_XEN, "libxl cannot write the configuration");
    c->draft = draft_begin(w->store, w->begun.order.vm, err);
    if (c->draft < 0 || draft_write(c->draft, "config.json", config, err) < 0 || write_record(c, err) < 0)
        return -1;
    if (!c->record.memory)
        return 0;
    return open_memory(c, err) < 0 ? -1 : savefile_write_header(c->memory, config, err);
}

/* The overlays stand in our copy of the configuration before anything is written to one: as long as they are
 * empty they are as good as what they stand on.  Of a VM that does not run this is the snapshot, and comes
 * later. */
static int lay_out(struct work *w, struct creation *c, struct err *err)
{
    if (begin_draft(w, c, err) < 0 || disks_make_overlays(&c->record, w->store, w->control, err) < 0)
        return -1;
    for (size_t i = 0; i < c->record.disk_count; i++)
        if (c->record.disks[i].place == PLACE_EXTERNAL)
            xl_config_set_disk(c->config, c->record.disks[i].vdev, c->record.disks[i].overlay, "qcow2");
    disks_make_ready(&c->record, &c->reach);
    return c->reach.runs ? vmconfig_save(w, c->config, err) : 0;
}

/* libxl does not say why it could not write; before the guest was suspended it even says that the guest did not answer
 * (libxl__xc_domain_save_done). */
static void explain_space(int fd, struct err *err)
{
    struct statvfs fs;

    if ((err->code == ERR_XEN || err->code == ERR_GUEST_TIMEOUT) && fstatvfs(fd, &fs) == 0 &&
        (long long)fs.f_bavail * (long long)fs.f_frsize < LEAST_BYTES)
        err_set(err, ERR_NO_SPACE, "there was no space left for the memory image");
}

static int save(struct work *w, struct creation *c, enum xl_save_kind kind, struct err *err)
{
    int rc = xl_save(w->xl, c->reach.domain.domid, c->memory, kind, &c->saved, err);

    if (rc < 0)
        explain_space(c->memory, err);
    return rc;
}

/* Live where the hypervisor can; where it refuses (PV on some builds: log-dirty mode is EINVAL) before a page
 * was sent, the guest is saved while it stands still. */
static int save_running(struct work *w, struct creation *c, struct err *err)
{
    off_t start = lseek(c->memory, 0, SEEK_CUR);

    if (save(w, c, XL_SAVE_LIVE, err) == 0)
        return 0;
    if (err->code == ERR_CANCELLED || err->code == ERR_DOMAIN_GONE || err->code == ERR_NO_SPACE ||
        c->saved.sent_pages || c->saved.suspended_ms)
        return -1;
    log_info("domain %u: a live save is refused, so the guest stands still meanwhile", c->reach.domain.domid);
    if (ftruncate(c->memory, start) < 0 || lseek(c->memory, start, SEEK_SET) < 0)
        return err_errno(err, "cannot write the memory image");
    return save(w, c, XL_SAVE_STOPPED, err);
}

/* A paused guest has to run for the moment in which it suspends itself. */
static int save_memory(struct work *w, struct creation *c, struct err *err)
{
    int rc;

    c->how = SETTLE_LATE_SUSPEND;
    if (c->reach.domain.life != XL_PAUSED)
        rc = save_running(w, c, err);
    else
        rc = xl_unpause(w->xl, c->reach.domain.domid, err) < 0 ? -1 : save(w, c, XL_SAVE_STOPPED, err);
    c->stood_still_ms = c->saved.suspended_ms;
    if (rc == 0 || c->saved.suspended_ms)
        c->how = SETTLE_NOW;
    return rc;
}

static int freeze(struct work *w, struct creation *c, struct err *err)
{
    if (quiet_begin(&c->quiet, w->control, c->reach.domain.domid, c->record.id, err) < 0)
        return do_without(w, c, err);
    return 0;
}

/* Only what the guest says to its end tells whether it was quiet all the while. */
static int thaw(struct work *w, struct creation *c, struct err *err)
{
    struct record_quiesce *quiesce = &c->record.quiesce;
    struct quieted was;
    int rc = quiet_end(&c->quiet, &was, err);

    if (rc < 0)
        return do_without(w, c, err);
    c->record.freeze_ms = was.frozen_ms;
    quiesce->hooks = was.hooks;
    snprintf(quiesce->consistency, sizeof quiesce->consistency, was.hooks ? "app" : "fs");
    return 0;
}

static int pause_domain(struct work *w, struct creation *c, struct err *err)
{
    struct xl_domain now;

    c->paused_by_us = true;
    c->stood_still_ms = clock_ms();
    if (xl_pause(w->xl, c->reach.domain.domid, err) < 0 || xl_look(w->xl, c->reach.domain.domid, &now, err) < 0)
        return -1;
    return now.life == XL_PAUSED ? 0 : err_set(err, ERR_DOMAIN_GONE, "the domain is shutting down");
}

/* libxl's copy of the configuration first: the guest cannot run now, and the next thing that it does may be a
 * reboot. */
static int snapshot_disks(struct work *w, struct creation *c, struct err *err)
{
    unsigned domid = c->reach.domain.domid;

    for (size_t i = 0; c->reach.runs && i < c->record.disk_count; i++)
        if (c->record.disks[i].place == PLACE_EXTERNAL &&
            xl_config_store_disk(w->xl, domid, c->record.disks[i].vdev, c->record.disks[i].overlay, "qcow2", err) < 0)
            return -1;
    /* After a live save QEMU has let go of the images ("inactive") until it goes on; snapshots of them are refused
     * and deleting one would abort it.  The guest's vcpus are suspended in Xen and stay so. */
    if (c->record.memory && c->reach.qmp && c->reach.domain.hvm &&
        qmp_call(c->reach.qmp, "cont", NULL, 60, NULL, err) < 0)
        return -1;
    if (disks_snapshot(&c->record, &c->reach, err) < 0)
        return -1;
    return c->reach.runs ? 0 : vmconfig_save(w, c->config, err);
}

static int let_go_on(struct work *w, struct creation *c, struct err *err)
{
    struct settle_domain domain = settle_domain_of(w, &c->record);

    if (c->record.memory ? settle_resume(w->xl, &domain, err) < 0
                         : xl_unpause(w->xl, c->reach.domain.domid, err) < 0)
        return -1;
    c->paused_by_us = false;
    c->how = SETTLE_NOTHING;
    if (c->stood_still_ms)
        w->downtime_ms = (int)(clock_ms() - c->stood_still_ms);
    c->stood_still_ms = 0;
    journal_let_go(w->journal);
    return 0;
}

static int seal(struct work *w, struct creation *c, struct err *err)
{
    if (c->record.memory &&
        digest_file(c->memory, w->control, c->record.memory_hash, sizeof c->record.memory_hash,
                    &c->record.memory_size, err) < 0)
        return -1;
    if (c->record.memory && fsync(c->memory) < 0)
        return err_errno(err, "cannot make the memory image durable");
    c->record.downtime_ms = w->downtime_ms;
    return write_record(c, err);
}

/* With its name in the list the snapshot is made, and nothing that fails behind that makes it another outcome: the
 * journal stays, and the next recovery tries it again.  What the ledger is not told now it learns from the record
 * (images_next.h). */
static void make_current(struct work *w, const struct record *record)
{
    const char *id = record->id;
    struct err err;

    if (images_note_content(w->store, record, &err) < 0)
        work_warn(w, "the snapshot is made, but what its images are could not be noted: %s", err.text);
    if (store_set_current(w->store, w->begun.order.vm, id, &err) == 0)
        return;
    w->unsettled = true;
    work_warn(w, "the snapshot is made, but that it is the current one could not be noted yet: %s", err.text);
}

static int take(struct work *w, struct creation *c, struct err *err)
{
    bool pause = c->reach.runs && !c->record.memory && c->reach.domain.life == XL_RUNNING &&
                 record_has(&c->record, PLACE_EXTERNAL);

    if (work_step(w, "prepare", JOURNAL_DURABLE, err) < 0 || lay_out(w, c, err) < 0)
        return -1;
    if (c->record.memory)
        fdsets_note(&c->fdsets, &c->reach);
    if (c->record.memory && (work_step(w, "save", JOURNAL_DURABLE, err) < 0 || save_memory(w, c, err) < 0))
        return -1;
    if (c->freezes && (work_step(w, "freeze", JOURNAL_DURABLE, err) < 0 || freeze(w, c, err) < 0))
        return -1;
    if (pause && (work_step(w, "pause", JOURNAL_DURABLE, err) < 0 || pause_domain(w, c, err) < 0))
        return -1;
    if (work_step(w, "disks", JOURNAL_QUICK, err) < 0 || snapshot_disks(w, c, err) < 0)
        return -1;
    if ((c->record.memory || pause) &&
        (work_step(w, "resume", JOURNAL_QUICK, err) < 0 || let_go_on(w, c, err) < 0))
        return -1;
    if (c->quiet && thaw(w, c, err) < 0)
        return -1;
    fdsets_drop_new(&c->fdsets, &c->reach);
    if (work_step(w, "commit", JOURNAL_DURABLE, err) < 0 || seal(w, c, err) < 0)
        return -1;
    w->control->committed = true;
    if (draft_commit(w->store, w->begun.order.vm, c->record.id, err) < 0)
        return -1;
    make_current(w, &c->record);
    return 0;
}

static int tell_plan(struct work *w, const struct creation *c)
{
    plan_describe(&c->record, w->store, c->reach.domain.memory_kb, w->plan);
    return 0;
}

static int create(struct work *w, struct err *err)
{
    _cleanup_(creation_deinit) struct creation c = { .draft = -1, .memory = -1 };
    struct err undo_err;
    int rc;

    c.record.memory = !w->begun.order.request.disk_only;
    if (reach_open(&c.reach, w->xl, w->begun.order.vm, w->control, err) < 0 || check_domain(w, &c, err) < 0 ||
        (!w->begun.order.request.dry_run && torn_mend(w, &c.reach, err) < 0) || check_quiesce(w, &c, err) < 0 ||
        prepare(w, &c, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run)
        return tell_plan(w, &c);
    if (work_begin(w, c.record.id, err) < 0)
        return -1;
    rc = reversion_drop_late(w, &c.reach, err) < 0 ? -1 : take(w, &c, err);
    c.quiet = quiet_drop(c.quiet); /* nothing else is as urgent as a guest that stands still */
    if (rc < 0)
        reach_explain(&c.reach, w->xl, err);
    reach_close(&c.reach); /* undo() wants the socket, and libxl's left-over descriptors go with us */
    if (rc < 0 && creation_undo(w, c.how, c.paused_by_us, &undo_err) < 0) {
        log_error("request %s: %s", w->begun.order.request.id, undo_err.text);
        w->unsettled = true;
        err_context(err, "%s; before that", undo_err.text);
    }
    return rc;
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    struct snapshots snapshots = { 0 };
    const struct record *committed;

    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0)
        return -1;
    committed = snapshots_find(&snapshots, state->begun.snapshot);
    if (committed)
        make_current(w, committed);
    snapshots_deinit(&snapshots);
    if (committed)
        return 0;
    if (creation_undo(w, settle_after(state->suspended, state->step), state->paused, err) < 0)
        return -1;
    return err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
}

const struct op op_create = { OPERATION_CREATE, steps, NULL, create, recover };
