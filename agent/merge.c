/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "block_job.h"
#include "chain.h"
#include "cleanup.h"
#include "commit.h"
#include "control.h"
#include "disks.h"
#include "draft.h"
#include "files.h"
#include "images.h"
#include "images_next.h"
#include "images_note.h"
#include "json.h"
#include "log.h"
#include "op.h"
#include "protect.h"
#include "qemu_img.h"
#include "qmp.h"
#include "reach.h"
#include "readonly.h"
#include "store.h"
#include "torn.h"
#include "vmconfig.h"

enum { QMP_SECONDS = 60 };
enum { PASS_IDLE, PASS_DONE, PASS_UNKNOWN }; /* nothing more to do; something was done; not all is known */

/* One look at everything, and one thing that is done after it. */
struct pass {
    struct work *work;
    enum merge_way way;
    struct reach reach;
    struct chain chain;
    struct images images;
};

/* What UPPER holds goes into LOWER, the image that it stands on. */
struct merge {
    struct work *work;
    struct reach *reach;
    struct chain *chain;
    const struct link *upper, *lower;
    bool may_stop, begun, arrived;
};

static const char *vm_of(const struct merge *m)
{
    return m->work->begun.order.vm;
}

/* In the ledger before the first byte is written: LOWER is of no use without UPPER from then on. */
static int begin(struct merge *m, struct err *err)
{
    return images_set_merging(m->work->store, vm_of(m), m->lower->path, m->upper->path, false, err);
}

/* In the ledger before any configuration names LOWER: that one does is no proof of it, for somebody may have started
 * the VM with an old one. */
static int note_arrived(struct merge *m, struct err *err)
{
    return images_set_merging(m->work->store, vm_of(m), m->lower->path, m->upper->path, true, err);
}

static int take_back(struct merge *m, struct err *err)
{
    return images_set_merging(m->work->store, vm_of(m), m->lower->path, NULL, false, err);
}

static int use(struct merge *m, const struct link *image, struct err *err)
{
    return vmconfig_switch(m->work, reach_domain(m->reach), m->upper->vdev, image->path, image->format, err);
}

static int use_lower(struct merge *m, struct err *err)
{
    return use(m, m->lower, err);
}

static int pivot(void *data, struct err *err)
{
    struct merge *m = data;

    return file_sync(m->lower->path, err) < 0 || note_arrived(m, err) < 0 ? -1 : use_lower(m, err);
}

/* Whatever has failed, QEMU, configurations and ledger say the same afterwards: the next thing may be a reboot.  Where
 * QEMU has not answered, a connection of its own cannot have a late answer in it. */
static void agree_with_qemu(struct merge *m, const struct block_commit *commit)
{
    struct reach *reach = m->reach;
    struct err err;
    int rc = 0;

    if (!commit->ended) {
        reach->qmp = qmp_close(reach->qmp);
        rc = qmp_open(&reach->qmp, reach->domain.domid, m->work->control, &err);
    }
    if (rc == 0 && reach_refresh(reach, &err) == 0 && torn_mend(m->work, reach, &err) == 0)
        return;
    m->work->torn = true;
    log_error("disk %s: what QEMU, the configurations and the ledger say of its merge is not one thing yet: %s",
              m->upper->vdev, err.text);
}

static int commit_running(struct merge *m, const struct node *upper, const struct node *lower, struct err *err)
{
    struct err back_err;
    struct block_commit commit = { .upper = upper, .lower = lower, .lower_path = m->lower->path,
                                   .upper_path = m->upper->path, .by_path = m->reach->nodes.emulated,
                                   .may_stop = m->may_stop, .at_pivot = pivot, .data = m };

    if (begin(m, err) < 0)
        return -1;
    if (block_job_commit(m->reach->qmp, &commit, m->work->control, err) == 0)
        return 0;
    if (!commit.begun && !m->begun)
        take_back(m, &back_err);
    if (!commit.begun)
        return -1;
    agree_with_qemu(m, &commit);
    if (m->reach->qmp && block_job_is_there(m->reach->qmp, &back_err) == 0 && reach_refresh(m->reach, &back_err) == 0)
        readonly_again(m->reach, m->upper->path, m->lower->path, m->lower->format);
    return -1;
}

static int merge_running(struct merge *m, const struct node *upper, struct err *err)
{
    struct node lower, left;

    if (reach_find(m->reach, m->lower->path, NULL, &lower, err) < 0)
        return -1;
    if (lower.role != NODE_BELOW || upper->writers > 1)
        return err_set(err, ERR_QEMU, "disk %s: QEMU's images are not those of the store", m->upper->vdev);
    if (reach_wait_alone(m->lower->path, m->upper->vdev, err) < 0 ||
        reach_wait_alone(m->upper->path, m->upper->vdev, err) < 0 || commit_running(m, upper, &lower, err) < 0 ||
        reach_refresh(m->reach, err) < 0 || reach_find(m->reach, m->upper->path, NULL, &left, err) < 0)
        return -1;
    if (left.role != NODE_ABSENT)
        return err_set(err, ERR_QEMU, "disk %s: QEMU has merged its images and still uses both", m->upper->vdev);
    return 0;
}

/* Where not all can say that the lower image is the disk, none does. */
static int change_over(struct merge *m, bool named, struct err *err)
{
    struct err back_err;

    if (note_arrived(m, err) == 0 && (!named || use_lower(m, err) == 0))
        return 0;
    if (torn_take_back(m->work, m->lower->path, m->upper->path, &back_err) < 0)
        m->work->torn = true;
    if (named && use(m, m->upper, &back_err) < 0)
        m->work->torn = true;
    return -1;
}

/* Where all has arrived and no configuration names the upper image any more the lower one may have been written to
 * since, and doing it again would undo that. */
static int merge_stopped(struct merge *m, struct err *err)
{
    bool named = m->upper->named || m->upper->active;

    if (m->arrived && !named)
        return 0;
    if (reach_wait_unused(m->upper->path, m->upper->vdev, err) < 0 ||
        reach_wait_unused(m->lower->path, m->upper->vdev, err) < 0 || begin(m, err) < 0 ||
        commit_stopped(m->work, m->reach, m->upper, m->lower, err) < 0)
        return -1;
    return change_over(m, named, err);
}

/* What stood on the upper image stands on the lower one; QEMU has done that for the one it has open. */
static int move_children(struct merge *m, struct err *err)
{
    for (size_t i = 0; i < m->chain->count; i++) {
        const struct link *link = &m->chain->item[i];
        struct node node;

        if (link->below != (int)(m->upper - m->chain->item))
            continue;
        if (reach_find(m->reach, link->path, NULL, &node, err) < 0)
            return -1;
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

    if (rc == 0)
        rc = snapshots_check_whole(&snapshots, err);
    for (size_t i = 0; i < snapshots.count && rc == 0; i++) {
        struct record *record = &snapshots.records[i];
        bool changed = false;

        for (size_t j = 0; j < record->disk_count; j++) {
            struct record_disk *disk = &record->disks[j];

            if (strcmp(disk->target, m->upper->path) != 0 && !same_file(disk->target, m->upper->path))
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

/* LOWER is what UPPER was from now on. */
static int hand_down(struct merge *m, struct pass *pass, struct err *err)
{
    struct image *upper, *lower;

    images_deinit(&pass->images);
    if (images_load(&pass->images, m->work->store, vm_of(m), err) < 0)
        return -1;
    upper = images_find(&pass->images, m->upper->path);
    lower = images_find(&pass->images, m->lower->path);
    if (!upper || !lower)
        return err_set(err, ERR_INTERNAL, "an image is not in images.json any more");
    if (upper->role == IMAGE_CONTENT)
        image_content(lower, upper->snapshot);
    else
        image_head(lower, m->upper->vdev);
    *lower->merging = '\0';
    lower->arrived = false;
    lower->size = 0; /* it has grown to the upper one's */
    for (size_t i = 0; i < pass->images.count; i++)
        if (strcmp(pass->images.item[i].backing, upper->path) == 0)
            snprintf(pass->images.item[i].backing, PATH_SIZE, "%s", lower->path);
    image_retire(upper, WHY_MERGED, !m->reach->runs);
    return images_save(&pass->images, m->work->store, vm_of(m), err);
}

static int merge(struct merge *m, struct pass *pass, struct err *err)
{
    struct node upper, lower;

    if (torn_mend(m->work, m->reach, err) < 0)
        return -1;
    if (reach_find(m->reach, m->upper->path, NULL, &upper, err) < 0 ||
        reach_find(m->reach, m->lower->path, NULL, &lower, err) < 0)
        return -1;
    if (upper.role != NODE_ABSENT) {
        if (merge_running(m, &upper, err) < 0)
            return -1;
    } else if (lower.role == NODE_ABSENT && merge_stopped(m, err) < 0)
        return -1; /* else: QEMU had done it already */
    if (file_sync(m->lower->path, err) < 0 || note_arrived(m, err) < 0 || move_children(m, err) < 0 ||
        move_records(m, err) < 0 || hand_down(m, pass, err) < 0)
        return -1;
    log_info("%s was merged into %s", m->upper->path, m->lower->path);
    return 0;
}

/* ---- one thing after the other --------------------------------------------------------------------------- */

static void pass_deinit(struct pass *pass)
{
    reach_close(&pass->reach);
    chain_deinit(&pass->chain);
    images_deinit(&pass->images);
}

/* Snapshots inside that had to wait: 1 if one of them has gone. */
static int remove_tags(struct pass *pass, const struct image *image, struct err *err)
{
    struct work *w = pass->work;
    int done = 0;

    for (size_t i = 0; i < image->tag_count; i++) {
        struct record_disk disk = { .place = PLACE_INTERNAL };
        int rc;

        snprintf(disk.vdev, sizeof disk.vdev, "%s", image->vdev);
        snprintf(disk.target, sizeof disk.target, "%s", image->path);
        snprintf(disk.format, sizeof disk.format, "qcow2");
        snprintf(disk.tag, sizeof disk.tag, "%s", image->tags[i]);
        rc = disks_untag_one(&disk, w->begun.order.vm, &pass->reach, w->store, w->control, err);
        if (rc < 0 && err->code != ERR_BUSY) /* which is no reason to give back nothing of the other images */
            work_warn(w, "snapshot %s stays inside %.150s: %.150s", disk.tag, disk.target, err->text);
        if (rc > 0 && images_remove_tag(w->store, w->begun.order.vm, image->path, disk.tag, err) < 0)
            return -1;
        done |= rc > 0;
    }
    return done;
}

static int lift(const struct pass *pass, const char *path, struct err *err)
{
    return protect_lift(pass->work->store, pass->work->begun.order.vm, path, err);
}

/* What is immutable by somebody else's will stays as it is, and who asked hears of it. */
static int leave(const struct pass *pass, const struct err *err)
{
    if (err->code != ERR_BUSY)
        return -1;
    work_warn(pass->work, "%s", err->text);
    return 0;
}

/* An image that somebody still has open is left for another time. */
static int remove_image(struct pass *pass, const struct image *image, struct err *err)
{
    if (reach_wait_unused(image->path, "", err) < 0)
        return err->code == ERR_BUSY ? 0 : -1;
    if (lift(pass, image->path, err) < 0)
        return leave(pass, err);
    if (images_note_lifted(pass->work->store, pass->work->begun.order.vm, image->path, err) < 0)
        return -1;
    if (unlink(image->path) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove an image that is not needed any more");
    log_info("%s is not needed any more (%s) and removed", image->path, image_why_word(image->why));
    return images_forget(pass->work->store, pass->work->begun.order.vm, image->path, err) < 0 ? -1 : 1;
}

/* A flag of somebody else's stays there. */
static int forget(struct pass *pass, const struct image *image, struct err *err)
{
    if (lift(pass, image->path, err) < 0 && err->code != ERR_BUSY)
        return -1;
    return images_forget(pass->work->store, pass->work->begun.order.vm, image->path, err) < 0 ? -1 : 1;
}

/* The lower image is written to, qemu-img opens the upper one for writing, and the headers of those that stand on it
 * are rewritten. */
static int lift_for_merge(const struct merge *m, const struct pass *pass, struct err *err)
{
    if (lift(pass, m->lower->path, err) < 0 || lift(pass, m->upper->path, err) < 0)
        return -1;
    for (size_t i = 0; i < m->chain->count; i++)
        if (m->chain->item[i].below == (int)(m->upper - m->chain->item) &&
            lift(pass, m->chain->item[i].path, err) < 0)
            return -1;
    return 0;
}

static int do_merge(struct pass *pass, const struct images_step *step, struct err *err)
{
    const struct image *lower = &pass->images.item[step->image], *upper = &pass->images.item[step->upper];
    struct merge m = { .work = pass->work, .reach = &pass->reach, .chain = &pass->chain,
                       .lower = chain_find(&pass->chain, lower->path), .upper = chain_find(&pass->chain, upper->path),
                       .may_stop = pass->way == MERGE_STOPPABLE, .begun = *lower->merging,
                       .arrived = lower->arrived };

    /* Xen's QEMU takes no lock on a disk's image, but one on what a PV disk's image stands on.  Where that disk is one
     * that the guest can't use, beside the emulated one that it does use, that lock is in the way of a merge. */
    if (m.lower->pinned) {
        log_info("%s: merged when the domain does not run, for QEMU holds it for a PV disk too", m.lower->path);
        return 0;
    }
    if (lift_for_merge(&m, pass, err) < 0)
        return leave(pass, err);
    return merge(&m, pass, err) < 0 ? -1 : 1;
}

static int retire(struct pass *pass, const struct image *image, struct err *err)
{
    bool waits = image->role != IMAGE_MADE && !pass->reach.runs; /* one that was never a disk is named nowhere */
    const char *vm = pass->work->begun.order.vm;

    return images_retire(pass->work->store, vm, image->path, WHY_UNUSED, waits, err) < 0 ? -1 : 1;
}

static int note_head(struct pass *pass, const struct image *image, struct err *err)
{
    const struct link *link = chain_find(&pass->chain, image->path);
    const char *vm = pass->work->begun.order.vm;

    return images_note_head(pass->work->store, vm, link->vdev, image->path, image->format, err) < 0 ? -1 : 1;
}

/* 1: done, and all that is known has to be read again; 0: not possible now. */
static int do_step(struct pass *pass, const struct images_step *step, struct err *err)
{
    const struct image *image = &pass->images.item[step->image];

    switch (step->act) {
    case IMAGES_UNTAG: return remove_tags(pass, image, err);
    case IMAGES_HEAD: return note_head(pass, image, err);
    case IMAGES_RETIRE: return retire(pass, image, err);
    case IMAGES_UNLINK: return remove_image(pass, image, err);
    case IMAGES_FORGET: return forget(pass, image, err);
    case IMAGES_MERGE: return do_merge(pass, step, err);
    case IMAGES_NOTHING: break;
    }
    return 0;
}

static bool all_in_use(const struct pass *pass)
{
    if (pass->images.old || pass->chain.unknown.code != ERR_NONE)
        return false;
    for (size_t i = 0; i < pass->images.count; i++) {
        const struct image *image = &pass->images.item[i];
        const struct link *link = chain_find(&pass->chain, image->path);
        bool content = image->role == IMAGE_CONTENT && link->frozen;

        if (*image->merging || image->tag_count > 0 || !image->size ||
            !(content || (image->role == IMAGE_HEAD && image->made && link->active)))
            return false;
    }
    return true;
}

static bool is_given_up(const struct images *images, const struct image *image)
{
    bool found = image->role == IMAGE_RETIRED;

    for (size_t i = 0; i < images->count; i++)
        found |= strcmp(images->item[i].merging, image->path) == 0;
    return found;
}

/* The image with which the domain was started has a node of its own even when no device uses it any more.  QEMU would
 * keep the file, and make and remove no snapshot in the image that it stood on. */
static void let_go(const struct reach *reach, const struct image *image)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    struct node node;
    struct err err;

    if (reach_find(reach, image->path, NULL, &node, &err) < 0 || node.role != NODE_ABSENT || !*node.name)
        return;
    json_object(w, NULL);
    json_put_string(w, "node-name", node.name);
    json_end_object(w);
    if (qmp_call(reach->qmp, "blockdev-del", json_text(w), QMP_SECONDS, NULL, &err) < 0)
        log_info("the node of %s stays in QEMU: %s", image->path, err.text);
}

static int one_pass(struct work *w, enum merge_way way, struct err *err)
{
    _cleanup_(pass_deinit) struct pass pass = { .work = w, .way = way };
    struct images_step step;
    int rc = 0;

    if (images_load(&pass.images, w->store, w->begun.order.vm, err) < 0)
        return -1;
    if (pass.images.count == 0)
        return 0;
    if (reach_open(&pass.reach, w->xl, w->begun.order.vm, w->control, err) < 0 ||
        reach_check_steady(&pass.reach, err) < 0 || chain_list(&pass.chain, &pass.images, w, &pass.reach, err) < 0)
        return -1;
    for (size_t i = 0; i < pass.images.count; i++)
        if (is_given_up(&pass.images, &pass.images.item[i]))
            let_go(&pass.reach, &pass.images.item[i]);
    if (all_in_use(&pass))
        return 0; /* which is the rule; looking into every image takes longer */
    if (chain_look(&pass.chain, &pass.images, w, err) < 0)
        return -1;
    if (pass.chain.unknown.code != ERR_NONE) {
        *err = pass.chain.unknown;
        return PASS_UNKNOWN;
    }
    if (images_learn(&pass.images, &pass.chain))
        return images_save(&pass.images, w->store, w->begun.order.vm, err) < 0 ? -1 : PASS_DONE;
    while (rc == 0) {
        step = images_next(&pass.images, &pass.chain, way != MERGE_NOTHING);
        if (step.act == IMAGES_NOTHING)
            return PASS_IDLE;
        rc = do_step(&pass, &step, err);
        if (rc == 0)
            pass.images.item[step.image].later = true;
    }
    return rc < 0 ? -1 : PASS_DONE;
}

int merge_unneeded(struct work *w, enum merge_way way, struct err *err)
{
    int rc;

    while ((rc = one_pass(w, way, err)) == PASS_DONE)
        ;
    return rc < 0 ? -1 : rc == PASS_UNKNOWN;
}
