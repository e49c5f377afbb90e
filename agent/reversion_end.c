/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reversion.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "files.h"
#include "images_note.h"
#include "kept.h"
#include "log.h"
#include "merge.h"
#include "owed.h"
#include "replaced.h"
#include "reversion_internal.h"
#include "store.h"
#include "xl.h"

/* An HVM guest has its emulated disks beside the PV ones, and the image must be left alone, until it has loaded its
 * drivers. */
enum { BOOT_SECONDS = 120 };

static int remove_file(struct work *w, const char *name, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);

    return dir < 0 ? -1 : file_remove(dir, name, err);
}

void reversion_give_space(struct work *w)
{
    struct err err;

    if (remove_file(w, RESERVE, &err) < 0)
        log_warning("%s", err.text); /* remove_plan() does it again */
}

/* A revert that has failed for good leaves its space behind, too.  KEPT comes last: it says what the rest is of. */
static int remove_plan(struct work *w, struct err *err)
{
    return remove_file(w, RESERVE, err) < 0 || remove_file(w, NEXT, err) < 0 ? -1 : kept_forget(w, err);
}

int reversion_end(struct work *w, struct err *err)
{
    char mark[UUID_LENGTH + 1];

    return kept_mark(w, mark, err) < 0 ? -1 : owed_settle(w, mark, err);
}

int reversion_is_begun(struct work *w, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);

    if (dir < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (faccessat(dir, NEXT, F_OK, 0) == 0)
        return 1;
    return errno == ENOENT ? 0 : err_errno(err, "cannot look at what a revert has kept (next.json)");
}

/* Where next.json is gone that was done; one that cannot be read is told of when what was kept is to be dropped. */
int reversion_note_whole(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct images_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    int begun = r->config ? 0 : reversion_is_begun(w, err);
    size_t count = 0;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    if (begun < 0)
        return -1;
    if (!r->config && (!begun || reversion_read_next(w, r, err) < 0))
        return 0;
    for (size_t i = 0; i < r->record.disk_count; i++) {
        struct record_disk disk;

        if (!reversion_is_in_place(r, &r->record.disks[i], &disk))
            continue;
        memcpy(disks[count].vdev, disk.vdev, sizeof disk.vdev);
        memcpy(disks[count++].path, disk.target, sizeof disk.target);
    }
    return images_note_whole(w->store, w->begun.order.vm, disks, count, err);
}

/* The content of every disk that may have been kept, as a record of what is to be removed. */
static int list_kept(struct work *w, struct record *kept, struct err *err)
{
    _cleanup_(reversion_deinit) struct reversion r = { .memory = -1 };
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    int begun = reversion_is_begun(w, err);
    size_t count;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    if (begun <= 0 || reversion_read_next(w, &r, err) < 0)
        return begun == 0 ? 0 : -1;
    count = xl_config_disks(r.config, disks, DISKS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct record_disk *disk = &kept->disks[kept->disk_count];

        if (!disks[i].writable || disks[i].cdrom || strcmp(disks[i].format, "qcow2") != 0)
            continue;
        kept->disk_count++;
        disk->place = PLACE_INTERNAL;
        snprintf(disk->vdev, sizeof disk->vdev, "%s", disks[i].vdev);
        snprintf(disk->target, sizeof disk->target, "%s", disks[i].target);
        snprintf(disk->format, sizeof disk->format, "qcow2");
    }
    return 0;
}

/* 1: all that was kept inside images is gone, 0: not yet, for the guest still has the emulated disks. */
static int drop_tags(struct work *w, const struct record *kept, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    int dropped = 1;

    if (reach_open(&reach, w->xl, w->begun.order.vm, w->control, err) < 0)
        return -1;
    for (size_t i = 0; i < kept->disk_count && dropped > 0; i++)
        dropped = replaced_drop(w, &kept->disks[i], &reach, err);
    return dropped;
}

/* Where not all is known nothing is removed, and that is said. */
static int remove_unneeded(struct work *w, struct err *err)
{
    int rc = merge_unneeded(w, MERGE_NOTHING, err);

    return rc == 0 ? 0 : -1;
}

int reversion_drop_replaced(struct work *w, bool wait, struct err *err)
{
    long long deadline = clock_ms() + (wait ? BOOT_SECONDS * 1000 : 0);
    struct record kept = { .disk_count = 0 };
    int dropped;

    memcpy(kept.vm, w->begun.order.vm, sizeof kept.vm);
    if (list_kept(w, &kept, err) < 0)
        return -1;
    while ((dropped = drop_tags(w, &kept, err)) == 0 && clock_ms() < deadline)
        if (xl_let_pass(w->xl, 500, err) < 0)
            return -1;
    if (dropped < 0)
        return -1;
    if (dropped > 0 && remove_plan(w, err) < 0)
        return -1;
    if (dropped == 0)
        log_info("the guest does not use its PV disks yet; what the revert has replaced stays in their images until "
                 "the next operation");
    return remove_unneeded(w, err);
}

int reversion_drop_late(struct work *w, struct reach *reach, struct err *err)
{
    struct err drop_err;
    int begun = reach->runs ? reversion_is_begun(w, err) : 0;

    if (begun <= 0)
        return begun;
    reach_close(reach); /* QEMU serves one client at a time */
    if (reversion_drop_replaced(w, false, &drop_err) < 0)
        work_warn(w, "what an earlier revert has left stays yet: %s", drop_err.text);
    return reach_open(reach, w->xl, w->begun.order.vm, w->control, err);
}

int reversion_give_up(struct work *w, struct err *err)
{
    if (remove_plan(w, err) < 0)
        return -1;
    return images_note_leaving(w->store, w->begun.order.vm, NULL, 0, err);
}

int reversion_forget(struct work *w, struct err *err)
{
    return reversion_give_up(w, err) < 0 ? -1 : remove_unneeded(w, err);
}
