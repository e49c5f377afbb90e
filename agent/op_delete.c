/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "disks.h"
#include "draft.h"
#include "op.h"
#include "qmp.h"
#include "store.h"
#include "xl.h"

static const char *const steps[] = { "unlist", "disks", "files", NULL };

/* How the images can be reached: through the running domain's QEMU, or not open anywhere. */
struct reach {
    struct qmp *qmp;
    struct nodes nodes;
};

static void reach_deinit(struct reach *reach)
{
    qmp_close(reach->qmp);
}

static int reach_disks(struct work *w, const struct record *record, struct reach *reach, struct err *err)
{
    struct xl_domain domain;
    int found = xl_find(w->xl, record->vm, &domain, err);

    if (found < 0 || record->disk_count == 0)
        return found < 0 ? -1 : 0;
    if (found == 0 || domain.life == XL_DYING)
        return 0;
    if (domain.life == XL_SUSPENDED)
        return err_set(err, ERR_BUSY, "the domain is suspended: it is being saved or migrated");
    if (qmp_open(&reach->qmp, domain.domid, w->control, err) < 0)
        return domain.life == XL_SHUT_DOWN
                   ? err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended")
                   : -1;
    return disks_find_nodes(&reach->nodes, record, reach->qmp, err);
}

static int remove_tags(struct work *w, const struct record *record, struct reach *reach, struct err *err)
{
    return reach->qmp ? disks_untag(&reach->nodes, record, reach->qmp, err)
                      : disks_untag_offline(record, w->control, err);
}

/* What stood on the snapshot stands on its parent now. */
static int hand_over_children(struct work *w, const struct record *gone, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc;

    if (store_list(w->store, gone->vm, &snapshots, err) < 0)
        return -1;
    rc = strcmp(snapshots.current, gone->id) == 0 ? store_set_current(w->store, gone->vm, gone->parent, err) : 0;
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

static int remove_files(struct work *w, const struct record *record, struct err *err)
{
    return hand_over_children(w, record, err) < 0 ? -1 : trash_empty(w->store, record->vm, err);
}

static int run(struct work *w, struct err *err)
{
    _cleanup_(reach_deinit) struct reach reach = { 0 };
    struct record record;
    struct err back_err;

    if (store_find(w->store, w->begun.order.vm, w->begun.order.request.name, &record, err) < 0 ||
        reach_disks(w, &record, &reach, err) < 0 ||
        work_begin(w, record.id, err) < 0)
        return -1;
    memcpy(w->name, record.name, sizeof w->name);

    if (work_step(w, "unlist", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (trash_move_in(w->store, record.vm, record.id, err) < 0)
        return -1;
    if (work_step(w, "disks", JOURNAL_DURABLE, err) < 0 || remove_tags(w, &record, &reach, err) < 0) {
        /* It can be deleted again; until then the list must not hide what takes up space in the images. */
        if (trash_move_out(w->store, record.vm, record.id, &back_err) < 0)
            err_context(err, "%s; before that", back_err.text);
        return -1;
    }
    if (work_step(w, "files", JOURNAL_DURABLE, err) < 0)
        return -1;
    return remove_files(w, &record, err);
}

/* Once it is out of the list it stays out. */
static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    _cleanup_(reach_deinit) struct reach reach = { 0 };
    struct snapshots snapshots = { 0 };
    struct record record;
    bool listed;

    w->control->committed = true;
    if (store_list(w->store, w->begun.order.vm, &snapshots, err) < 0)
        return -1;
    listed = snapshots_find(&snapshots, state->begun.snapshot) != NULL;
    snapshots_deinit(&snapshots);
    if (listed)
        return err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
    if (!trash_record(w->store, w->begun.order.vm, &record))
        return trash_empty(w->store, w->begun.order.vm, err);
    if (reach_disks(w, &record, &reach, err) < 0 || remove_tags(w, &record, &reach, err) < 0)
        return -1;
    return remove_files(w, &record, err);
}

const struct op op_delete = { OPERATION_DELETE, steps, run, recover };
