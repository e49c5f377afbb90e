/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs now is the VM, or where it does not run what its configuration names: whatever was known before, and
 * whatever was begun and cannot be put right.  Nothing is removed or merged. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "chain.h"
#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "images.h"
#include "images_next.h"
#include "log.h"
#include "op.h"
#include "reach.h"
#include "reversion.h"
#include "store.h"
#include "takeover.h"
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
    bool ledger_lost;
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

/* One that cannot be read is as good as none; it is set aside when the new one is written. */
static int load_ledger(struct acceptance *a, struct err *err)
{
    if (images_load(&a->images, a->work->store, vm_of(a), err) == 0)
        return 0;
    a->ledger_lost = err->code == ERR_CORRUPT;
    images_deinit(&a->images);
    return a->ledger_lost ? 0 : -1;
}

static bool is_known_format(const char *format)
{
    return strcmp(format, "qcow2") == 0 || strcmp(format, "raw") == 0;
}

/* A disk is read as what its configuration says: its QEMU does. */
static void take_formats(struct acceptance *a, const struct xl_disk *disks, size_t count)
{
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
    /* before it is done somebody may stand still who is let go then */
    if (reach_open(&a->reach, w->xl, vm_of(a), w->control, err) < 0 ||
        (!w->begun.order.request.dry_run && reach_check_steady(&a->reach, err) < 0) ||
        vmconfig_load(w, reach_domain(&a->reach), &a->config, err) < 0 || load_ledger(a, err) < 0)
        return -1;
    take_formats(a, disks, xl_config_disks(a->config, disks, DISKS_MAX));
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

    for (size_t i = 0; rc == 0 && i < snapshots.count; i++) {
        if (!record_is_spoilt(a, &snapshots.records[i]))
            continue;
        if (a->spoilt_count == SPOILT_MAX) {
            rc = err_set(err, ERR_UNSUPPORTED, "the domain has written to more than %d snapshots", SPOILT_MAX);
            break;
        }
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

/* Only of what could be read: of the rest what was known stays known. */
static void take_header(struct image *image, const struct link *link)
{
    if (image->role == IMAGE_RETIRED || !link->read || link->empty)
        return;
    image->size = link->size;
    snprintf(image->backing, sizeof image->backing, "%s", *link->backing ? link->backing : IMAGE_ON_NONE);
}

static int note(struct acceptance *a, struct err *err)
{
    set_apart(a);
    for (size_t i = 0; i < a->images.count; i++)
        a->images.item[i].leaving = false;
    for (size_t i = 0; i < a->chain.count; i++) {
        if (is_a_disk(&a->chain.item[i]) && take_disk(a, &a->chain.item[i], err) < 0)
            return -1;
        if (entry_of(a, &a->chain.item[i]))
            take_header(entry_of(a, &a->chain.item[i]), &a->chain.item[i]);
    }
    images_learn(&a->images, &a->chain);
    if (a->ledger_lost && images_set_aside(a->work->store, vm_of(a), err) < 0)
        return -1;
    return images_save(&a->images, a->work->store, vm_of(a), err);
}

/* ---- what is given up ------------------------------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3))) tell(struct acceptance *a, const char *format, ...)
{
    char *plan = a->work->plan;
    size_t used = strlen(plan), size = sizeof a->work->plan;
    char line[2 * PATH_SIZE + 128];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_info("request %s: %s", a->work->begun.order.request.id, line);
    if (used + strlen(line) + 8 < size)
        snprintf(plan + used, size - used, "%s%s", used ? "\n" : "", line);
    else if (used + 5 < size && (used < 4 || strcmp(plan + used - 4, "\n...") != 0))
        snprintf(plan + used, size - used, "\n...");
}

static void tell_left(struct acceptance *a)
{
    char text[TAKEOVER_TEXT];

    takeover_describe(a->work, text, sizeof text);
    if (*text)
        tell(a, "%s", text);
}

static const char *for_people(const char *backing)
{
    return *backing && strcmp(backing, IMAGE_ON_NONE) != 0 ? backing : "nothing";
}

static void tell_header(struct acceptance *a, const struct image *image, const struct link *link)
{
    if (image->role == IMAGE_RETIRED || !link->read || link->empty)
        return;
    if (*image->backing && strcmp(for_people(image->backing), for_people(link->backing)) != 0 &&
        !same_file(image->backing, link->backing))
        tell(a, "%s stands on %s, and stood on %s: that is right from now on", link->path, for_people(link->backing),
             for_people(image->backing));
    if (image->role == IMAGE_CONTENT && image->size && image->size != link->size)
        tell(a, "%s has %lld bytes and had %lld: that is right from now on", link->path, link->size, image->size);
}

static void tell_image(struct acceptance *a, const struct link *link)
{
    const struct image *image = entry_of(a, link);

    if (is_a_disk(link))
        tell(a, "disk %s is in %s", link->vdev, link->path);
    else if (image && image->role == IMAGE_HEAD && !link->named && !link->active)
        tell(a, "%s stays, and no disk is in it", link->path);
    if (image)
        tell_header(a, image, link);
}

/* All that is said here is known before anything was done. */
static void tell_all(struct acceptance *a)
{
    tell_left(a);
    if (a->ledger_lost)
        tell(a, "images.json cannot be read and is set aside; no image that is there now is ever removed by xensnap");
    if (a->chain.stranger.code != ERR_NONE)
        tell(a, "domain %s is the VM whose snapshots these are", a->chain.name);
    for (size_t i = 0; i < a->chain.count; i++)
        tell_image(a, &a->chain.item[i]);
    for (size_t i = 0; i < a->spoilt_count; i++)
        tell(a, "snapshot %s (%s) is given up: the domain has written to it or to what it stands on", a->spoilt[i].name,
             a->spoilt[i].id);
    if (a->chain.unknown.code != ERR_NONE)
        tell(a, "not all is known: %s", a->chain.unknown.text);
}

/* ---- what was begun -------------------------------------------------------------------------------------- */

static int set_snapshots_aside(struct acceptance *a, struct err *err)
{
    char current[UUID_LENGTH + 1];
    int rc = store_read_current(a->work->store, vm_of(a), current, err);

    for (size_t i = 0; i < a->spoilt_count && rc == 0; i++) {
        const char *id = a->spoilt[i].id;

        work_warn(a->work, "snapshot %s is not what was saved any more, for the domain has written to it or to what it "
                  "stands on, and is set aside", a->spoilt[i].name);
        if (strcmp(current, id) == 0)
            rc = store_set_current(a->work->store, vm_of(a), "", err);
        if (rc == 0)
            rc = damaged_move_in(a->work->store, vm_of(a), id, id, err);
    }
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

/* No image is removed here, not even one that nothing needs: the next operation sees to that. */
static int end_what_was_begun(struct work *w, struct err *err)
{
    struct record record;
    struct err trash_err;

    if (end_draft(w, err) < 0 ||
        set_draft_aside(w, ".trash", trash_record(w->store, w->begun.order.vm, &record, &trash_err), err) < 0)
        return -1;
    return reversion_give_up(w, err);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

static int see(struct acceptance *a, struct err *err)
{
    if (look(a, err) < 0 || find_spoilt(a, err) < 0)
        return -1;
    tell_all(a);
    return 0;
}

static void warn(struct acceptance *a)
{
    struct err err;

    if (a->ledger_lost)
        work_warn(a->work, "images.json could not be read and is set aside; no image is known any more as one that may "
                  "be removed");
    if (reversion_is_begun(a->work, &err) != 0)
        work_warn(a->work, "what a revert has kept stays inside the images, as xensnap-replaced-..., until you "
                  "remove it");
}

static int change(struct acceptance *a, struct err *err)
{
    struct work *w = a->work;

    if (see(a, err) < 0)
        return -1;
    *w->plan = '\0';
    if (work_step(w, "ledger", JOURNAL_DURABLE, err) < 0)
        return -1;
    w->unsettled = true; /* what was begun is finished */
    warn(a);
    if (note(a, err) < 0 || work_step(w, "set-aside", JOURNAL_DURABLE, err) < 0 || set_snapshots_aside(a, err) < 0 ||
        work_step(w, "files", JOURNAL_DURABLE, err) < 0)
        return -1;
    return vmconfig_save(w, a->config, err);
}

static struct acceptance *acceptance_new(struct work *w, struct err *err)
{
    struct acceptance *a = calloc(1, sizeof *a);

    if (a)
        a->work = w;
    else
        err_set(err, ERR_IO, "out of memory");
    return a;
}

static int accept(struct work *w, const struct journal_state *left, struct err *err)
{
    _cleanup_(freep) struct acceptance *a = acceptance_new(w, err);
    int rc;

    if (!a)
        return -1;
    rc = takeover_let_go(w, left, err) < 0 ? -1 : change(a, err);
    acceptance_deinit(a);
    if (rc < 0 || end_what_was_begun(w, err) < 0)
        return -1;
    w->unsettled = false;
    return 0;
}

/* That there is something to be accepted, and what that means. */
static int check(struct work *w, struct err *err)
{
    _cleanup_(freep) struct acceptance *a = acceptance_new(w, err);
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct xl_domain domain;
    int found = a ? xl_find(w->xl, w->begun.order.vm, &domain, err) : -1, rc = 0;

    if (found < 0)
        return -1;
    if (vmconfig_load(w, found > 0 ? &domain : NULL, &config, err) < 0)
        return err_context(err, "it is not known which disks the VM has; start it, and accept it then");
    if (w->begun.order.request.dry_run)
        rc = see(a, err);
    acceptance_deinit(a);
    return rc;
}

static int run(struct work *w, struct err *err)
{
    struct journal_state left;

    if (check(w, err) < 0)
        return -1;
    if (w->begun.order.request.dry_run)
        return 0;
    return takeover_begin(w, &left, err) < 0 ? -1 : accept(w, &left, err);
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    w->control->committed = true;
    return accept(w, state, err);
}

const struct op op_accept = { OPERATION_ACCEPT, steps, NULL, run, recover };
