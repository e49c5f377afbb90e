/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs now is the VM, or where it does not run what its configuration names: whatever was known before, and
 * whatever was begun and cannot be put right.  Nothing is removed or merged. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "chain.h"
#include "cleanup.h"
#include "creation.h"
#include "draft.h"
#include "images.h"
#include "images_next.h"
#include "op.h"
#include "reach.h"
#include "reversion.h"
#include "store.h"
#include "vmconfig.h"
#include "xl.h"

static const char *const steps[] = { "let-go", "ledger", "set-aside", "files", NULL };

enum { SPOILT_MAX = 256 };

/* What was found, and what becomes of it. */
struct acceptance {
    struct work *work;
    struct reach reach;
    struct xl_config *config;
    struct images images;
    struct chain chain;
    size_t spoilt_count; /* snapshots that are not any more what was saved: the domain has written to what they need */
    struct {
        char id[UUID_LENGTH + 1], name[NAME_MAX_BYTES + 1];
    } spoilt[SPOILT_MAX];
};

static const char *vm_of(const struct acceptance *a)
{
    return a->work->begun.order.vm;
}

static void acceptance_deinit(struct acceptance *a)
{
    reach_close(&a->reach);
    xl_config_free(a->config);
    chain_deinit(&a->chain);
    images_deinit(&a->images);
}

/* ---- what there is --------------------------------------------------------------------------------------- */

static int load_ledger(struct acceptance *a, struct err *err)
{
    struct store *store = a->work->store;

    if (images_load(&a->images, store, vm_of(a), err) == 0)
        return 0;
    if (err->code != ERR_CORRUPT || images_set_aside(store, vm_of(a), err) < 0)
        return -1;
    images_deinit(&a->images);
    work_warn(a->work, "images.json could not be read and is set aside; no image is known any more as one that may be "
              "removed");
    return 0;
}

static bool is_known_format(const char *format)
{
    return strcmp(format, "qcow2") == 0 || strcmp(format, "raw") == 0;
}

/* What is found is taken over from headers; and a disk's format from its configuration. */
static void unlearn(struct acceptance *a, const struct xl_disk *disks, size_t count)
{
    for (size_t i = 0; i < a->images.count; i++) {
        struct image *image = &a->images.item[i];

        image->leaving = false;
        if (image->role == IMAGE_RETIRED || access(image->path, F_OK) < 0)
            continue;
        image->size = 0;
        *image->backing = '\0';
    }
    for (size_t i = 0; i < count; i++) {
        struct image *image = is_known_format(disks[i].format) ? images_find_file(&a->images, disks[i].target) : NULL;

        if (image)
            snprintf(image->format, sizeof image->format, "%s", disks[i].format);
    }
}

static int look(struct acceptance *a, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    struct work *w = a->work;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    if (reach_open(&a->reach, w->xl, vm_of(a), w->control, err) < 0 || reach_check_steady(&a->reach, err) < 0 ||
        vmconfig_load(w, reach_domain(&a->reach), &a->config, err) < 0 || load_ledger(a, err) < 0)
        return -1;
    unlearn(a, disks, xl_config_disks(a->config, disks, DISKS_MAX));
    return chain_list(&a->chain, &a->images, w, &a->reach, err) < 0 ? -1 : chain_look(&a->chain, &a->images, w, err);
}

/* ---- snapshots that are none any more -------------------------------------------------------------------- */

static struct image *entry_of(const struct acceptance *a, const struct link *link)
{
    return link->entry < 0 ? NULL : &a->images.item[link->entry];
}

static bool is_a_disk(const struct link *link)
{
    return link->active && (!link->named || link->writable);
}

/* The domain writes to it, and it was not made for that. */
static bool is_misused(const struct acceptance *a, const struct link *link)
{
    const struct image *image = entry_of(a, link);

    return is_a_disk(link) && (link->frozen || (image && *image->merging && !image->arrived));
}

/* Whether LINK or what it stands on is. */
static bool is_spoilt(const struct acceptance *a, int link)
{
    for (size_t depth = 0; link >= 0 && depth <= a->chain.count; depth++) {
        if (is_misused(a, &a->chain.item[link]))
            return true;
        link = a->chain.item[link].below;
    }
    return false;
}

static bool record_is_spoilt(const struct acceptance *a, const struct record *record)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct link *link = chain_find(&a->chain, record->disks[i].target);
        bool inside = record->disks[i].place != PLACE_EXTERNAL;

        if (link && is_spoilt(a, inside ? link->below : (int)(link - a->chain.item)))
            return true;
    }
    return false;
}

static int find_spoilt(struct acceptance *a, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc = store_list(a->work->store, vm_of(a), &snapshots, err);

    for (size_t i = 0; rc == 0 && i < snapshots.count && a->spoilt_count < SPOILT_MAX; i++) {
        if (!record_is_spoilt(a, &snapshots.records[i]))
            continue;
        memcpy(a->spoilt[a->spoilt_count].name, snapshots.records[i].name, sizeof a->spoilt[0].name);
        memcpy(a->spoilt[a->spoilt_count++].id, snapshots.records[i].id, sizeof a->spoilt[0].id);
    }
    snapshots_deinit(&snapshots);
    return rc;
}

static bool was_spoilt(const struct acceptance *a, const char *id)
{
    for (size_t i = 0; i < a->spoilt_count; i++)
        if (strcmp(a->spoilt[i].id, id) == 0)
            return true;
    return false;
}

/* ---- the ledger ------------------------------------------------------------------------------------------ */

static void set_apart(struct acceptance *a)
{
    for (size_t i = 0; i < a->images.count; i++) {
        struct image *image = &a->images.item[i];

        if (image->role != IMAGE_CONTENT || !was_spoilt(a, image->snapshot))
            continue;
        image_head(image, "");
        image->apart = true;
    }
    for (size_t i = 0; i < a->chain.count; i++)
        if (a->chain.item[i].frozen && was_spoilt(a, a->chain.item[i].snapshot))
            a->chain.item[i].frozen = false;
}

/* It is the disk now, whole or not; what was on its way into it stays where it was. */
static void end_merging(struct acceptance *a, struct image *lower)
{
    struct image *upper = *lower->merging && !lower->arrived ? images_find(&a->images, lower->merging) : NULL;

    if (!upper)
        return;
    *lower->merging = '\0';
    if (upper->role == IMAGE_HEAD)
        upper->apart = true;
}

/* One that the ledger does not know stays in it for this alone, that the domain has the VM's UUID and nothing else. */
static int take_disk(struct acceptance *a, struct link *link, struct err *err)
{
    bool strange = a->chain.stranger.code != ERR_NONE;
    struct image *image = entry_of(a, link);

    if (!image && !strange)
        return 0;
    if (!image)
        image = images_add(&a->images, link->path, link->format, false);
    if (!image)
        return err_set(err, ERR_IO, "out of memory");
    end_merging(a, image);
    if (image->role != IMAGE_HEAD || strcmp(image->vdev, link->vdev) != 0)
        image_head(image, link->vdev);
    image->apart = strange;
    return 0;
}

static int note(struct acceptance *a, struct err *err)
{
    set_apart(a);
    for (size_t i = 0; i < a->chain.count; i++)
        if (is_a_disk(&a->chain.item[i]) && take_disk(a, &a->chain.item[i], err) < 0)
            return -1;
    images_learn(&a->images, &a->chain);
    return images_save(&a->images, a->work->store, vm_of(a), err);
}

/* ---- what was begun -------------------------------------------------------------------------------------- */

static int set_snapshots_aside(struct acceptance *a, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc = store_list(a->work->store, vm_of(a), &snapshots, err);

    for (size_t i = 0; i < a->spoilt_count && rc == 0; i++) {
        const char *id = a->spoilt[i].id;

        work_warn(a->work, "snapshot %s is not what was saved any more, for the domain has written to it or to what it "
                  "stands on, and is set aside", a->spoilt[i].name);
        if (strcmp(snapshots.current, id) == 0)
            rc = store_set_current(a->work->store, vm_of(a), "", err);
        if (rc == 0)
            rc = damaged_move_in(a->work->store, vm_of(a), id, id, err);
    }
    snapshots_deinit(&snapshots);
    return rc;
}

/* What a create or a delete has left that nobody could put right. */
static int set_draft_aside(struct work *w, const char *name, int known, struct err *err)
{
    char id[UUID_LENGTH + 1];
    uuid_t uuid;

    if (known >= 0)
        return 0;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, id);
    work_warn(w, "the record in %s cannot be read; it is damaged-%s now", name, id);
    return damaged_move_in(w->store, w->begun.order.vm, name, id, err);
}

static int end_draft(struct work *w, struct err *err)
{
    struct record record;
    struct err abandon_err;
    int known = draft_record(w->store, w->begun.order.vm, &record, &abandon_err);

    if (known > 0 && *record.memory_file)
        unlink(record.memory_file);
    if (known >= 0 && draft_abandon(w->store, w->begun.order.vm, &abandon_err) < 0)
        known = -1;
    return set_draft_aside(w, ".draft", known, err);
}

static int end_what_was_begun(struct work *w, struct err *err)
{
    struct record record;
    struct err trash_err;

    if (end_draft(w, err) < 0 ||
        set_draft_aside(w, ".trash", trash_record(w->store, w->begun.order.vm, &record, &trash_err), err) < 0)
        return -1;
    return reversion_forget(w, err);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

/* Whatever comes of it, who stands still because of us goes on. */
static int let_go(struct work *w, const struct journal_state *left, struct err *err)
{
    enum settle how = left->suspended ? SETTLE_LATE_SUSPEND : SETTLE_NOTHING;

    return work_step(w, "let-go", JOURNAL_DURABLE, err) < 0 ? -1 : creation_let_go(w, how, left->paused, err);
}

static int accept(struct work *w, struct err *err)
{
    _cleanup_(freep) struct acceptance *a = calloc(1, sizeof *a);
    int rc;

    if (!a)
        return err_set(err, ERR_IO, "out of memory");
    a->work = w;
    rc = look(a, err) < 0 || find_spoilt(a, err) < 0 || work_step(w, "ledger", JOURNAL_DURABLE, err) < 0 ? -1 : 0;
    w->control->committed = rc == 0;
    if (rc == 0 && (note(a, err) < 0 || work_step(w, "set-aside", JOURNAL_DURABLE, err) < 0 ||
                    set_snapshots_aside(a, err) < 0 || work_step(w, "files", JOURNAL_DURABLE, err) < 0 ||
                    vmconfig_save(w, a->config, err) < 0))
        rc = -1;
    w->unsettled |= rc < 0 && w->control->committed;
    acceptance_deinit(a);
    return rc < 0 ? -1 : end_what_was_begun(w, err);
}

/* That there is something to be accepted. */
static int check(struct work *w, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct xl_domain domain;
    int found = xl_find(w->xl, w->begun.order.vm, &domain, err);

    if (found < 0)
        return -1;
    if (vmconfig_load(w, found > 0 ? &domain : NULL, &config, err) < 0)
        return err_context(err, "it is not known which disks the VM has; start it, and accept it then");
    return 0;
}

static int run(struct work *w, struct err *err)
{
    struct journal_state left;

    if (check(w, err) < 0 || work_take_over(w, &left, err) < 0)
        return -1;
    w->unsettled = *left.begun.order.vm || *left.step; /* it is still to be seen to */
    if (let_go(w, &left, err) < 0 || accept(w, err) < 0)
        return -1;
    w->unsettled = false;
    return 0;
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    if (let_go(w, state, err) < 0)
        return -1;
    return accept(w, err);
}

const struct op op_accept = { OPERATION_ACCEPT, steps, NULL, run, recover };
