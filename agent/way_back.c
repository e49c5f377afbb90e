/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "way_back.h"

#include <stdio.h>
#include <string.h>

#include "care.h"
#include "cleanup.h"
#include "control.h"
#include "eviction.h"
#include "journal.h"
#include "kept.h"
#include "log.h"
#include "op.h"
#include "reversion.h"
#include "vmconfig.h"
#include "xl.h"

/* What there is of a new domain goes.  Then nobody has the images that are to be written to. */
static int clear_away(struct work *w, struct reversion *r, const struct kept *kept, struct err *err)
{
    int found = xl_find(w->xl, w->begun.order.vm, &r->reach.domain, err);

    if (found < 0 || (found > 0 && kept_check_ours(kept, w, &r->reach.domain, err) < 0))
        return -1;
    r->reach.runs = found > 0;
    return r->reach.runs ? eviction_of_domain(w, r, err) : eviction_wait(r, err);
}

/* It boots from its disks: what a domain had in its memory has gone with it. */
static int start_kept(struct work *w, const struct kept *kept, struct err *err)
{
    unsigned domid;

    return strcmp(kept->state, "stopped") == 0 ? 0 : xl_create(w->xl, kept->config, &domid, err);
}

/* Somebody has to see to the domain when it ends, and the agent has to know it.  One that was LET_GO already and stands
 * still was paused by its owner. */
static int let_kept_go(struct work *w, const struct kept *kept, const struct xl_domain *domain, bool let_go,
                       struct err *err)
{
    struct msg msg = { .kind = MSG_RESTORED, .domid = (int)domain->domid };

    if (care_begin(CARE_END, w->run, w->begun.order.vm, domain->domid, err) < 0)
        return -1;
    control_tell(w->control, &msg);
    if (let_go || strcmp(kept->state, "running") != 0)
        return 0;
    if (domain->life == XL_PAUSED && xl_unpause(w->xl, domain->domid, err) < 0)
        return -1;
    journal_let_go(w->journal); /* also of one that its owner has let go before us */
    return 0;
}

/* 1: that domain is one that this operation has made. */
static int is_ours(struct work *w, const struct kept *kept, const struct xl_domain *domain, struct err *err)
{
    if (strcmp(kept->state, "stopped") == 0)
        return 0;
    return kept_check_ours(kept, w, domain, err) == 0 ? 1 : err->code == ERR_BUSY ? 0 : -1;
}

/* The domain is there, if it was there before. */
static int leave_kept(struct work *w, const struct kept *kept, bool let_go, struct err *err)
{
    struct xl_domain domain;
    struct err tidy_err;
    int found, ours;

    if (work_step(w, "was-put-back", JOURNAL_DURABLE, err) < 0)
        return -1;
    found = xl_find(w->xl, w->begun.order.vm, &domain, err);
    ours = found > 0 ? is_ours(w, kept, &domain, err) : found;
    if (ours < 0 || (ours > 0 && let_kept_go(w, kept, &domain, let_go, err) < 0))
        return -1;
    if (reversion_end(w, &tidy_err) < 0) {
        w->unsettled = true;
        work_warn(w, "what was kept for the revert stays yet: %s", tidy_err.text);
        return 0;
    }
    if (reversion_drop_replaced(w, found > 0 && domain.life != XL_PAUSED, &tidy_err) < 0)
        work_try_once_more(w, "what was made for it stays yet: %s", tidy_err.text);
    return 0;
}

static int put_back_disks(struct work *w, struct reversion *r, struct kept *kept, struct err *err)
{
    reversion_give_space(w);
    if (work_step(w, "put-back", JOURNAL_DURABLE, err) < 0 || clear_away(w, r, kept, err) < 0 ||
        reversion_put_back(w, r, kept->config, err) < 0)
        return -1;
    xl_config_free(r->config);
    r->config = kept->config;
    kept->config = NULL;
    if (eviction_wait(r, err) < 0 || vmconfig_save(w, r->config, err) < 0)
        return -1;
    kept->config = r->config;
    r->config = NULL;
    return 0;
}

/* How far the way back went. */
struct way {
    bool disks; /* all of them are what they were */
    bool there; /* so is the domain, if there was one */
};

/* From here on no content is written any more: the domain may run, by its owner's hand, before it was let go on. */
static int go_on_from_disks(struct work *w, const struct kept *kept, bool start, struct way *way, struct err *err)
{
    struct err end_err;

    if (work_step(w, "disks-back", JOURNAL_DURABLE, err) < 0)
        return -1;
    if (reversion_end(w, &end_err) < 0)
        log_warning("%s", end_err.text); /* leave_kept() does it again */
    if (start && start_kept(w, kept, err) < 0)
        return -1;
    way->there = true;
    return leave_kept(w, kept, false, err);
}

static int go_all_the_way_back(struct work *w, struct reversion *r, struct kept *kept, struct way *way,
                               struct err *err)
{
    if (kept_load(kept, w, err) < 0 || put_back_disks(w, r, kept, err) < 0)
        return -1;
    way->disks = true;
    return go_on_from_disks(w, kept, true, way, err);
}

/* Why it failed, and what there is then.  Nobody tries again by himself, unless it is another's end that is waited for,
 * or a domain that only has to be let go.  Always -1: WHY is why the snapshot's state was not to be had, and becomes
 * the whole story. */
static int tell_way_back(struct work *w, const struct kept *kept, const struct way *way, int rc,
                         const struct err *err, struct err *why)
{
    if (rc == 0) {
        w->over = !w->unsettled;
        return err_context(why, "the VM is %s again as it was before%s; the snapshot's state could not be started",
                           kept->state, strcmp(kept->state, "stopped") == 0 ? "" : ", booted from its disks");
    }
    w->unsettled = err->code == ERR_BUSY || way->there;
    w->over = !w->unsettled;
    if (w->unsettled)
        why->code = ERR_BUSY;
    if (way->there)
        return err_context(why, "the VM is as it was before, but could not be let go on yet (%.100s), which is tried "
                           "again; the snapshot's state could not be started", err->text);
    return err_context(why, "the VM is stopped: what it was before cannot be started either (%.100s); both are kept; "
                       "%s; the snapshot's state", err->text,
                       w->unsettled ? "it is started when that has ended" :
                       way->disks ? "when the cause is gone, revert again or start the VM"
                                  : "its disks are not all what they were, so do not start it; when the cause is gone, "
                                    "revert again");
}

int way_back(struct work *w, struct reversion *r, struct err *why)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };
    struct way way = { .disks = false };
    struct err err;
    int rc = go_all_the_way_back(w, r, &kept, &way, &err);

    return tell_way_back(w, &kept, &way, rc, &err, why);
}

/* The disks are what they were.  A domain that stands still was built by halves, or not let go; one that runs was let
 * go by its owner, and is as good as any. */
static int recover_start(struct work *w, struct reversion *r, const struct journal_state *state, struct err *why)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };
    struct way way = { .disks = true };
    bool start = !state->others;
    struct err err;
    int rc = kept_load(&kept, w, &err), ours;

    if (rc == 0 && r->reach.runs) {
        ours = is_ours(w, &kept, &r->reach.domain, &err);
        start = ours > 0 && r->reach.domain.life == XL_PAUSED;
        rc = ours < 0 ? -1 : 0;
    }
    r->config = kept.config; /* whose disks nobody may have */
    if (rc == 0 && start && r->reach.runs)
        rc = eviction_of_domain(w, r, &err);
    r->config = NULL;
    if (rc == 0)
        rc = go_on_from_disks(w, &kept, start, &way, &err);
    return tell_way_back(w, &kept, &way, rc, &err, why);
}

/* The way back was broken off. */
int way_back_recover(struct work *w, struct reversion *r, const struct journal_state *state, struct err *err)
{
    _cleanup_(kept_deinit) struct kept kept = { .config = NULL };

    err_set(err, ERR_INTERNAL, "the operation was interrupted");
    if (strcmp(state->step, "put-back") == 0)
        return reversion_read_next(w, r, err) < 0 ? -1 : way_back(w, r, err);
    if (strcmp(state->step, "disks-back") == 0)
        return recover_start(w, r, state, err);
    if (kept_load(&kept, w, err) < 0)
        memcpy(kept.state, "stopped", sizeof "stopped");
    if (leave_kept(w, &kept, state->let_go, err) < 0)
        return -1;
    return err_set(err, ERR_INTERNAL, "the snapshot's state could not be started; the VM is as it was before");
}
