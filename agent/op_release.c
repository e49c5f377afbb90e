/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives up what nobody else will: an orphan, an image that waits for a run of the VM that will not come, a snapshot
 * whose record cannot be read.  It only says whose they are from now on: there is no call in here that removes, renames
 * or writes an image, and none that has the images looked at for what could be removed now. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain.h"
#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "image_info.h"
#include "images.h"
#include "images_next.h"
#include "images_note.h"
#include "op.h"
#include "reach.h"
#include "store.h"

/* Of an image the first, of a snapshot the others. */
static const char *const steps[] = { "retire", "orphans", "unlist", NULL };

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

static int look_once(struct work *w, struct release *r, struct err *err)
{
    chain_deinit(&r->chain);
    return chain_list(&r->chain, &r->images, w, &r->reach, err) < 0 ? -1 : chain_look(&r->chain, &r->images, w, err);
}

/* Two orphans that cannot be read must not be in each other's way: one of which it is written down on what it stands
 * does not stand on this one because of that.  Whether there was any. */
static bool pass_over_unreadable(struct release *r)
{
    bool found = false;

    for (size_t i = 0; i < r->chain.count; i++) {
        const struct link *link = &r->chain.item[i];
        struct image *image = link->entry < 0 ? NULL : &r->images.item[link->entry];

        if (!image || image_is_handed_over(image) || !link->there || !link->looked || link->read || link->empty ||
            link->active || link->named || !*image->backing)
            continue;
        image_release(image);
        found = true;
    }
    return found;
}

static int look(struct work *w, struct release *r, struct image *image, struct err *err)
{
    r->was = *image;
    image_release(image);
    if (reach_open(&r->reach, w->xl, vm_of(w), w->control, err) < 0 || reach_check_steady(&r->reach, err) < 0 ||
        look_once(w, r, err) < 0 || (pass_over_unreadable(r) && look_once(w, r, err) < 0) ||
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
        snprintf(text, size, "%.120s (snapshot %s)", link->path, link->snapshot);
    else if (link->active || link->named)
        snprintf(text, size, "%.120s (disk %s of the VM)", link->path, link->vdev);
    else
        snprintf(text, size, "%.120s", link->path);
}

/* Nothing of it can be missed by whoever stands on it. */
static int check_above(const struct release *r, struct err *err)
{
    const struct link *above;
    size_t count = chain_above(&r->chain, r->link, &above);
    char who[sizeof err->text];

    if (count == 0)
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
    return 0;
}

static int check_merging(struct work *w, const struct release *r, struct err *err)
{
    const char *upper = r->was.merging;

    for (size_t i = 0; !*upper && i < r->images.count; i++)
        if (strcmp(r->images.item[i].merging, r->was.path) == 0)
            upper = r->was.path;
    if (!*upper)
        return 0;
    if (access(upper, F_OK) < 0 && errno == ENOENT)
        return err_set(err, ERR_BUSY, "the merge of %.150s into the image below it was begun, and it is not there any "
                       "more; bring it back, or give up all snapshots of the VM: xensnap forget %s", upper, vm_of(w));
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
    if (check_above(r, err) < 0 || check_merging(w, r, err) < 0 || check_inside(r, err) < 0)
        return -1;
    return link->node == NODE_ABSENT ? reach_check_unused(link->path, link->vdev, err) : 0;
}

static void say_plan(struct work *w, const struct release *r)
{
    struct stat st;
    bool there = stat(r->link->path, &st) == 0;
    int n = snprintf(w->plan, sizeof w->plan, "%s takes up %lld KiB; a disk of %lld MiB\nnothing stands on it\n"
                     "it is yours then: xensnap never uses or removes it; the file stays where it is", r->link->path,
                     there ? (long long)st.st_blocks / 2 : 0, r->link->size >> 20);

    if (r->link->tags > 0 && n > 0 && (size_t)n < sizeof w->plan)
        n += snprintf(w->plan + n, sizeof w->plan - (size_t)n, "\nsnapshots inside it that no record names, and that "
                      "stay: %zu", r->link->tags);
    if (r->link->below >= 0 && n > 0 && (size_t)n < sizeof w->plan)
        snprintf(w->plan + n, sizeof w->plan - (size_t)n, "\n%s, on which it stands, is kept as long as it is there",
                 r->chain.item[r->link->below].path);
}

/* No file is touched. */
static int give_up(struct work *w, const char *path, struct err *err)
{
    if (work_step(w, "retire", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    return images_release(w->store, vm_of(w), path, err);
}

static int release_image(struct work *w, bool again, struct err *err)
{
    _cleanup_(release_deinit) struct release r = { .link = NULL };
    const char *wanted = w->begun.order.request.image;
    struct image *image;

    if (images_load(&r.images, w->store, vm_of(w), err) < 0)
        return -1;
    image = images_find_file(&r.images, wanted);
    if (again && (!image || image_is_handed_over(image)))
        return 0; /* it is done, and only nobody has heard of it */
    if (!image)
        return err_set(err, ERR_NOT_FOUND, "%s is no image that is known of this VM", wanted);
    if (image_is_handed_over(image))
        return err_set(err, ERR_INVALID, "%s was released before; it is yours: move or remove it", image->path);
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

        if (there == 0 || (there > 0 && image_info(disk->target, disk->format, NULL, &info, w->control, &err) < 0 &&
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
    if (damaged_is_twice(w->store, vm_of(w), id))
        return err_set(err, ERR_BUSY, "damaged-%s is in the store already, of an earlier release; move it away before",
                       id);
    return there ? 0 : err_set(err, ERR_NOT_FOUND, "there is no snapshot with the id %s, and no image is its content",
                               id);
}

/* Whether the image may be what the snapshot held.  Where a crash came before the ledger, or that is of the first
 * version, only its record would tell: so every image that no disk is in counts, unless another snapshot is its
 * content. */
static bool may_be_of(const struct link *link, const struct image *image, const char *id)
{
    if (image->role == IMAGE_CONTENT)
        return strcmp(image->snapshot, id) == 0;
    return image->role == IMAGE_HEAD && !image->apart && !link->frozen && !link->active && !link->named;
}

/* What it holds is not lost with its record: they are orphans from now on, into which nothing is merged. */
static int set_apart(struct work *w, const char *id, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    _cleanup_(images_deinit) struct images images = { 0 };
    _cleanup_(chain_deinit) struct chain chain = { 0 };

    if (images_load(&images, w->store, vm_of(w), err) < 0 ||
        reach_open(&reach, w->xl, vm_of(w), w->control, err) < 0 || reach_check_steady(&reach, err) < 0 ||
        chain_list(&chain, &images, w, &reach, err) < 0)
        return -1;
    images_learn(&images, &chain); /* what others are the content of is known before it is said of the rest */
    for (size_t i = 0; i < chain.count; i++) {
        const struct link *link = &chain.item[i];
        struct image *image = link->entry < 0 ? NULL : &images.item[link->entry];

        if (!image || !may_be_of(link, image, id))
            continue;
        image_head(image, image->vdev);
        image->apart = !link->active && !link->named;
    }
    return images_save(&images, w->store, vm_of(w), err);
}

static int take_out(struct work *w, const char *id, struct err *err)
{
    char current[UUID_LENGTH + 1];

    if (work_step(w, "orphans", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (set_apart(w, id, err) < 0 || work_step(w, "unlist", JOURNAL_DURABLE, err) < 0 ||
        damaged_move_in(w->store, vm_of(w), id, id, err) < 0 ||
        store_read_current(w->store, vm_of(w), current, err) < 0)
        return -1;
    return strcmp(current, id) == 0 ? store_set_current(w->store, vm_of(w), "", err) : 0;
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
