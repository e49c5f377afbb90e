/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "cleanup.h"
#include "disks.h"
#include "draft.h"
#include "images.h"
#include "images_note.h"
#include "merge.h"
#include "op.h"
#include "reach.h"
#include "reversion.h"
#include "store.h"
#include "torn.h"
#include "xl.h"

static const char *const steps[] = { "unlist", "disks", "files", "merge", NULL };

/* What cannot be removed as long as the domain runs has to be noted. */
static int check_notes(const struct record *record, const struct images *images, const struct reach *reach,
                       struct err *err)
{
    for (size_t i = 0; i < record->disk_count && reach->runs; i++) {
        const struct record_disk *disk = &record->disks[i];
        const struct image *image = disk->place == PLACE_INTERNAL ? images_find_file(images, disk->target) : NULL;

        if (image && image->tag_count == IMAGE_TAGS_MAX)
            return err_set(err, ERR_BUSY, "disk %s: too many deleted snapshots wait in its image for the domain to "
                           "stop", disk->vdev);
    }
    return 0;
}

/* What is not known is not absent: nobody may need an image because of that.  Headers are read where something is going
 * to be merged. */
static int check_known(struct work *w, const struct record *record, const struct reach *reach, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    _cleanup_(chain_deinit) struct chain chain = { 0 };

    if (images_load(&images, w->store, w->begun.order.vm, err) < 0 || chain_list(&chain, &images, w, reach, err) < 0)
        return -1;
    if (check_notes(record, &images, reach, err) < 0 ||
        (record_has(record, PLACE_EXTERNAL) && chain_look(&chain, &images, w, err) < 0))
        return -1;
    return chain_check_known(&chain, err);
}

/* What its images are merged into must be able to change under the domain's configuration. */
static int check(struct work *w, const struct record *record, const struct reach *reach, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct xl_intent intent = { .switches = record_has(record, PLACE_EXTERNAL) };

    if (reach_check_steady(reach, err) < 0 || check_known(w, record, reach, err) < 0 ||
        disks_check_untag(record, reach, err) < 0)
        return -1;
    if (!reach->runs || !intent.switches)
        return 0;
    return xl_config_read(w->xl, reach->domain.domid, &config, err) < 0
               ? -1
               : xl_config_check(w->xl, reach->domain.domid, config, intent, err);
}

/* What stood on the snapshot stands on its parent now. */
static int hand_over_children(struct work *w, const struct record *gone, struct err *err)
{
    struct snapshots snapshots = { 0 };
    char current[UUID_LENGTH + 1];
    int rc;

    if (store_read_current(w->store, gone->vm, current, err) < 0 || store_list(w->store, gone->vm, &snapshots, err) < 0)
        return -1;
    rc = strcmp(current, gone->id) == 0 ? store_set_current(w->store, gone->vm, gone->parent, err) : 0;
    for (size_t i = 0; i < snapshots.count && rc == 0; i++) {
        struct record *record = &snapshots.records[i];

        if (strcmp(record->parent, gone->id) != 0)
            continue;
        memcpy(record->parent, gone->parent, sizeof record->parent);
        rc = store_rewrite_record(w->store, record, err);
    }
    snapshots_deinit(&snapshots);
    return rc;
}

/* Its images are nobody's snapshot from now on; what becomes of them is seen to in "merge". */
static int remove_files(struct work *w, const struct record *record, bool runs, struct err *err)
{
    trash_give_space(w->store, record->vm);
    if (hand_over_children(w, record, err) < 0 || images_retire_content(w->store, record, !runs, err) < 0)
        return -1;
    if (*record->memory_file && unlink(record->memory_file) < 0 && errno != ENOENT)
        return err_errno(err, "the memory image could not be removed");
    return trash_empty(w->store, record->vm, err);
}

/* What an earlier delete has left that had to give up, or an earlier version of us. */
static int finish_trash(struct work *w, const struct reach *reach, struct err *err)
{
    struct record record;
    int found = trash_record(w->store, w->begun.order.vm, &record, err);

    if (found < 0)
        return -1;
    if (found == 0)
        return trash_empty(w->store, w->begun.order.vm, err);
    if (disks_give_up(&record, true, reach, w->store, w->control, err) != 0)
        return -1;
    return remove_files(w, &record, reach->runs, err);
}

/* The snapshot is gone whatever comes of this; what could not be merged is merged with a later delete. */
static int merge(struct work *w, struct err *err)
{
    int rc = merge_unneeded(w, MERGE_STOPPABLE, err);

    if (rc == 0)
        return 0;
    /* The agent that comes after one that was killed goes on with it; and what is torn is no state to be left in. */
    w->unsettled = w->control->gone || w->torn;
    w->over = !w->unsettled;
    return err_context(err, "the snapshot is deleted, but not all of its space could be given back; %s",
                       w->torn ? "it is tried again" : "the next delete tries it again");
}

static int run(struct work *w, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    struct record record;
    struct err back_err;
    bool runs;
    int given;

    if (store_find(w->store, w->begun.order.vm, w->begun.order.request.name, &record, err) < 0 ||
        reach_open(&reach, w->xl, record.vm, w->control, err) < 0 || torn_mend(w, &reach, err) < 0 ||
        check(w, &record, &reach, err) < 0 || work_begin(w, record.id, err) < 0)
        return -1;
    memcpy(w->name, record.name, sizeof w->name);
    if (reversion_drop_late(w, &reach, err) < 0 || finish_trash(w, &reach, err) < 0)
        return -1;

    if (work_step(w, "unlist", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (trash_move_in(w->store, record.vm, record.id, err) < 0)
        return -1;
    given = work_step(w, "disks", JOURNAL_DURABLE, err) < 0
                ? -1
                : disks_give_up(&record, false, &reach, w->store, w->control, err);
    if (given < 0) {
        /* It is whole, and can be deleted again. */
        if (trash_move_out(w->store, record.vm, record.id, &back_err) < 0)
            err_context(err, "%s; before that", back_err.text);
        reach_explain(&reach, w->xl, err);
        return -1;
    }
    runs = reach.runs;
    reach_close(&reach);
    if (given > 0 || work_step(w, "files", JOURNAL_DURABLE, err) < 0 || remove_files(w, &record, runs, err) < 0 ||
        work_step(w, "merge", JOURNAL_DURABLE, err) < 0) {
        w->unsettled = true; /* what was begun is finished, before anything else */
        return err_context(err, "the snapshot is deleted, but not all that it consists of could be removed yet");
    }
    return merge(w, err);
}

/* Once it is out of the list it stays out. */
static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    struct snapshots snapshots = { 0 };
    bool listed;

    w->control->committed = true;
    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0)
        return -1;
    listed = snapshots_find(&snapshots, state->begun.snapshot) != NULL;
    snapshots_deinit(&snapshots);
    if (listed)
        return err_set(err, ERR_INTERNAL, strcmp(state->step, "disks") == 0
                                              ? "the operation was interrupted, and the snapshot may be incomplete; "
                                                "delete it again"
                                              : "the operation was interrupted; nothing was changed");
    if (reach_open(&reach, w->xl, w->begun.order.vm, w->control, err) < 0 || torn_mend(w, &reach, err) < 0 ||
        finish_trash(w, &reach, err) < 0)
        return -1;
    reach_close(&reach);
    work_settled(w);
    return merge(w, err);
}

const struct op op_delete = { OPERATION_DELETE, steps, NULL, run, recover };
