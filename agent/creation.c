/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "creation.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "disks.h"
#include "draft.h"
#include "images_note.h"
#include "merge.h"
#include "quiet.h"
#include "store.h"
#include "torn.h"
#include "vmconfig.h"

void creation_deinit(struct creation *c)
{
    xl_config_free(c->config);
    reach_close(&c->reach);
    closep(&c->memory);
    closep(&c->draft);
}

struct settle_domain settle_domain_of(const struct work *w, const struct record *record)
{
    return (struct settle_domain){
        .run = w->run,
        .vm = w->begun.order.vm,
        .domid = (unsigned)w->begun.order.domid,
        .paused = strcmp(record->state, "paused") == 0,
    };
}

/* ---- the domain: nothing else is as urgent as a guest that stands still ----------------------------------- */

/* In which image the domain goes on is for QEMU to tell, and libxl must know before it does. */
static int agree_with_qemu(struct work *w, const struct record *record, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };

    if (!record_has(record, PLACE_EXTERNAL))
        return 0;
    if (reach_open(&reach, w->xl, record->vm, w->control, err) < 0)
        return -1;
    for (size_t i = 0; reach.runs && i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct node over, below;

        if (disk->place != PLACE_EXTERNAL)
            continue;
        if (reach_find(&reach, disk->overlay, NULL, &over, err) < 0 ||
            reach_find(&reach, disk->target, NULL, &below, err) < 0)
            return -1;
        if (over.role != NODE_TOP && below.role != NODE_TOP)
            continue; /* it was detached, and may be another image by now */
        if (xl_config_store_disk(w->xl, reach.domain.domid, disk->vdev,
                                 over.role == NODE_TOP ? disk->overlay : disk->target,
                                 over.role == NODE_TOP ? "qcow2" : disk->format, err) < 0)
            return -1;
    }
    return 0;
}

static int let_go_on(struct work *w, const struct record *record, enum settle how, bool paused, struct err *err)
{
    struct settle_domain which = settle_domain_of(w, record);
    struct xl_domain domain;

    if (!paused)
        return settle(w->xl, w->control, &which, how, err);
    if (xl_look(w->xl, which.domid, &domain, err) < 0)
        return err->code == ERR_DOMAIN_GONE ? 0 : -1;
    if (domain.life != XL_PAUSED || which.paused || strcmp(domain.uuid, which.vm) != 0)
        return 0;
    return xl_unpause(w->xl, which.domid, err);
}

/* ---- its disks ----------------------------------------------------------------------------------------- */

static bool is_disk_of(struct xl_config *config, const struct record_disk *disk)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(config, disks, DISKS_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        if (strcmp(disks[i].vdev, disk->vdev) == 0)
            return strcmp(disks[i].target, disk->overlay) == 0;
    return false;
}

/* Ours names the overlay since before the guest stood still. */
static int save_what_runs(struct work *w, const struct reach *reach, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;

    return vmconfig_load(w, reach_domain(reach), &config, err) < 0 ? -1 : vmconfig_save(w, config, err);
}

/* Either the domain goes on in the overlay, and what it holds goes back into the image afterwards.  Or it does not;
 * that it never did is not told by a QEMU which does not have it, for the disk may have been detached, or the domain be
 * another one of the same number.  images_next() goes by what is in it. */
static int leave_overlay(struct work *w, const struct reach *reach, struct xl_config *config,
                         const struct record_disk *disk, struct err *err)
{
    struct node over, below;

    if (reach_find(reach, disk->overlay, NULL, &over, err) < 0 ||
        reach_find(reach, disk->target, NULL, &below, err) < 0)
        return -1;
    if (reach->qmp ? over.role == NODE_TOP : is_disk_of(config, disk))
        return 0;
    if (reach->qmp && below.role != NODE_TOP)
        return save_what_runs(w, reach, err);
    return vmconfig_switch(w, reach_domain(reach), disk->vdev, disk->target, disk->format, err);
}

static int leave_overlays(struct work *w, const struct record *record, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;

    if (reach_open(&reach, w->xl, record->vm, w->control, err) < 0 || torn_mend(w, &reach, err) < 0 ||
        disks_untag(record, &reach, w->store, w->control, err) < 0)
        return -1;
    if (!record_has(record, PLACE_EXTERNAL))
        return 0;
    if (vmconfig_load(w, reach_domain(&reach), &config, err) < 0)
        return -1;
    for (size_t i = 0; i < record->disk_count; i++)
        if (record->disks[i].place == PLACE_EXTERNAL &&
            leave_overlay(w, &reach, config, &record->disks[i], err) < 0)
            return -1;
    return 0;
}

/* Once the disks are left where they are all is of one mind, and what is in the ledger can be merged at any later time:
 * where not all is known, or it cannot be done now, that is no reason to be in the way of everything else. */
static int undo_disks(struct work *w, const struct record *record, struct err *err)
{
    if (leave_overlays(w, record, err) < 0)
        return err_context(err, "the snapshots of the disks could not be removed");
    if (merge_unneeded(w, MERGE_ALL, err) == 0)
        return 0;
    if (w->torn)
        return err_context(err, "the images of the disks could not be merged");
    work_warn(w, "no image is merged or removed: %s", err->text);
    return 0;
}

int creation_let_go(struct work *w, enum settle how, bool paused, struct err *err)
{
    struct record record = { 0 };
    struct err record_err;
    bool known = draft_record(w->store, w->begun.order.vm, &record, &record_err) > 0;

    if (w->begun.order.domid < 0)
        return 0;
    if (w->begun.order.request.quiesce != QUIESCE_NO)
        quiet_recover((unsigned)w->begun.order.domid, w->begun.snapshot);
    if ((known && agree_with_qemu(w, &record, err) < 0) || let_go_on(w, &record, how, paused, err) < 0)
        return err_context(err, "the domain could not be let go on");
    if (paused || how != SETTLE_NOTHING)
        journal_let_go(w->journal);
    return 0;
}

/* What there is of the memory image is given up before anything has to be written: it may have filled the store. */
int creation_undo(struct work *w, enum settle how, bool paused, struct err *err)
{
    struct record record = { 0 };
    struct err record_err;
    int known = draft_record(w->store, w->begun.order.vm, &record, &record_err);

    w->control->committed = true; /* a cancel must not stop the undoing */
    if (creation_let_go(w, how, paused, err) < 0)
        return -1;
    work_settled(w);
    draft_empty(w->store, w->begun.order.vm, "memory");
    if (known < 0) {
        *err = record_err;
        return err_context(err, "it is not known what was made of the snapshot");
    }
    if (known && undo_disks(w, &record, err) < 0)
        return -1;
    if (known && *record.memory_file && unlink(record.memory_file) < 0 && errno != ENOENT)
        return err_errno(err, "the memory image could not be removed");
    return draft_abandon(w->store, w->begun.order.vm, err);
}
