/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "torn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_job.h"
#include "cleanup.h"
#include "files.h"
#include "images.h"
#include "images_note.h"
#include "log.h"
#include "op.h"
#include "reach.h"
#include "vmconfig.h"

/* One merge of the ledger, and what there is of it. */
struct seam {
    struct work *work;
    const struct reach *reach;
    const struct image *lower, *upper;
    char vdev[VDEV_SIZE]; /* of the disk that it is about, "" = no configuration has it */
};

static bool is_image(const char *target, const struct image *image)
{
    return strcmp(target, image->path) == 0 || same_file(target, image->path);
}

/* Whether a configuration, which is ours where DOMAIN is NULL, says that the disk is the lower image: 1 or 0. */
static int is_ahead(struct seam *seam, const struct xl_domain *domain, struct err *err)
{
    _cleanup_(freep) struct vm_disks *disks = calloc(1, sizeof *disks);
    int ahead = 0;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    if (vmconfig_disks(seam->work, domain, disks, err) < 0)
        return !domain && err->code == ERR_NOT_FOUND ? 0 : -1;
    for (size_t i = 0; i < disks->count; i++) {
        const struct xl_disk *disk = &disks->item[i];
        bool lower = is_image(disk->target, seam->lower);

        if (*seam->upper->vdev && strcmp(disk->vdev, seam->upper->vdev) != 0)
            continue;
        if (lower || is_image(disk->target, seam->upper))
            memcpy(seam->vdev, disk->vdev, sizeof seam->vdev);
        ahead |= lower;
    }
    return ahead;
}

static bool is_in_upper(const struct node *upper, const struct node *lower)
{
    return upper->role == NODE_TOP && lower->role == NODE_BELOW;
}

int torn_take_back(struct work *w, const char *lower, const char *upper, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    const struct image *image;

    if (images_load(&images, w->store, w->begun.order.vm, err) < 0)
        return -1;
    image = images_find(&images, lower);
    if (!image || !image->arrived || strcmp(image->merging, upper) != 0)
        return 0;
    return images_set_merging(w->store, w->begun.order.vm, lower, upper, false, err);
}

/* Each is tried though the other fails.  The ledger first: half of this is then a merge that was begun, and not one of
 * which the upper image would be given up. */
static int write_back(struct seam *seam, struct err *err)
{
    const struct xl_domain *domain = reach_domain(seam->reach);
    int rc = torn_take_back(seam->work, seam->lower->path, seam->upper->path, err);

    if (*seam->vdev && vmconfig_switch(seam->work, domain, seam->vdev, seam->upper->path, seam->upper->format, err) < 0)
        rc = -1;
    return rc;
}

/* *HELD: the guest must not go on, for libxl would start it from the lower image the next time, or nobody knows. */
static int stay_in_upper(struct seam *seam, bool *held, struct err *err)
{
    const struct xl_domain *domain = reach_domain(seam->reach);
    struct node upper, lower;
    struct err look_err;
    int libxl = -1, rc;

    if (reach_find(seam->reach, seam->upper->path, NULL, &upper, err) == 0 &&
        reach_find(seam->reach, seam->lower->path, NULL, &lower, err) == 0)
        libxl = is_in_upper(&upper, &lower) ? is_ahead(seam, domain, err) : 0;
    *held |= libxl < 0;
    if (libxl < 0 || !is_in_upper(&upper, &lower))
        return libxl;
    if (!libxl && !seam->lower->arrived && is_ahead(seam, NULL, &look_err) == 0)
        return 0;
    rc = write_back(seam, err);
    *held |= rc < 0 && is_ahead(seam, domain, &look_err) != 0;
    log_info("disk %s: it is in %s, %s", seam->vdev, seam->upper->path,
             rc < 0 ? err->text : "and ledger and configurations say so again");
    return rc;
}

/* Where QEMU has no JOB of ours, what is not known is of concern only if the upper image would be given up. */
static int stay_where_qemu_is(struct work *w, const struct reach *reach, const struct images *images, bool job,
                              bool *held, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < images->count; i++) {
        const struct image *lower = &images->item[i];
        struct seam seam = { .work = w, .reach = reach, .lower = lower,
                             .upper = *lower->merging ? images_find(images, lower->merging) : NULL };
        bool unknown = false;

        if (!seam.upper || stay_in_upper(&seam, &unknown, err) == 0 || (unknown && !job && !lower->arrived))
            continue;
        *held |= unknown;
        rc = -1;
    }
    return rc;
}

static int end_job(struct reach *reach, struct err *err)
{
    return block_job_settle(reach->qmp, err) < 0 ? -1 : reach_refresh(reach, err);
}

static int mend(struct work *w, struct reach *reach, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    int job = block_job_is_there(reach->qmp, err), rc;
    struct err end_err;
    bool held = false;

    if (job < 0)
        return -1;
    if (images_load(&images, w->store, w->begun.order.vm, err) < 0)
        return job ? -1 : 0; /* who needs it will say so */
    rc = stay_where_qemu_is(w, reach, &images, job, &held, err);
    if (!job || held || end_job(reach, &end_err) == 0)
        return rc;
    *err = end_err;
    return -1;
}

int torn_mend(struct work *w, struct reach *reach, struct err *err)
{
    int rc = reach->qmp ? mend(w, reach, err) : 0;

    w->torn |= rc < 0;
    return rc;
}
