/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All snapshots of a VM go, and every image of ours on which no disk of it stands.  What a disk stands on stays, as an
 * ordinary chain of images, and is ours no more. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain.h"
#include "cleanup.h"
#include "creation.h"
#include "disks.h"
#include "draft.h"
#include "images.h"
#include "images_note.h"
#include "op.h"
#include "protect.h"
#include "reach.h"
#include "reversion.h"
#include "store.h"
#include "vmconfig.h"
#include "xl.h"

static const char *const steps[] = { "let-go", "tags", "snapshots", "images", "ledger", NULL };

static const char *vm_of(const struct work *w)
{
    return w->begun.order.vm;
}

/* ---- what would go --------------------------------------------------------------------------------------- */

static void say(struct work *w, const char *path, const char *what)
{
    size_t used = strlen(w->plan);
    struct stat st;

    snprintf(w->plan + used, sizeof w->plan - used, "%s%s (%lld KiB) %s", used ? "\n" : "", path,
             stat(path, &st) == 0 ? (long long)st.st_blocks / 2 : 0, what);
}

/* A disk of the VM is in it or stands on it, or it is open. */
static bool stays(const struct chain *chain, size_t n)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];
        int at = (int)i;

        if (!link->active && !link->named && link->node == NODE_ABSENT)
            continue;
        for (size_t depth = 0; at >= 0 && depth <= chain->count; depth++, at = chain->item[at].below)
            if (at == (int)n)
                return true;
    }
    return false;
}

static void say_images(struct work *w, const struct images *images, const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];

        if (link->entry < 0)
            continue;
        if (!images->item[link->entry].made)
            say(w, link->path, "stays; it was never xensnap's");
        else if (stays(chain, i))
            say(w, link->path, "stays, for a disk of the VM is in it or stands on it; it is xensnap's no more");
        else
            say(w, link->path, chain->unknown.code ? "stays, for not all is known" : "is removed");
    }
}

static int say_plan(struct work *w, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    _cleanup_(images_deinit) struct images images = { 0 };
    _cleanup_(chain_deinit) struct chain chain = { 0 };
    struct snapshots snapshots = { 0 };
    bool unread;

    if (store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    unread = snapshots.missing.code != ERR_NONE;
    snprintf(w->plan, sizeof w->plan, "%zu snapshots are given up%s", snapshots.count,
             unread ? ", and those that cannot be read" : "");
    snapshots_deinit(&snapshots);
    if (images_load(&images, w->store, vm_of(w), err) < 0)
        return err->code == ERR_CORRUPT ? 0 : -1;
    if (reach_open(&reach, w->xl, vm_of(w), w->control, err) < 0 || chain_list(&chain, &images, w, &reach, err) < 0 ||
        chain_look(&chain, &images, w, err) < 0)
        return -1;
    /* of a record that cannot be read nobody has to know any more */
    if (unread)
        chain.unknown.code = ERR_NONE;
    say_images(w, &images, &chain);
    return 0;
}

/* ---- snapshots ------------------------------------------------------------------------------------------- */

static int drop_tags(struct work *w, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    struct snapshots snapshots = { 0 };

    if (work_step(w, "tags", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->control->committed = true;
    if (reach_open(&reach, w->xl, vm_of(w), w->control, err) < 0 || reach_check_steady(&reach, err) < 0 ||
        store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    for (size_t i = 0; i < snapshots.count; i++) {
        const struct record *record = &snapshots.records[i];
        struct err untag_err;

        if (disks_untag(record, &reach, w->store, w->control, &untag_err) < 0)
            work_warn(w, "snapshot %s stays inside its images: %.120s", record->name, untag_err.text);
        if (*record->memory_file && unlink(record->memory_file) < 0 && errno != ENOENT)
            work_warn(w, "the memory image of snapshot %s stays: %s", record->name, strerror(errno));
    }
    snapshots_deinit(&snapshots);
    return 0;
}

static int drop_snapshots(struct work *w, struct err *err)
{
    struct err left = { .code = ERR_NONE };

    if (work_step(w, "snapshots", JOURNAL_DURABLE, err) < 0 || damaged_drop_all(w->store, vm_of(w), &left, err) < 0)
        return -1;
    if (left.code != ERR_NONE)
        work_warn(w, "a directory stays: %.160s", left.text);
    return 0;
}

/* ---- images ---------------------------------------------------------------------------------------------- */

static int give_up_images(struct work *w, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };

    if (work_step(w, "images", JOURNAL_DURABLE, err) < 0)
        return -1;
    if (images_load(&images, w->store, vm_of(w), err) < 0 &&
        (err->code != ERR_CORRUPT || images_set_aside(w->store, vm_of(w), err) < 0))
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        *images.item[i].merging = '\0';
        image_release(&images.item[i]);
    }
    if (images.count > 0 && images_save(&images, w->store, vm_of(w), err) < 0)
        return -1;
    return reversion_forget(w, err);
}

/* Nothing is protected by us any more. */
static int drop_ledger(struct work *w, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    size_t made = 0;

    if (work_step(w, "ledger", JOURNAL_DURABLE, err) < 0 || images_load(&images, w->store, vm_of(w), err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        struct err lift_err;

        made += images.item[i].made;
        if (protect_lift(w->store, vm_of(w), images.item[i].path, &lift_err) < 0)
            work_warn(w, "%s", lift_err.text);
    }
    if (made > 0)
        work_warn(w, "%zu image%s that the VM stands on stay%s and %s xensnap's no more: start it with the disks in "
                  "disk.cfg", made, made > 1 ? "s" : "", made > 1 ? "" : "s", made > 1 ? "are" : "is");
    for (size_t i = 0; i < images.count; i++)
        if (images.item[i].tag_count > 0)
            work_warn(w, "%zu snapshots stay inside %s, on which the VM stands", images.item[i].tag_count,
                      images.item[i].path);
    images_deinit(&images);
    if (images_save(&images, w->store, vm_of(w), err) < 0)
        return -1;
    return store_set_current(w->store, vm_of(w), "", err);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

static int let_go(struct work *w, const struct journal_state *left, struct err *err)
{
    enum settle how = left->suspended ? SETTLE_LATE_SUSPEND : SETTLE_NOTHING;

    return work_step(w, "let-go", JOURNAL_DURABLE, err) < 0 ? -1 : creation_let_go(w, how, left->paused, err);
}

/* What the VM's disks are is known from here on: it is the one thing that has to be. */
static int save_config(struct work *w, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct xl_domain domain;
    int found = xl_find(w->xl, vm_of(w), &domain, err);

    if (found < 0)
        return -1;
    if (vmconfig_load(w, found > 0 ? &domain : NULL, &config, err) < 0)
        return err_context(err, "it is not known which disks the VM has; start it, and ask again");
    return w->journal ? vmconfig_save(w, config, err) : 0;
}

static int forget(struct work *w, const struct journal_state *left, struct err *err)
{
    if (let_go(w, left, err) < 0 || save_config(w, err) < 0 || drop_tags(w, err) < 0 || drop_snapshots(w, err) < 0 ||
        give_up_images(w, err) < 0)
        return -1;
    return drop_ledger(w, err);
}

static int run(struct work *w, struct err *err)
{
    struct journal_state left;

    if (save_config(w, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run)
        return say_plan(w, err);
    if (work_take_over(w, &left, err) < 0)
        return -1;
    w->unsettled = *left.begun.order.vm || *left.step;
    if (forget(w, &left, err) < 0) {
        w->unsettled |= w->control->committed; /* what was begun is finished */
        return -1;
    }
    w->unsettled = false;
    return 0;
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    return forget(w, state, err);
}

const struct op op_forget = { OPERATION_FORGET, steps, NULL, run, recover };
