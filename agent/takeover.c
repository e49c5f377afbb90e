/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "takeover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_job.h"
#include "cleanup.h"
#include "control.h"
#include "creation.h"
#include "images.h"
#include "images_note.h"
#include "op.h"
#include "reach.h"
#include "reversion.h"
#include "vmconfig.h"
#include "xl.h"

/* ---- the configuration ------------------------------------------------------------------------------------ */

struct agreement {
    struct work *work;
    struct reach reach;
    struct images images;
    struct vm_disks disks;
};

static void agreement_deinit(struct agreement *a)
{
    reach_close(&a->reach);
    images_deinit(&a->images);
}

static bool is_image(const struct xl_disk *disk)
{
    return *disk->target == '/' && disk->writable && !disk->cdrom && disk->qdisk &&
           (strcmp(disk->format, "qcow2") == 0 || strcmp(disk->format, "raw") == 0);
}

/* The image of that disk which QEMU writes to, by the ledger, or NULL where there is none or more than one. */
static const struct image *find_written(const struct agreement *a, const struct xl_disk *disk, struct err *err)
{
    const struct image *found = NULL;
    size_t count = 0;

    err->code = ERR_NONE;
    for (size_t i = 0; i < a->images.count; i++) {
        const struct image *image = &a->images.item[i];
        struct node node;

        if (strcmp(image->vdev, disk->vdev) != 0)
            continue;
        if (reach_find(&a->reach, image->path, NULL, &node, err) < 0)
            return NULL;
        if (node.role == NODE_TOP) {
            found = image;
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

/* A merge that had come to its pivot has not changed over: all that was to have arrived may be written to again. */
static int take_back_arrived(const struct agreement *a, const struct image *upper, struct err *err)
{
    for (size_t i = 0; i < a->images.count; i++) {
        const struct image *lower = &a->images.item[i];

        if (strcmp(lower->merging, upper->path) == 0 && lower->arrived)
            return images_set_merging(a->work->store, a->work->begun.order.vm, lower->path, upper->path, false, err);
    }
    return 0;
}

static int agree_on(const struct agreement *a, const struct xl_disk *disk, struct err *err)
{
    const struct image *written;
    struct node node;

    if (reach_find(&a->reach, disk->target, NULL, &node, err) < 0)
        return -1;
    if (node.role == NODE_TOP)
        return 0;
    written = find_written(a, disk, err);
    if (!written && err->code != ERR_NONE)
        return -1;
    if (!written)
        return err_set(err, ERR_CORRUPT, "disk %s: the configuration names %.120s, and the domain does not write to "
                       "it; which image it is in is not known: stop it, start it with the right disks, and ask again",
                       disk->vdev, disk->target);
    if (take_back_arrived(a, written, err) < 0)
        return -1;
    work_warn(a->work, "disk %s is in %s, and the configuration said %s", disk->vdev, written->path, disk->target);
    return vmconfig_switch(a->work, reach_domain(&a->reach), disk->vdev, written->path, written->format, err);
}

/* A ledger that cannot be read names no image: then the configuration has to be right. */
static int load(struct agreement *a, struct err *err)
{
    struct work *w = a->work;

    if (reach_open(&a->reach, w->xl, w->begun.order.vm, w->control, err) < 0)
        return -1;
    if (!a->reach.qmp)
        return 0;
    if (block_job_settle(a->reach.qmp, err) < 0 || reach_refresh(&a->reach, err) < 0 ||
        vmconfig_disks(w, reach_domain(&a->reach), &a->disks, err) < 0)
        return -1;
    if (images_load(&a->images, w->store, w->begun.order.vm, err) < 0) {
        images_deinit(&a->images);
        return err->code == ERR_CORRUPT ? 0 : -1;
    }
    return 0;
}

static int agree(struct work *w, struct err *err)
{
    _cleanup_(freep) struct agreement *a = calloc(1, sizeof *a);
    int rc;

    if (!a)
        return err_set(err, ERR_IO, "out of memory");
    a->work = w;
    rc = load(a, err);
    for (size_t i = 0; rc == 0 && i < a->disks.count; i++)
        if (is_image(&a->disks.item[i]))
            rc = agree_on(a, &a->disks.item[i], err);
    agreement_deinit(a);
    return rc;
}

/* ---- both -------------------------------------------------------------------------------------------------- */

int takeover_begin(struct work *w, struct journal_state *left, struct err *err)
{
    if (control_cancelled(w->control))
        return err_set(err, ERR_CANCELLED, "cancelled before anything was done");
    w->control->committed = true; /* the journal that is taken over is nobody else's to finish from here on */
    if (work_take_over(w, left, err) < 0)
        return -1;
    w->unsettled = *left->begun.order.vm || *left->step; /* until it is done here it is still to be seen to */
    return 0;
}

/* Who stands still cannot reboot from the wrong image; and goes on, whatever came of that. */
int takeover_let_go(struct work *w, const struct journal_state *left, struct err *err)
{
    enum settle how = left->suspended ? SETTLE_LATE_SUSPEND : SETTLE_NOTHING;
    struct err agree_err;
    int agreed;

    if (work_step(w, "let-go", JOURNAL_DURABLE, err) < 0)
        return -1;
    agreed = agree(w, &agree_err);
    if (creation_let_go(w, how, left->paused, err) < 0)
        return -1;
    if (agreed < 0)
        *err = agree_err;
    return agreed;
}

/* ---- for people -------------------------------------------------------------------------------------------- */

/* The journal is the way out's own from let-go on. */
static bool is_of_another(const struct work *w, const struct journal_state *left)
{
    return *left->begun.order.vm && strcmp(left->begun.order.request.id, w->begun.order.request.id) != 0;
}

void takeover_describe(struct work *w, char *text, size_t size)
{
    struct journal_state left;
    struct err err;
    int used = 0;

    *text = '\0';
    if (journal_look(w->store, w->begun.order.vm, &left, &err) > 0 && is_of_another(w, &left) && !left.ended)
        used = snprintf(text, size, "%s, which was begun and had come to %s, is given up as it is now",
                        operation_word(left.begun.order.request.operation), *left.step ? left.step : "nothing");
    if (reversion_is_begun(w, &err) != 0)
        snprintf(text + used, size - (size_t)used, "%sa revert is not finished or taken back any more; what it has "
                 "kept stays inside the images, as xensnap-replaced-...", used ? "\n" : "");
}
