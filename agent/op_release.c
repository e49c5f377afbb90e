/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives up what nobody else will: an orphan, an image that waits for a run of the VM that will not come, a snapshot
 * whose record cannot be read. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "chain.h"
#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "images.h"
#include "images_note.h"
#include "merge.h"
#include "op.h"
#include "qemu_img.h"
#include "reach.h"
#include "store.h"

/* Of an image the first two, of a snapshot the others. */
static const char *const steps[] = { "retire", "images", "orphans", "unlist", NULL };

/* ---- an image ------------------------------------------------------------------------------------------- */

struct release {
    struct images images; /* with the image as it is going to be: what it holds is of no concern any more */
    struct chain chain;
    struct reach reach;
    struct image was;     /* what it is now */
    const struct link *link;
};

static void release_deinit(struct release *r)
{
    reach_close(&r->reach);
    chain_deinit(&r->chain);
    images_deinit(&r->images);
}

static const char *vm_of(const struct work *w)
{
    return w->begun.order.vm;
}

static int look(struct work *w, struct release *r, struct image *image, struct err *err)
{
    r->was = *image;
    image_release(image);
    if (reach_open(&r->reach, w->xl, vm_of(w), w->control, err) < 0 || reach_check_steady(&r->reach, err) < 0 ||
        chain_list(&r->chain, &r->images, w, &r->reach, err) < 0 || chain_look(&r->chain, &r->images, w, err) < 0 ||
        chain_check_known(&r->chain, err) < 0)
        return -1;
    for (size_t i = 0; i < r->chain.count; i++)
        if (r->chain.item[i].entry == (int)(image - r->images.item))
            r->link = &r->chain.item[i];
    return r->link ? 0 : err_set(err, ERR_INTERNAL, "%s is not among the images that were looked at", image->path);
}

/* Of a snapshot that is in the list, or should be. */
static int refuse_content(struct work *w, const char *path, const char *snapshot, struct err *err)
{
    struct snapshots snapshots = { 0 };
    const struct record *record;

    if (store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    record = snapshots_find(&snapshots, snapshot);
    if (record)
        err_set(err, ERR_INVALID, "%s is the content of snapshot %.40s; delete that: xensnap delete %s %s", path,
                record->name, vm_of(w), snapshot);
    else
        err_set(err, ERR_INVALID, "%s is the content of a snapshot that cannot be read; release that: xensnap release "
                "%s %s", path, vm_of(w), snapshot);
    snapshots_deinit(&snapshots);
    return -1;
}

static void describe(const struct link *link, char *text, size_t size)
{
    if (link->frozen)
        snprintf(text, size, "%s (snapshot %s)", link->path, link->snapshot);
    else if (link->active || link->named)
        snprintf(text, size, "%s (disk %s of the VM)", link->path, link->vdev);
    else
        snprintf(text, size, "%s", link->path);
}

static int check_above(const struct release *r, struct err *err)
{
    const struct link *above;
    size_t count = chain_above(&r->chain, r->link, &above);
    char who[sizeof err->text];

    /* What was a snapshot's content is given up as when that is deleted: who stands on it keeps what he has. */
    if (count == 0 || r->was.apart)
        return 0;
    describe(above, who, sizeof who);
    return err_set(err, ERR_BUSY, "%.100s is needed: %s stands on it%s", r->link->path, who,
                   count > 1 ? ", and others do" : "");
}

static int check_inside(const struct release *r, struct err *err)
{
    const struct link *link = r->link;

    if (link->snapshots > 0)
        return err_set(err, ERR_INVALID, "%s holds %zu of the VM's snapshots inside; delete those before", link->path,
                       link->snapshots);
    if (r->was.made && link->tags > r->was.tag_count)
        return err_set(err, ERR_INVALID, "%s holds snapshots inside that are in no list; look with qemu-img snapshot "
                       "-l, and remove them with qemu-img snapshot -d before", link->path);
    return 0;
}

static int check_merging(const struct release *r, struct err *err)
{
    const char *upper = r->was.merging;

    for (size_t i = 0; !*upper && i < r->images.count; i++)
        if (strcmp(r->images.item[i].merging, r->was.path) == 0)
            upper = r->was.path;
    if (!*upper)
        return 0;
    return err_set(err, ERR_BUSY, "the merge of %.200s into the image below it was begun and has to be finished, by a "
                   "delete or with the disk attached again", upper);
}

static int check_free(struct work *w, const struct release *r, struct err *err)
{
    const struct link *link = r->link;

    if (r->was.role == IMAGE_CONTENT || link->frozen)
        return refuse_content(w, link->path, link->frozen ? link->snapshot : r->was.snapshot, err);
    if (link->active || link->named || link->node == NODE_TOP)
        return err_set(err, ERR_BUSY, "%s is disk %s of the VM", link->path, link->vdev);
    if (check_above(r, err) < 0 || check_merging(r, err) < 0 || check_inside(r, err) < 0)
        return -1;
    return r->was.made && link->node == NODE_ABSENT && !r->was.apart
               ? reach_check_unused(link->path, link->vdev, err) : 0;
}

static void say_plan(struct work *w, const struct release *r)
{
    const struct link *above = NULL;
    size_t count = chain_above(&r->chain, r->link, &above);
    char who[PATH_SIZE + 80] = "nothing";
    struct stat st;

    if (above)
        describe(above, who, sizeof who);
    snprintf(w->plan, sizeof w->plan, "%s takes up %lld KiB; a disk of %lld MiB\n%s stands on it%s\n%s", r->link->path,
             stat(r->link->path, &st) == 0 ? (long long)st.st_blocks / 2 : 0, r->link->size >> 20, who,
             count > 1 ? ", and others do" : "",
             count > 0 ? "it is given up, and goes when they can do without it"
             : r->was.made ? "it is removed" : "it is forgotten; the file is not xensnap's and stays");
}

/* It may have to wait for what stands on it. */
static int give_up(struct work *w, const char *path, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    int rc;

    if (work_step(w, "retire", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (images_release(w->store, vm_of(w), path, err) < 0 || work_step(w, "images", JOURNAL_DURABLE, err) < 0 ||
        (rc = merge_unneeded(w, MERGE_NOTHING, err)) < 0)
        return -1;
    if (rc > 0)
        work_warn(w, "it is given up, and removed later: %s", err->text);
    else if (images_load(&images, w->store, vm_of(w), err) < 0)
        return -1;
    else if (images_find(&images, path))
        work_warn(w, "%s is given up, and goes when nothing needs it any more", path);
    return 0;
}

static int release_image(struct work *w, bool again, struct err *err)
{
    _cleanup_(release_deinit) struct release r = { .link = NULL };
    const char *wanted = w->begun.order.request.image;
    struct image *image;

    if (images_load(&r.images, w->store, vm_of(w), err) < 0)
        return -1;
    image = images_find_file(&r.images, wanted);
    if (!image && again)
        return 0; /* it has gone, and only nobody has heard of it */
    if (again && image->role == IMAGE_RETIRED)
        return give_up(w, image->path, err);
    if (!image)
        return err_set(err, ERR_NOT_FOUND, "%s is no image that is known of this VM", wanted);
    if (look(w, &r, image, err) < 0 || check_free(w, &r, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run) {
        say_plan(w, &r);
        return 0;
    }
    reach_close(&r.reach); /* QEMU serves one client at a time */
    if (!again && work_begin(w, "", err) < 0)
        return -1;
    return give_up(w, r.was.path, err);
}

/* ---- a snapshot whose record cannot be read -------------------------------------------------------------- */

/* What it needs is gone for good, or for now. */
static bool has_lost_an_image(struct work *w, const struct record *record)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct image_info info;
        struct stat st;
        struct err err;
        int there = file_look(disk->target, &st, &err);

        if (there == 0 || (there > 0 && qemu_img_info(disk->target, disk->format, NULL, &info, w->control, &err) < 0 &&
                           err.code == ERR_QEMU))
            return true;
    }
    return false;
}

/* ERR_INVALID where there is one that can be read, with all that it needs. */
static int check_unreadable(struct work *w, const char *id, struct err *err)
{
    struct snapshots snapshots = { 0 };
    const struct record *record;

    if (store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    record = snapshots_find(&snapshots, id);
    record = record && strcmp(record->id, id) == 0 && has_lost_an_image(w, record) ? NULL : record;
    if (record)
        err_set(err, ERR_INVALID, "snapshot %s can be read; delete it: xensnap delete %s %s", record->name, vm_of(w),
                record->id);
    else if (!uuid_valid(id))
        err_set(err, ERR_NOT_FOUND, "there is no snapshot named %s; one that cannot be read has no name: say its id",
                id);
    snapshots_deinit(&snapshots);
    return record || !uuid_valid(id) ? -1 : 0;
}

/* What is known of it: its directory, or images that are its content. */
static int check_there(struct work *w, const char *id, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    bool there = damaged_is_there(w->store, vm_of(w), id);
    size_t used = 0;

    if (images_load(&images, w->store, vm_of(w), err) < 0)
        return -1;
    used += (size_t)snprintf(w->plan, sizeof w->plan, "snapshot %s is taken out of the list; its directory becomes "
                             "damaged-%s", id, id);
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = &images.item[i];

        if (image->role != IMAGE_CONTENT || strcmp(image->snapshot, id) != 0)
            continue;
        there = true;
        if (used < sizeof w->plan)
            used += (size_t)snprintf(w->plan + used, sizeof w->plan - used, "\n%s stays, as an orphan", image->path);
    }
    return there ? 0 : err_set(err, ERR_NOT_FOUND, "there is no snapshot with the id %s, and no image is its content",
                               id);
}

static int take_out(struct work *w, const char *id, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc;

    if (work_step(w, "orphans", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (images_set_apart(w->store, vm_of(w), id, err) < 0 || work_step(w, "unlist", JOURNAL_DURABLE, err) < 0 ||
        damaged_move_in(w->store, vm_of(w), id, id, err) < 0 || store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    rc = strcmp(snapshots.current, id) == 0 ? store_set_current(w->store, vm_of(w), "", err) : 0;
    snapshots_deinit(&snapshots);
    return rc;
}

static int release_snapshot(struct work *w, struct err *err)
{
    const char *id = w->begun.order.request.name;

    if (check_unreadable(w, id, err) < 0 || check_there(w, id, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run)
        return 0;
    *w->plan = '\0';
    return work_begin(w, id, err) < 0 ? -1 : take_out(w, id, err);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

static int run(struct work *w, struct err *err)
{
    return *w->begun.order.request.image ? release_image(w, false, err) : release_snapshot(w, err);
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    const struct request *request = &w->begun.order.request;
    int rc;

    if (!*state->step)
        return err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
    w->control->committed = true;
    rc = *request->image ? release_image(w, true, err) : take_out(w, request->name, err);
    /* Somebody may need it by now: that is refused as it would have been before. */
    w->over = rc < 0 && *request->image && strcmp(state->step, "retire") == 0;
    return rc;
}

const struct op op_release = { OPERATION_RELEASE, steps, NULL, run, recover };
