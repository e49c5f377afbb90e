/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "care.h"
#include "cleanup.h"
#include "digest.h"
#include "draft.h"
#include "eviction.h"
#include "images_note.h"
#include "kept.h"
#include "needs.h"
#include "op.h"
#include "reversion.h"
#include "savefile.h"
#include "store.h"
#include "torn.h"
#include "vmconfig.h"
#include "way_back.h"
#include "xl.h"

/* From "destroy" on the way is forward: to the snapshot's state, which is tried once, and once more if we are killed at
 * it ("restore-again").  If it cannot be started, from "put-back" on the way is to what there was before, and never
 * turns again. */
static const char *const steps[] = { "prepare", "pause", "destroy", "disks", "restore", "handover", "unpause", "tidy",
                                     "restore-again", "put-back", "disks-back", "was-put-back", NULL };

/* ---- before anything is changed: a revert that cannot succeed must fail here ------------------------------ */

static int open_snapshot(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(freep) char *config = store_read_file(w->store, r->record.vm, r->record.id, "config.json", err);

    memcpy(w->name, r->record.name, sizeof w->name);
    if (!config || xl_config_parse(w->xl, config, &r->config, err) < 0)
        return -1;
    if (!r->record.memory)
        return 0;
    r->memory = store_open_memory(w->store, &r->record, err);
    return r->memory < 0 ? -1 : 0;
}

static int verify_memory(struct work *w, struct reversion *r, struct err *err)
{
    char hash[sizeof r->record.memory_hash];
    long long size;

    if (!r->record.memory)
        return 0;
    control_progress(w->control, "verify", 0);
    if (digest_file(r->memory, w->control, hash, sizeof hash, &size, err) < 0)
        return -1;
    if (size != r->record.memory_size || strcmp(hash, r->record.memory_hash) != 0)
        return err_set(err, ERR_CORRUPT, "the memory image is not what was saved");
    return savefile_skip_header(r->memory, err);
}

static int verify_free_memory(struct work *w, const struct reversion *r, struct err *err)
{
    long long need, have;

    if (xl_config_need_memory(w->xl, r->config, &need, err) < 0 || xl_free_memory(w->xl, &have, err) < 0)
        return -1;
    have += r->reach.runs ? r->reach.domain.memory_kb : 0;
    if (have >= need)
        return 0;
    return err_set(err, ERR_XEN, "the host has %lld MiB of memory for it and the domain needs %lld MiB",
                   have >> 10, need >> 10);
}

static int check_domain(struct work *w, struct reversion *r, struct err *err)
{
    struct xl_intent intent = { .memory = r->record.memory, .switches = true };

    if (!r->reach.runs)
        return 0;
    if (w->begun.order.domid >= 0 && r->reach.domain.domid != (unsigned)w->begun.order.domid)
        return err_set(err, ERR_DOMAIN_GONE, "the domain has been started anew since it was asked for");
    if (reach_check_steady(&r->reach, err) < 0)
        return -1;
    if (r->reach.domain.life == XL_SHUT_DOWN)
        return err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended");
    return xl_config_check(w->xl, r->reach.domain.domid, r->config, intent, err);
}

static int verify(struct work *w, struct reversion *r, struct err *err)
{
    if (open_snapshot(w, r, err) < 0 || reach_open(&r->reach, w->xl, r->record.vm, w->control, err) < 0 ||
        torn_mend(w, &r->reach, err) < 0 || check_domain(w, r, err) < 0 || needs_check(w, r, err) < 0 ||
        verify_free_memory(w, r, err) < 0 || reversion_check_disks(w, r, err) < 0)
        return -1;
    return verify_memory(w, r, err);
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* Paused it can neither reboot nor power off, so nobody who looks after it acts while it is replaced. */
static int hold_domain(struct work *w, struct reversion *r, bool *paused_by_us, struct err *err)
{
    struct xl_domain *domain = &r->reach.domain;

    if (domain->life == XL_RUNNING) {
        if (work_step(w, "pause", JOURNAL_DURABLE, err) < 0)
            return -1;
        *paused_by_us = true;
        if (xl_pause(w->xl, domain->domid, err) < 0)
            return -1;
    }
    if (xl_look(w->xl, domain->domid, domain, err) < 0)
        return -1;
    if (domain->life != XL_PAUSED)
        return err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended");
    return control_cancelled(w->control) ? err_set(err, ERR_CANCELLED, "cancelled before it was destroyed") : 0;
}

/* Without memory it boots from its disks. */
static int bring_back(struct work *w, struct reversion *r, unsigned *domid, struct err *err)
{
    int rc = r->record.memory ? xl_restore(w->xl, r->config, r->memory, domid, err)
                              : xl_create(w->xl, r->config, domid, err);

    return rc < 0 ? -1 : care_begin(CARE_END, w->run, w->begun.order.vm, *domid, err);
}

/* Its configuration is the VM's. */
static int hand_over_vm(struct work *w, struct reversion *r, struct err *err)
{
    reversion_give_space(w);
    if (reversion_give_up_replaced(w, r, err) < 0 || vmconfig_save(w, r->config, err) < 0)
        return -1;
    return store_set_current(w->store, w->begun.order.vm, w->begun.snapshot, err);
}

/* The agent makes the new ~/snapshot, tells the guest that it was brought back, and sees to its monitor;
 * without an agent the next one finds the domain and the care file and does it then. */
static int hand_over(struct work *w, struct reversion *r, unsigned domid, struct err *err)
{
    struct msg msg = { .kind = MSG_RESTORED, .domid = (int)domid };

    if (hand_over_vm(w, r, err) < 0)
        return -1;
    memcpy(msg.snapshot, w->begun.snapshot, sizeof msg.snapshot);
    control_tell(w->control, &msg);
    return 0;
}

/* In a recovery it may run already, and Xen refuses to unpause it twice. */
static int let_run(struct work *w, unsigned domid, struct err *err)
{
    struct xl_domain domain;

    if (work_step(w, "unpause", JOURNAL_DURABLE, err) < 0)
        return -1;
    if (w->begun.order.request.start == START_PAUSED)
        return 0;
    if (xl_look(w->xl, domid, &domain, err) < 0)
        return -1;
    return domain.life == XL_PAUSED ? xl_unpause(w->xl, domid, err) : 0;
}

/* The domain is back; what is left over of the old one is no reason to call that a failure.  Where not even the step
 * can be written down the journal stays until a recovery can do it.  Always 0. */
static int tidy(struct work *w, struct reversion *r)
{
    struct err tidy_err;

    if (work_step(w, "tidy", JOURNAL_DURABLE, &tidy_err) < 0 || reversion_note_whole(w, r, &tidy_err) < 0 ||
        reversion_end(w, &tidy_err) < 0) {
        w->unsettled = true;
        work_warn(w, "what was replaced is still to be removed: %s", tidy_err.text);
        return 0;
    }
    if (reversion_drop_replaced(w, w->begun.order.request.start == START_RUNNING, &tidy_err) < 0)
        work_try_once_more(w, "what was replaced stays yet: %s", tidy_err.text);
    return 0;
}

/* The domain is whole: what fails now is for a recovery to go on with. */
static int finish(struct work *w, struct reversion *r, unsigned domid, struct err *err)
{
    w->unsettled = true;
    if (work_step(w, "handover", JOURNAL_DURABLE, err) < 0 || hand_over(w, r, domid, err) < 0 ||
        let_run(w, domid, err) < 0)
        return err_context(err, "the VM has the snapshot's state, but the revert could not be finished yet; that is "
                           "tried again by itself, before anything else is done with it");
    w->unsettled = false;
    return tidy(w, r);
}

/* ---- the order of it all --------------------------------------------------------------------------------- */

/* The disks and the domain of the snapshot. */
static int bring_new(struct work *w, struct reversion *r, const char *step, unsigned *domid, struct err *err)
{
    if (work_step(w, "disks", JOURNAL_DURABLE, err) < 0 || reversion_apply(w, r, err) < 0)
        return -1;
    return work_step(w, step, JOURNAL_DURABLE, err) < 0 ? -1 : bring_back(w, r, domid, err);
}

/* Everything after the point of no return, which is in the journal. */
static int go_back(struct work *w, struct reversion *r, const char *step, struct err *err)
{
    unsigned domid;

    /* Who still has the images when this fails may write to them: nothing is done with them until he has ended. */
    w->unsettled = true;
    if (r->reach.runs ? eviction_of_domain(w, r, err) < 0
                      : eviction_wait(r, err) < 0) /* the domain may have gone before its QEMU */
        return err_context(err, "the domain was stopped, and nothing else is done until what has its disks has ended");
    if (reversion_check_there(r, err) < 0)
        return err_context(err, "the domain was stopped");
    w->unsettled = false;
    if (bring_new(w, r, step, &domid, err) < 0)
        return way_back(w, r, err);
    return finish(w, r, domid, err);
}

/* Nothing was replaced yet: the domain goes on as it was.  If it cannot be let go, all of it is left for a recovery. */
static int give_up(struct work *w, struct reversion *r, bool paused_by_us, struct err *why)
{
    struct err err;

    w->control->committed = true;
    if (paused_by_us && xl_unpause(w->xl, r->reach.domain.domid, &err) < 0) {
        w->unsettled = true;
        err_context(why, "the domain could not be let go on: %s; before that", err.text);
        return -1;
    }
    if (paused_by_us)
        journal_let_go(w->journal);
    reach_close(&r->reach);
    if (reversion_forget(w, &err) < 0)
        work_try_once_more(w, "what was made for it stays yet: %s", err.text);
    return -1;
}

static int run(struct work *w, struct err *err)
{
    _cleanup_(reversion_deinit) struct reversion r = { .memory = -1 };
    bool paused = false;

    if (store_find(w->store, w->begun.order.vm, w->begun.order.request.name, &r.record, err) < 0 ||
        verify(w, &r, err) < 0 || work_begin(w, r.record.id, err) < 0)
        return -1;
    if (reversion_drop_late(w, &r.reach, err) < 0 || work_step(w, "prepare", JOURNAL_DURABLE, err) < 0 ||
        reversion_make_images(w, &r, err) < 0 || needs_check_images(w, &r, err) < 0 ||
        (r.reach.runs &&
         (hold_domain(w, &r, &paused, err) < 0 || work_step(w, "destroy", JOURNAL_DURABLE, err) < 0))) {
        reach_explain(&r.reach, w->xl, err);
        return give_up(w, &r, paused, err);
    }
    w->control->committed = true;
    reach_close(&r.reach);
    return go_back(w, &r, "restore", err);
}

static bool is_at(const struct journal_state *state, const char *step)
{
    return strcmp(state->step, step) == 0;
}

static bool reached(const struct journal_state *state, const char *step)
{
    size_t at = 0, now = 0;

    for (size_t i = 0; steps[i]; i++) {
        at = strcmp(steps[i], step) == 0 ? i + 1 : at;
        now = strcmp(steps[i], state->step) == 0 ? i + 1 : now;
    }
    return now >= at;
}

/* Somebody has started the VM before its disks were all replaced, or put back, and it has ended: what it has written is
 * there and nowhere else. */
static int leave_to_owner(struct work *w, struct err *err)
{
    if (images_note_leaving(w->store, w->begun.order.vm, NULL, 0, err) < 0)
        return -1;
    w->over = true;
    return err_set(err, ERR_INTERNAL, "the VM was started by somebody else before the revert was finished, and has "
                   "ended; its disks stay as they are, and what they held before the revert is kept inside them; "
                   "revert again, or start the VM");
}

/* A domain that somebody has started since is not ours to replace.  Where an older version began nothing tells it. */
static int check_ours(struct work *w, const struct reversion *r, const struct journal_state *state, struct err *err)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };
    struct err load_err;

    if (kept_load(&kept, w, &load_err) == 0)
        return r->reach.runs ? kept_check_ours(&kept, w, &r->reach.domain, err) : 0;
    w->by_hand = !reached(state, "handover") || !r->reach.runs;
    if (w->by_hand && w->begun.order.again)
        return err_set(err, ERR_CORRUPT, "a revert that could not be finished is not tried again by itself");
    return 0;
}

/* The new domain was let go on, by us or by its owner, and has ended: what it has written since is the VM's.  In the
 * moment between the step and the guest a host may have lost its power: then there is nothing that it has written. */
static bool has_run(struct work *w, const struct reversion *r, const struct journal_state *state)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };
    bool let_go = strstr(state->steps, "unpause ");
    struct err err;

    if (kept_load(&kept, w, &err) < 0)
        return false;
    if (r->reach.runs)
        return let_go && kept_check_ours(&kept, w, &r->reach.domain, &err) < 0 && err.code == ERR_BUSY;
    return (let_go && kept.this_boot) || reversion_written_since(r, state->written);
}

/* It is not brought back a second time. */
static int finish_without(struct work *w, struct reversion *r, struct err *err)
{
    work_warn(w, "the domain has ended since it was brought back, and is not started again");
    w->unsettled = true;
    if (hand_over_vm(w, r, err) < 0)
        return -1;
    w->unsettled = false;
    return tidy(w, r);
}

/* Whether the domain stands still by our doing.  Another of this VM's that is paused is so by somebody else's. */
static bool is_held(struct work *w, const struct reversion *r, const struct journal_state *state)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };
    struct err err;

    if (!r->reach.runs || !state->paused || r->reach.domain.life != XL_PAUSED)
        return false;
    return kept_load(&kept, w, &err) < 0 || kept.domid == (int)r->reach.domain.domid;
}

static int recover(struct work *w, const struct journal_state *state, struct err *err)
{
    _cleanup_(reversion_deinit) struct reversion r = { .memory = -1 };
    int found = xl_find(w->xl, w->begun.order.vm, &r.reach.domain, err);

    w->control->committed = true;
    if (found < 0)
        return -1;
    r.reach.runs = found > 0;
    if (!reached(state, "destroy")) {
        err_set(err, ERR_INTERNAL, "the operation was interrupted; nothing was changed");
        return give_up(w, &r, is_held(w, &r, state), err);
    }
    if (store_find(w->store, w->begun.order.vm, state->begun.snapshot, &r.record, err) < 0)
        return -1;
    if (is_at(state, "tidy"))
        return tidy(w, &r);
    if (is_at(state, "disks-back") || is_at(state, "was-put-back"))
        return way_back_recover(w, &r, state, err);
    if (state->others && !r.reach.runs && !reached(state, "handover"))
        return leave_to_owner(w, err);
    if (is_at(state, "put-back"))
        return way_back_recover(w, &r, state, err);
    if (reached(state, "handover") && !is_at(state, "restore-again") && reversion_read_next(w, &r, err) == 0 &&
        has_run(w, &r, state))
        return finish_without(w, &r, err);
    if (check_ours(w, &r, state, err) < 0)
        return -1;
    if (open_snapshot(w, &r, err) < 0 || (r.record.memory && savefile_skip_header(r.memory, err) < 0) ||
        reversion_read_next(w, &r, err) < 0)
        return -1;
    if (is_at(state, "restore-again")) {
        err_set(err, ERR_INTERNAL, "starting it was broken off twice");
        return way_back(w, &r, err);
    }
    /* The domain is whole and was only not told, or not let go. */
    if (r.reach.runs && reached(state, "handover"))
        return care_begin(CARE_END, w->run, w->begun.order.vm, r.reach.domain.domid, err) < 0
                   ? -1
                   : finish(w, &r, r.reach.domain.domid, err);
    /* What there is now is the domain that was to be destroyed, or a half of the one that was to come. */
    w->unsettled = true;
    if (r.reach.runs && work_step(w, "destroy", JOURNAL_DURABLE, err) < 0)
        return -1;
    return go_back(w, &r, reached(state, "restore") ? "restore-again" : "restore", err);
}

const struct op op_revert = { OPERATION_REVERT, steps, "tidy", run, recover };
