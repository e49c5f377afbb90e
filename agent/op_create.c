/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "clock.h"
#include "digest.h"
#include "disks.h"
#include "draft.h"
#include "log.h"
#include "op.h"
#include "qmp.h"
#include "savefile.h"
#include "settle.h"
#include "store.h"
#include "xl.h"

static const char *const steps[] = { "save", "disks", "resume", "commit", NULL };

/* Everything that one creation has in its hands. */
struct creation {
    struct xl_domain domain;
    struct xl_config *config;
    struct qmp *qmp;
    struct nodes nodes;
    struct record record;
    int draft, memory;
    struct xl_saved saved;
    enum settle how; /* what a failure now would leave of the domain */
};

static void creation_deinit(struct creation *c)
{
    xl_config_free(c->config);
    qmp_close(c->qmp);
    closep(&c->memory);
    closep(&c->draft);
}

/* ---- before anything is changed ------------------------------------------------------------------------ */

static int check_domain(struct work *w, struct creation *c, struct err *err)
{
    const struct order *order = &w->begun.order;

    if (order->domid < 0 || xl_look(w->xl, (unsigned)order->domid, &c->domain, err) < 0)
        return order->domid < 0 ? err_set(err, ERR_DOMAIN_GONE, "the domain is gone") : -1;
    if (strcmp(c->domain.uuid, order->vm) != 0)
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    switch (c->domain.life) {
    case XL_RUNNING:
        return 0;
    case XL_PAUSED:
        return err_set(err, ERR_UNSUPPORTED, "the domain is paused and cannot take part; unpause it first");
    case XL_SUSPENDED:
        return err_set(err, ERR_BUSY, "the domain is suspended: it is being saved or migrated");
    default:
        return err_set(err, ERR_DOMAIN_GONE, "the domain is shutting down");
    }
}

static int choose_name(struct work *w, struct record *record, struct err *err)
{
    const struct request *request = &w->begun.order.request;
    struct snapshots snapshots = { 0 };
    int rc = 0;

    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    if (*request->name)
        snprintf(record->name, sizeof record->name, "%s", request->name);
    else
        snprintf(record->name, sizeof record->name, "%lld", record->created_ms / 1000);
    for (int n = 2; !*request->name && snapshots_find(&snapshots, record->name); n++)
        snprintf(record->name, sizeof record->name, "%lld-%d", record->created_ms / 1000, n);
    if (snapshots_find(&snapshots, record->name))
        rc = err_set(err, ERR_EXISTS, "a snapshot named %s exists already", record->name);
    memcpy(record->parent, snapshots.current, sizeof record->parent);
    snapshots_deinit(&snapshots);
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
    record->downtime_ms = -1;
    memcpy(record->vm, order->vm, sizeof record->vm);
    memcpy(record->description, order->request.description, sizeof record->description);
    if (order->home == (unsigned)order->domid)
        memcpy(record->request, order->request.id, sizeof record->request);
    snprintf(record->vm_name, sizeof record->vm_name, "%s", xl_config_name(c->config));
    snprintf(record->state, sizeof record->state, "running");
    snprintf(record->made_by, sizeof record->made_by, "%s", VERSION);
    snprintf(record->xen, sizeof record->xen, "%s", xl_version(w->xl));
    if (choose_name(w, record, err) < 0)
        return -1;
    memcpy(w->name, record->name, sizeof w->name);
    return disks_plan(record, c->config, err);
}

/* A live save appends pages that changed meanwhile; it stops after five rounds, and twice the memory is what
 * a busy guest needs.  Running out later costs nothing but the attempt. */
static int check_space(struct work *w, const struct creation *c, struct err *err)
{
    long long need = c->domain.memory_kb * 1024 + (64 << 20), have = store_free_bytes(w->store);

    if (have >= need)
        return 0;
    return err_set(err, ERR_NO_SPACE, "the store has %lld MiB free and the memory needs %lld MiB", have >> 20,
                   need >> 20);
}

static int prepare(struct work *w, struct creation *c, struct err *err)
{
    unsigned domid = c->domain.domid;

    if (xl_config_read(w->xl, domid, &c->config, err) < 0 || xl_config_check(w->xl, domid, c->config, err) < 0 ||
        describe(w, c, err) < 0 || check_space(w, c, err) < 0)
        return -1;
    /* The monitor is opened before the suspend: connecting takes time that the guest would stand still. */
    if (c->record.disk_count > 0 &&
        (qmp_open(&c->qmp, domid, w->control, err) < 0 ||
         disks_find_nodes(&c->nodes, &c->record, c->qmp, err) < 0))
        return -1;
    return 0;
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

static int write_record(struct creation *c, struct err *err)
{
    _cleanup_(freep) char *text = record_format(&c->record);

    return draft_write(c->draft, "snapshot.json", text, err);
}

static int begin_draft(struct work *w, struct creation *c, struct err *err)
{
    _cleanup_(freep) char *config = xl_config_format(w->xl, c->config);

    if (!config)
        return err_set(err, ERR_XEN, "libxl cannot write the configuration");
    c->draft = draft_begin(w->store, w->begun.order.vm, err);
    if (c->draft < 0)
        return -1;
    c->memory = draft_create(c->draft, "memory", err);
    /* The record is there before anything is done, for recovery to know the disks and their tag. */
    if (c->memory < 0 || draft_write(c->draft, "config.json", config, err) < 0 || write_record(c, err) < 0)
        return -1;
    return savefile_write_header(c->memory, config, err);
}

/* Live where the hypervisor can; where it refuses (PV on some builds: log-dirty mode is EINVAL) before a page
 * was sent, the guest is saved while it stands still. */
static int save_memory(struct work *w, struct creation *c, struct err *err)
{
    off_t start = lseek(c->memory, 0, SEEK_CUR);

    if (xl_save(w->xl, c->domain.domid, c->memory, XL_SAVE_LIVE, &c->saved, err) == 0)
        return 0;
    if (err->code == ERR_CANCELLED || err->code == ERR_DOMAIN_GONE || c->saved.sent_pages || c->saved.suspended_ms)
        return -1;
    log_info("domain %u: a live save is refused, so the guest stands still meanwhile", c->domain.domid);
    if (ftruncate(c->memory, start) < 0 || lseek(c->memory, start, SEEK_SET) < 0)
        return err_errno(err, "cannot write the memory image");
    return xl_save(w->xl, c->domain.domid, c->memory, XL_SAVE_STOPPED, &c->saved, err);
}

/* After a live save QEMU has let go of the images ("inactive") until it goes on; tagging them is refused and
 * deleting a tag would abort it.  The guest's vcpus are suspended in Xen and stay so. */
static int tag_disks(struct creation *c, struct err *err)
{
    if (c->qmp && c->domain.hvm && qmp_call(c->qmp, "cont", NULL, 60, NULL, err) < 0)
        return -1;
    return disks_tag(&c->nodes, &c->record, c->qmp, err);
}

static int seal(struct work *w, struct creation *c, struct err *err)
{
    if (digest_file(c->memory, w->control, c->record.memory_hash, sizeof c->record.memory_hash,
                    &c->record.memory_size, err) < 0)
        return -1;
    if (fsync(c->memory) < 0)
        return err_errno(err, "cannot make the memory image durable");
    c->record.downtime_ms = w->downtime_ms;
    return write_record(c, err);
}

static int take(struct work *w, struct creation *c, struct err *err)
{
    struct settle_domain domain = { w->run, w->begun.order.vm, c->domain.domid };

    if (begin_draft(w, c, err) < 0)
        return -1;
    if (work_step(w, "save", JOURNAL_DURABLE, err) < 0)
        return -1;
    c->how = SETTLE_LATE_SUSPEND;
    if (save_memory(w, c, err) < 0)
        return -1;
    c->how = SETTLE_NOW;
    if (work_step(w, "disks", JOURNAL_QUICK, err) < 0 || tag_disks(c, err) < 0)
        return -1;
    if (work_step(w, "resume", JOURNAL_QUICK, err) < 0 || settle_resume(w->xl, &domain, err) < 0)
        return -1;
    if (c->saved.suspended_ms)
        w->downtime_ms = (int)(clock_ms() - c->saved.suspended_ms);
    if (work_step(w, "commit", JOURNAL_DURABLE, err) < 0 || seal(w, c, err) < 0)
        return -1;
    w->control->committed = true;
    if (draft_commit(w->store, w->begun.order.vm, c->record.id, err) < 0)
        return -1;
    return store_set_current(w->store, w->begun.order.vm, c->record.id, err);
}

/* ---- undoing ------------------------------------------------------------------------------------------- */

/* Where the images are: with the domain's QEMU, or with nobody if the domain is gone. */
static int remove_tags(struct work *w, const struct record *record, struct err *err)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    struct xl_domain domain;
    struct nodes nodes;
    int found = xl_find(w->xl, record->vm, &domain, err);

    if (found < 0 || record->disk_count == 0)
        return found < 0 ? -1 : 0;
    if (found == 0 || domain.life == XL_DYING)
        return disks_untag_offline(record, w->control, err);
    if (qmp_open(&qmp, domain.domid, w->control, err) < 0 || disks_find_nodes(&nodes, record, qmp, err) < 0)
        return -1;
    return disks_untag(&nodes, record, qmp, err);
}

/* The domain first: nothing else is as urgent as a guest that stands still. */
static int undo(struct work *w, enum settle how, struct err *err)
{
    const struct order *order = &w->begun.order;
    struct settle_domain domain = { w->run, order->vm, (unsigned)order->domid };
    struct record record;

    w->control->committed = true; /* a cancel must not stop the undoing */
    if (settle(w->xl, w->control, &domain, how, err) < 0)
        return err_context(err, "the domain could not be resumed");
    if (draft_record(w->store, order->vm, &record) && remove_tags(w, &record, err) < 0)
        return err_context(err, "the snapshots in the images could not be removed");
    return draft_abandon(w->store, order->vm, err);
}

static int create(struct work *w, struct err *err)
{
    _cleanup_(creation_deinit) struct creation c = { .draft = -1, .memory = -1 };
    struct err undo_err;
    int rc;

    if (check_domain(w, &c, err) < 0 || prepare(w, &c, err) < 0 || work_begin(w, c.record.id, err) < 0)
        return -1;
    rc = take(w, &c, err);
    c.qmp = qmp_close(c.qmp); /* undo() wants the socket, and libxl's left-over descriptors go with us */
    if (rc < 0 && undo(w, c.saved.suspended_ms ? SETTLE_NOW : c.how, &undo_err) < 0) {
        log_error("request %s: %s", w->begun.order.request.id, undo_err.text);
        w->unsettled = true;
        err_context(err, "%s; before that", undo_err.text);
    }
    return rc;
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    struct snapshots snapshots = { 0 };
    bool committed;

    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0)
        return -1;
    committed = snapshots_find(&snapshots, state->begun.snapshot) != NULL;
    snapshots_deinit(&snapshots);
    if (committed)
        return store_set_current(w->store, w->begun.order.vm, state->begun.snapshot, err);
    if (undo(w, strcmp(state->step, "save") == 0 ? SETTLE_LATE_SUSPEND : SETTLE_NOW, err) < 0)
        return -1;
    return err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
}

const struct op op_create = { OPERATION_CREATE, steps, create, recover };
