/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "block_job.h"
#include "chain.h"
#include "cleanup.h"
#include "control.h"
#include "disks.h"
#include "draft.h"
#include "files.h"
#include "holders.h"
#include "images.h"
#include "json.h"
#include "log.h"
#include "op.h"
#include "qemu_img.h"
#include "qmp.h"
#include "reach.h"
#include "store.h"
#include "vmconfig.h"

enum { QMP_SECONDS = 60 };

/* What holds UPPER goes into LOWER, the image that it stands on. */
struct merge {
    struct work *work;
    struct reach *reach;
    struct chain *chain;
    const struct link *upper, *lower;
    bool may_stop;
};

static const char *vm_of(const struct merge *m)
{
    return m->work->begun.order.vm;
}

static int use_lower(void *data, struct err *err)
{
    struct merge *m = data;

    return vmconfig_switch(m->work, reach_domain(m->reach), m->upper->vdev, m->lower->path, m->lower->format, err);
}

/* Another domain may stand on the same image, as a clone; its QEMU has it open beside ours.  And QEMU reopens an image
 * by its name: if that is another file by now, the merge would go into that one. */
static int check_alone(const char *image, const char *vdev, struct err *err)
{
    struct holders holders = { 0 };
    int rc = holders_find(&holders, image, err);

    if (rc == 0 && holders.count > 1)
        rc = err_set(err, ERR_BUSY, "disk %s: another process has the image open into which it is to be merged",
                     vdev);
    if (rc == 0 && holders.count == 0)
        rc = err_set(err, ERR_CORRUPT, "disk %s: %s is not the file that QEMU has open; it was moved or replaced", vdev,
                     image);
    holders_deinit(&holders);
    return rc;
}

/* A worker that was killed just before the pivot has left the configuration ahead of QEMU. */
static int follow_qemu(struct merge *m, const struct node *lower, struct err *err)
{
    if (lower->role != NODE_BELOW || !m->lower->active)
        return 0;
    return vmconfig_switch(m->work, reach_domain(m->reach), m->upper->vdev, m->upper->path, m->upper->format, err);
}

/* The image with which the domain was started has a node of its own even when no device uses it: it would keep the
 * file, and no snapshot could be made in the image that it stands on. */
static int forget_node(struct merge *m, const char *name, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_string(w, "node-name", name);
    json_end_object(w);
    return qmp_call(m->reach->qmp, "blockdev-del", json_text(w), QMP_SECONDS, NULL, err);
}

static int merge_running(struct merge *m, const struct node *upper, struct err *err)
{
    struct node lower, left;
    struct err forget_err;
    struct block_commit commit = { .upper = upper, .lower = &lower, .lower_path = m->lower->path,
                                   .upper_path = m->upper->path, .by_path = m->reach->nodes.emulated,
                                   .may_stop = m->may_stop, .at_pivot = use_lower, .data = m };

    reach_find(m->reach, m->lower->path, NULL, &lower);
    if (lower.role != NODE_BELOW || upper->writers > 1)
        return err_set(err, ERR_QEMU, "disk %s: QEMU's images are not those of the store", m->upper->vdev);
    if (check_alone(m->lower->path, m->upper->vdev, err) < 0 ||
        check_alone(m->upper->path, m->upper->vdev, err) < 0 || follow_qemu(m, &lower, err) < 0 ||
        block_job_commit(m->reach->qmp, &commit, m->work->control, err) < 0 || reach_refresh(m->reach, err) < 0)
        return -1;
    reach_find(m->reach, m->upper->path, NULL, &left);
    if (left.role != NODE_ABSENT)
        return err_set(err, ERR_QEMU, "disk %s: QEMU has merged its images and still uses both", m->upper->vdev);
    if (*left.name && forget_node(m, left.name, &forget_err) < 0)
        log_info("the node of %s stays in QEMU: %s", m->upper->path, forget_err.text);
    return 0;
}

/* It is done already where nothing that is of use names the upper image any more: then the lower one may have
 * been written to since, and doing it again would undo that. */
static int merge_stopped(struct merge *m, struct err *err)
{
    if (!m->upper->active && chain_above(m->chain, m->upper->path, NULL) == 0 && !m->upper->frozen)
        return 0;
    if (reach_check_unused(m->upper->path, m->upper->vdev, err) < 0 ||
        reach_check_unused(m->lower->path, m->upper->vdev, err) < 0 ||
        qemu_img_commit(m->upper->path, m->work->control, err) < 0 || file_sync(m->lower->path, err) < 0)
        return -1;
    return m->upper->active ? use_lower(m, err) : 0;
}

/* What stood on the upper image stands on the lower one; QEMU has done that for the one it has open. */
static int move_children(struct merge *m, struct err *err)
{
    for (size_t i = 0; i < m->chain->count; i++) {
        const struct link *link = &m->chain->item[i];
        struct node node;

        if (!*link->backing || !same_file(link->backing, m->upper->path))
            continue;
        reach_find(m->reach, link->path, NULL, &node);
        if (node.role == NODE_ABSENT &&
            (qemu_img_rebase(link->path, m->lower->path, m->lower->format, m->work->control, err) < 0 ||
             file_sync(link->path, err) < 0))
            return -1;
    }
    return 0;
}

static int move_records(struct merge *m, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc = store_list(m->work->store, vm_of(m), &snapshots, err);

    for (size_t i = 0; i < snapshots.count && rc == 0; i++) {
        struct record *record = &snapshots.records[i];
        bool changed = false;

        for (size_t j = 0; j < record->disk_count; j++) {
            struct record_disk *disk = &record->disks[j];

            if (strcmp(disk->target, m->upper->path) != 0)
                continue;
            changed = true;
            snprintf(disk->target, sizeof disk->target, "%s", m->lower->path);
            snprintf(disk->format, sizeof disk->format, "%.7s", m->lower->format);
        }
        if (changed)
            rc = store_rewrite_record(m->work->store, record, err);
    }
    snapshots_deinit(&snapshots);
    return rc;
}

static int remove_image(struct work *w, const char *path, bool made, struct err *err)
{
    if (made && unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove an image that is not needed any more");
    if (made)
        log_info("%s is not needed any more and removed", path);
    return images_forget(w->store, w->begun.order.vm, path, err);
}

static int merge(struct merge *m, bool upper_made, struct err *err)
{
    struct work *w = m->work;
    struct node upper, lower;

    if (m->reach->qmp && (block_job_settle(m->reach->qmp, err) < 0 || reach_refresh(m->reach, err) < 0))
        return -1;
    if (images_set_merging(w->store, vm_of(m), m->lower->path, m->upper->path, err) < 0)
        return -1;
    reach_find(m->reach, m->upper->path, NULL, &upper);
    reach_find(m->reach, m->lower->path, NULL, &lower);
    if (upper.role != NODE_ABSENT) {
        if (merge_running(m, &upper, err) < 0)
            return -1;
    } else if (lower.role == NODE_ABSENT && merge_stopped(m, err) < 0)
        return -1; /* else: QEMU had done it already */
    if (move_children(m, err) < 0 || move_records(m, err) < 0 ||
        images_set_merging(w->store, vm_of(m), m->lower->path, NULL, err) < 0)
        return -1;
    log_info("%s was merged into %s", m->upper->path, m->lower->path);
    return upper_made ? remove_image(w, m->upper->path, true, err) : 0;
}

/* The one image above LOWER, if all that it holds can go into LOWER without loss: nothing may need LOWER's own
 * content, and internal snapshots of the upper image would go with it. */
static const struct link *find_upper(const struct chain *chain, const struct image *lower)
{
    const struct link *self = chain_find(chain, lower->path), *upper = NULL;

    if (*lower->merging) /* begun, so LOWER is not what it was: that one and no other */
        return chain_find(chain, lower->merging);
    if (self->frozen || self->active || chain_above(chain, lower->path, &upper) != 1 || upper->tags > 0)
        return NULL;
    return upper;
}

/* Xen's QEMU takes no lock on a disk's image, but one on what a PV disk's image stands on.  Where that disk is one that
 * the guest can't use, beside the emulated one that it does use, that lock is in the way of a merge. */
static bool is_pinned(const struct reach *reach, const struct link *lower)
{
    struct node node;

    reach_find(reach, lower->path, NULL, &node);
    return node.pinned;
}

struct pass {
    struct work *work;
    enum merge_way way;
    struct reach reach;
    struct chain chain;
    struct images images;
};

static void pass_deinit(struct pass *pass)
{
    reach_close(&pass->reach);
    chain_deinit(&pass->chain);
    images_deinit(&pass->images);
}

/* Snapshots inside that had to wait: 1 if one of them has gone. */
static int remove_tags(struct pass *pass, const struct image *image, const struct link *self, struct err *err)
{
    struct work *w = pass->work;
    int done = 0;

    for (size_t i = 0; i < image->tag_count; i++) {
        struct record_disk disk = { .place = PLACE_INTERNAL };
        int rc;

        snprintf(disk.vdev, sizeof disk.vdev, "%s", self->vdev);
        snprintf(disk.target, sizeof disk.target, "%s", image->path);
        snprintf(disk.format, sizeof disk.format, "qcow2");
        snprintf(disk.tag, sizeof disk.tag, "%s", image->tags[i]);
        rc = disks_untag_one(&disk, &pass->reach, w->control, err);
        if (rc < 0 && err->code != ERR_BUSY)
            return -1;
        if (rc > 0 && images_remove_tag(w->store, w->begun.order.vm, image->path, disk.tag, err) < 0)
            return -1;
        done |= rc > 0;
    }
    return done;
}

/* An image that somebody still has open is left for another time. */
static int drop(struct pass *pass, const struct image *image, struct err *err)
{
    if (image->made && reach_check_unused(image->path, "", err) < 0)
        return err->code == ERR_BUSY ? 0 : -1;
    return remove_image(pass->work, image->path, image->made, err) < 0 ? -1 : 1;
}

static bool is_needed(const struct pass *pass, const struct link *link)
{
    struct node node;

    reach_find(&pass->reach, link->path, NULL, &node);
    return link->frozen || link->active || link->snapshots > 0 || link->tags > 0 || node.role != NODE_ABSENT;
}

/* 1: something was done, and all that is known has to be read again; 0: nothing to do for this one. */
static int do_image(struct pass *pass, const struct image *image, struct err *err)
{
    const struct link *self = chain_find(&pass->chain, image->path), *upper;
    const struct image *upper_image;
    struct merge m = { .work = pass->work, .reach = &pass->reach, .chain = &pass->chain, .lower = self,
                       .may_stop = pass->way == MERGE_STOPPABLE };
    int rc = remove_tags(pass, image, self, err);

    if (rc != 0)
        return rc;
    if (!*image->merging && !is_needed(pass, self) && chain_above(&pass->chain, image->path, NULL) == 0)
        return drop(pass, image, err);
    upper = pass->way == MERGE_NOTHING ? NULL : find_upper(&pass->chain, image);
    if (!upper) {
        /* the domain's own image again: no longer our business */
        if (!image->made && !*image->merging && image->tag_count == 0 && (self->active || self->frozen))
            return drop(pass, image, err);
        return 0;
    }
    if (is_pinned(&pass->reach, self)) {
        log_info("%s: merged when the domain does not run, for QEMU holds it for a PV disk too", self->path);
        return 0;
    }
    upper_image = images_find(&pass->images, upper->path);
    m.upper = upper;
    return merge(&m, upper_image && upper_image->made, err) < 0 ? -1 : 1;
}

static bool all_in_use(const struct pass *pass)
{
    for (size_t i = 0; i < pass->images.count; i++) {
        const struct image *image = &pass->images.item[i];
        const struct link *link = chain_find(&pass->chain, image->path);

        if (*image->merging || image->tag_count > 0 || !image->made || !(link->active || link->frozen))
            return false;
    }
    return true;
}

static int one_pass(struct work *w, enum merge_way way, struct err *err)
{
    _cleanup_(pass_deinit) struct pass pass = { .work = w, .way = way };
    int rc = 0;

    if (images_load(&pass.images, w->store, w->begun.order.vm, err) < 0)
        return -1;
    if (pass.images.count == 0)
        return 0;
    if (reach_open(&pass.reach, w->xl, w->begun.order.vm, w->control, err) < 0 ||
        reach_check_steady(&pass.reach, err) < 0 || chain_list(&pass.chain, w, &pass.reach, err) < 0)
        return -1;
    if (all_in_use(&pass))
        return 0; /* which is the rule; looking into every image takes longer */
    if (chain_look(&pass.chain, w, err) < 0)
        return -1;
    for (size_t i = 0; i < pass.images.count && rc == 0; i++)
        rc = do_image(&pass, &pass.images.item[i], err);
    return rc;
}

int merge_unneeded(struct work *w, enum merge_way way, struct err *err)
{
    int rc;

    while ((rc = one_pass(w, way, err)) > 0)
        ;
    return rc;
}
