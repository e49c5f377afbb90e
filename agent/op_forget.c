/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All snapshots of a VM go, and every image of ours that was nothing but a snapshot's content.  What a disk is in or
 * stands on stays, as an ordinary chain of images, and so does what a disk has gone on in and what belongs to a record
 * that nobody can read: they are the administrator's from then on, and no image of the VM is ours any more. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain.h"
#include "cleanup.h"
#include "control.h"
#include "disks.h"
#include "draft.h"
#include "images.h"
#include "images_next.h"
#include "log.h"
#include "merge.h"
#include "op.h"
#include "protect.h"
#include "reach.h"
#include "reversion.h"
#include "store.h"
#include "takeover.h"
#include "vmconfig.h"
#include "xl.h"

static const char *const steps[] = { "let-go", "give-up", "tags", "snapshots", "images", "ledger", NULL };

static const char *vm_of(const struct work *w)
{
    return w->begun.order.vm;
}

/* ---- what becomes of each image -------------------------------------------------------------------------- */

struct sight {
    struct reach reach;
    struct images images;
    struct chain chain;
};

static void sight_deinit(struct sight *s)
{
    reach_close(&s->reach);
    chain_deinit(&s->chain);
    images_deinit(&s->images);
}

static struct image *entry_of(const struct sight *s, const struct link *link)
{
    return link->entry < 0 ? NULL : &s->images.item[link->entry];
}

static bool is_a_disk(const struct link *link)
{
    return link->active || link->named || link->node != NODE_ABSENT;
}

static bool is_in_a_merge(const struct sight *s, const struct image *image)
{
    bool found = *image->merging != '\0';

    for (size_t i = 0; i < s->images.count; i++)
        found |= strcmp(s->images.item[i].merging, image->path) == 0;
    return found;
}

/* Why the image is not removed, whatever stands on it, or NULL.  Of what there is no record, or of what a disk went on
 * in, nobody knows that it is not needed. */
static const char *why_kept(const struct sight *s, const struct link *link)
{
    const struct image *image = entry_of(s, link);

    if (is_a_disk(link))
        return link->active || link->named ? "for a disk of the VM is in it" : "for a disk of the VM stands on it";
    if (!image || !image->made)
        return "for it was never xensnap's";
    if (image->role == IMAGE_HEAD && !link->empty)
        return "for a disk went on in it";
    if (image->role == IMAGE_CONTENT && !link->frozen)
        return "for its snapshot cannot be read";
    if (link->tags > link->snapshots + image->tag_count)
        return "for there are snapshots in it that no record names";
    if (is_in_a_merge(s, image))
        return "for a merge was begun and not finished";
    return !s->chain.runs && (link->frozen || image->waits)
               ? "for the VM does not run, and may be started from it" : NULL;
}

/* The same of what stands on it. */
static const char *why_stays(const struct sight *s, size_t n)
{
    const char *why = why_kept(s, &s->chain.item[n]);

    for (size_t i = 0; !why && i < s->chain.count; i++) {
        int at = s->chain.item[i].below;

        for (size_t depth = 0; at >= 0 && !why && depth <= s->chain.count; depth++, at = s->chain.item[at].below)
            if (at == (int)n && why_kept(s, &s->chain.item[i]))
                why = is_a_disk(&s->chain.item[i]) ? "for a disk of the VM stands on it"
                                                   : "for one stands on it that stays";
    }
    return why;
}

static int look(struct work *w, struct sight *s, struct err *err)
{
    /* before it is begun somebody may stand still who is let go then */
    if (reach_open(&s->reach, w->xl, vm_of(w), w->control, err) < 0 ||
        (w->journal && reach_check_steady(&s->reach, err) < 0) ||
        chain_list(&s->chain, &s->images, w, &s->reach, err) < 0)
        return -1;
    return chain_look(&s->chain, &s->images, w, err);
}

/* ---- what is said before ---------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3))) say(struct work *w, const char *format, ...)
{
    size_t used = strlen(w->plan);
    char line[PATH_SIZE + 256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (used + strlen(line) + 8 < sizeof w->plan)
        snprintf(w->plan + used, sizeof w->plan - used, "%s%s", used ? "\n" : "", line);
    else if (used + 5 < sizeof w->plan && (used < 4 || strcmp(w->plan + used - 4, "\n...") != 0))
        snprintf(w->plan + used, sizeof w->plan - used, "\n...");
}

static long long kib(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long long)st.st_blocks / 2 : 0;
}

static void say_images(struct work *w, const struct sight *s)
{
    for (size_t i = 0; i < s->chain.count; i++) {
        const struct link *link = &s->chain.item[i];
        const char *why = why_stays(s, i);

        if (link->entry < 0 || !link->there)
            continue;
        if (why)
            say(w, "%s (%lld KiB) stays, %s", link->path, kib(link->path), why);
        else
            say(w, "%s (%lld KiB) is removed", link->path, kib(link->path));
    }
}

static int say_plan(struct work *w, struct err *err)
{
    _cleanup_(sight_deinit) struct sight s = { .images = { 0 } };
    struct snapshots snapshots = { 0 };
    char left[TAKEOVER_TEXT];

    if (store_list(w->store, vm_of(w), &snapshots, err) < 0)
        return -1;
    takeover_describe(w, left, sizeof left);
    if (*left)
        say(w, "%s", left);
    say(w, "%zu snapshots are given up%s", snapshots.count,
        snapshots.missing.code == ERR_NONE ? "" : ", and those that cannot be read");
    snapshots_deinit(&snapshots);
    if (images_load(&s.images, w->store, vm_of(w), err) < 0) {
        if (err->code != ERR_CORRUPT)
            return -1;
        say(w, "images.json cannot be read: every image stays");
        images_deinit(&s.images);
    }
    /* Another VM's domain of the same UUID names none of its disks: all of them would look as if they were none. */
    if (look(w, &s, err) < 0 || chain_check_own(&s.chain, err) < 0)
        return -1;
    say_images(w, &s);
    say(w, "what stays is yours then, and never removed by xensnap");
    return 0;
}

/* ---- the ledger says it ------------------------------------------------------------------------------------ */

/* What is removed is the content of a snapshot that is given up, and that is written down as long as there is a record
 * which says so. */
static void give_up_one(const struct sight *s, const struct link *link, struct image *image)
{
    if (is_in_a_merge(s, image))
        return;
    if (link->frozen && !is_a_disk(link))
        image_retire(image, WHY_DELETED, !s->chain.runs);
    else if (image->role == IMAGE_CONTENT) {
        image_head(image, link->vdev);
        image->apart = !is_a_disk(link);
    } else if (image->role == IMAGE_HEAD && !is_a_disk(link) && !link->empty)
        image->apart = true;
}

static int load_ledger(struct work *w, struct images *images, struct err *err)
{
    if (images_load(images, w->store, vm_of(w), err) == 0)
        return 0;
    images_deinit(images);
    return err->code == ERR_CORRUPT ? images_set_aside(w->store, vm_of(w), err) : -1;
}

/* 1: what the records say is in the ledger now, and has to be looked at again. */
static int learn(struct work *w, struct err *err)
{
    _cleanup_(sight_deinit) struct sight s = { .images = { 0 } };

    if (load_ledger(w, &s.images, err) < 0 || look(w, &s, err) < 0)
        return -1;
    return images_learn(&s.images, &s.chain) ? images_save(&s.images, w->store, vm_of(w), err) : 0;
}

static int give_up(struct work *w, struct err *err)
{
    _cleanup_(sight_deinit) struct sight s = { .images = { 0 } };

    if (work_step(w, "give-up", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->unsettled = true; /* what was begun is finished */
    if (learn(w, err) < 0 || images_load(&s.images, w->store, vm_of(w), err) < 0 || look(w, &s, err) < 0)
        return -1;
    for (size_t i = 0; i < s.chain.count; i++)
        if (s.chain.item[i].entry >= 0)
            give_up_one(&s, &s.chain.item[i], entry_of(&s, &s.chain.item[i]));
    return images_save(&s.images, w->store, vm_of(w), err);
}

/* ---- snapshots ------------------------------------------------------------------------------------------- */

static int drop_tags(struct work *w, struct err *err)
{
    _cleanup_(reach_close) struct reach reach = { 0 };
    struct snapshots snapshots = { 0 };

    if (work_step(w, "tags", JOURNAL_DURABLE, err) < 0 ||
        reach_open(&reach, w->xl, vm_of(w), w->control, err) < 0 || reach_check_steady(&reach, err) < 0 ||
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

static int drop_images(struct work *w, struct err *err)
{
    int begun = reversion_is_begun(w, err);
    struct err merge_err;

    if (begun < 0 || work_step(w, "images", JOURNAL_DURABLE, err) < 0)
        return -1;
    if (begun)
        work_warn(w, "what a revert has kept stays inside the images, as xensnap-replaced-..., until you remove it");
    if (reversion_give_up(w, err) < 0)
        return -1;
    /* There may be an image that nobody can read, or a tag that nobody can remove: it is why this was asked for. */
    if (merge_unneeded(w, MERGE_NOTHING, &merge_err) != 0)
        work_warn(w, "no image is removed: %s", merge_err.text);
    return 0;
}

/* A flag of somebody else's stays there. */
static void hand_over(struct work *w, const struct image *image)
{
    struct err err;

    if (protect_lift(w->store, vm_of(w), image->path, &err) < 0 && err.code != ERR_BUSY)
        work_warn(w, "%s", err.text);
    if (image->tag_count > 0)
        work_warn(w, "%zu snapshots stay inside %s, on which the VM stands", image->tag_count, image->path);
}

struct counts {
    size_t disks, others;
};

static void count(const struct sight *s, size_t n, struct counts *counts)
{
    const struct link *link = &s->chain.item[n];
    const struct image *image = entry_of(s, link);
    const char *why = why_stays(s, n);

    if (!image || !image->made || !link->there)
        return;
    if (why && strncmp(why, "for a disk of the VM", 20) == 0)
        counts->disks++;
    else {
        counts->others++;
        log_warning("%s stays, and is not xensnap's any more", link->path);
    }
}

static void tell(struct work *w, const struct counts *counts)
{
    if (counts->disks > 0)
        work_warn(w, "%zu image%s that the VM stands on stay%s and %s xensnap's no more: start it with the disks in "
                  "disk.cfg", counts->disks, counts->disks > 1 ? "s" : "", counts->disks > 1 ? "" : "s",
                  counts->disks > 1 ? "are" : "is");
    if (counts->others > 0)
        work_warn(w, "%zu that no disk is in stay%s too, for you to look at (the agent's log names them)",
                  counts->others, counts->others > 1 ? "" : "s");
}

/* Nothing is ours any more, and nothing is protected by us. */
static int drop_ledger(struct work *w, struct err *err)
{
    _cleanup_(sight_deinit) struct sight s = { .images = { 0 } };
    struct counts counts = { 0 };

    if (work_step(w, "ledger", JOURNAL_DURABLE, err) < 0 || images_load(&s.images, w->store, vm_of(w), err) < 0 ||
        look(w, &s, err) < 0)
        return -1;
    for (size_t i = 0; i < s.chain.count; i++) {
        count(&s, i, &counts);
        if (entry_of(&s, &s.chain.item[i]))
            hand_over(w, entry_of(&s, &s.chain.item[i]));
    }
    tell(w, &counts);
    images_deinit(&s.images);
    return images_save(&s.images, w->store, vm_of(w), err) < 0 ? -1 : store_set_current(w->store, vm_of(w), "", err);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

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
    if (takeover_let_go(w, left, err) < 0 || save_config(w, err) < 0 || give_up(w, err) < 0 ||
        drop_tags(w, err) < 0 || drop_snapshots(w, err) < 0 || drop_images(w, err) < 0 ||
        drop_ledger(w, err) < 0)
        return -1;
    w->unsettled = false;
    return 0;
}

static int run(struct work *w, struct err *err)
{
    struct journal_state left;

    if (save_config(w, err) < 0 || say_plan(w, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run)
        return 0;
    *w->plan = '\0';
    return takeover_begin(w, &left, err) < 0 ? -1 : forget(w, &left, err);
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    w->control->committed = true;
    return forget(w, state, err);
}

const struct op op_forget = { OPERATION_FORGET, steps, NULL, run, recover };
