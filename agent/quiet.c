/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quiet.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "doorbell.h"
#include "log.h"
#include "quiesce.h"
#include "quiesce_tree.h"
#include "xenstore.h"

/* A guest that writes all the time makes a transaction fail and a watch fire all the time: both have an end. */
enum { TRIES = 100, EVENTS = 100, ERROR_MAX_BYTES = 160 };

struct quiet {
    struct xenstore *xs;
    struct control *control;
    struct doorbell *bell;
    bool dialled; /* once is enough: the port is the guest's word */
    unsigned domid;
    char token[REQUEST_ID_MAX + 1];
    long long frozen_since;
    int hooks;
};

static struct quiet *quiet_free(struct quiet *quiet)
{
    if (quiet) {
        doorbell_close(quiet->bell);
        if (quiet->xs)
            xenstore_close(quiet->xs);
        free(quiet);
    }
    return NULL;
}

static char *read_node(struct xenstore *xs, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    return xenstore_read(xs, path, NULL);
}

int quiet_check(unsigned domid, struct err *err)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    _cleanup_(freep) char *feature = NULL;

    if (xenstore_open(&xs, err) < 0)
        return -1;
    feature = read_node(xs, domid, NODE_QUIESCE_FEATURE);
    if (feature && strcmp(feature, "1") == 0)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "the guest cannot freeze its file systems: xensnap-guestd does not run in it");
}

/* ---- what dom0 says ------------------------------------------------------------------------------------ */

static int ask_freeze(struct quiet *quiet, struct err *err)
{
    struct quiesce_action action = { .freeze = true, .seconds = QUIET_SECONDS };
    char path[XS_PATH_SIZE], epoch[XS_PATH_SIZE], text[QUIESCE_TEXT_SIZE];
    bool done;
    int tries = 0;

    memcpy(action.token, quiet->token, sizeof action.token);
    quiesce_format_action(&action, text);
    path_domain(path, quiet->domid, NODE_QUIESCE_ACTION, NULL, NULL);
    path_domain(epoch, quiet->domid, NODE_EPOCH, NULL, NULL);
    do {
        if (xenstore_begin(quiet->xs) < 0)
            return err_errno(err, "cannot write to xenstore");
        if (!xenstore_exists(quiet->xs, epoch)) {
            xenstore_abort(quiet->xs);
            return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
        }
        quiesce_tree_clear(quiet->xs, quiet->domid);
        xenstore_write(quiet->xs, path, text);
        done = xenstore_commit(quiet->xs);
    } while (!done && errno == EAGAIN && ++tries < TRIES);
    return done ? 0 : err_errno(err, "cannot ask the guest to freeze its file systems");
}

/* Only where the freeze stands that it is about: by now there may be another domain, or none. */
static void ask_thaw(struct xenstore *xs, unsigned domid, const char *token)
{
    struct quiesce_action thaw = { .freeze = false };
    char path[XS_PATH_SIZE], text[QUIESCE_TEXT_SIZE];
    int tries = 0;

    snprintf(thaw.token, sizeof thaw.token, "%s", token);
    quiesce_format_action(&thaw, text);
    path_domain(path, domid, NODE_QUIESCE_ACTION, NULL, NULL);
    do {
        struct quiesce_action is;
        _cleanup_(freep) char *action = NULL;

        if (xenstore_begin(xs) < 0)
            return;
        action = xenstore_read(xs, path, NULL);
        if (!action || !quiesce_parse_action(&is, action) || !is.freeze || strcmp(is.token, token) != 0) {
            xenstore_abort(xs);
            return;
        }
        xenstore_write(xs, path, text);
    } while (!xenstore_commit(xs) && errno == EAGAIN && ++tries < TRIES);
}

void quiet_recover(unsigned domid, const char *token)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    struct err err;

    if (xenstore_open(&xs, &err) < 0)
        log_error("domain %u: it cannot be asked to thaw its file systems, and does it by itself: %s", domid, err.text);
    else
        ask_thaw(xs, domid, token);
}

/* ---- what the guest says ------------------------------------------------------------------------------- */

static void dial(struct quiet *quiet)
{
    _cleanup_(freep) char *text = quiet->dialled ? NULL : read_node(quiet->xs, quiet->domid, NODE_QUIESCE_PORT);
    unsigned port;

    if (!text || !*text)
        return;
    quiet->dialled = true;
    if (quiesce_parse_port(&port, text))
        quiet->bell = doorbell_dial(quiet->domid, port);
}

static bool read_answer(struct quiet *quiet, struct quiesce_answer *answer)
{
    _cleanup_(freep) char *text = read_node(quiet->xs, quiet->domid, NODE_QUIESCE_STATUS);

    return text && quiesce_parse_answer(answer, text) && strcmp(answer->token, quiet->token) == 0;
}

/* Events only say that it is worth looking. */
static int hear(struct quiet *quiet, long long deadline, struct err *err)
{
    struct pollfd fds[] = { { .fd = xenstore_fd(quiet->xs), .events = POLLIN },
                            { .fd = control_fd(quiet->control), .events = POLLIN },
                            { .fd = doorbell_fd(quiet->bell), .events = POLLIN } };
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];
    long long left = deadline - clock_ms();

    if (left <= 0)
        return err_set(err, ERR_GUEST_TIMEOUT, "the guest does not answer");
    if (poll(fds, sizeof fds / sizeof *fds, (int)left) < 0 && errno != EINTR)
        return err_errno(err, "poll");
    for (int i = 0; fds[0].revents && i < EVENTS && xenstore_next_event(quiet->xs, path, token); i++)
        continue;
    if (fds[1].revents)
        control_read(quiet->control);
    if (fds[2].revents)
        doorbell_heard(quiet->bell);
    if (control_cancelled(quiet->control))
        return err_set(err, ERR_CANCELLED, "cancelled while waiting for the guest");
    return 0;
}

static int wait_answer(struct quiet *quiet, struct quiesce_answer *answer, bool beyond_frozen, int seconds,
                       struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;

    for (;;) {
        dial(quiet);
        if (read_answer(quiet, answer) && (answer->word != QUIESCE_FROZEN || !beyond_frozen))
            return 0;
        if (hear(quiet, deadline, err) < 0)
            return -1;
    }
}

/* Its own words, if they can be shown. */
static void read_error(struct quiet *quiet, char text[ERROR_MAX_BYTES + 1])
{
    _cleanup_(freep) char *error = read_node(quiet->xs, quiet->domid, NODE_QUIESCE_ERROR);
    bool shown = error && *error && strlen(error) <= ERROR_MAX_BYTES && description_valid(error);

    snprintf(text, ERROR_MAX_BYTES + 1, "%s", shown ? error : "it does not say why");
}

/* ---- a freeze ------------------------------------------------------------------------------------------ */

static int freeze(struct quiet *quiet, struct err *err)
{
    struct quiesce_answer answer;
    char path[XS_PATH_SIZE], error[ERROR_MAX_BYTES + 1];

    path_domain(path, quiet->domid, NODE_QUIESCE, NULL, NULL);
    if (xenstore_watch(quiet->xs, path, "quiesce") < 0)
        return err_errno(err, "cannot watch %s", path);
    if (ask_freeze(quiet, err) < 0)
        return -1;
    if (wait_answer(quiet, &answer, false, QUIET_FREEZE_SECONDS, err) < 0)
        return err_context(err, "freezing the guest's file systems");
    if (answer.word == QUIESCE_FROZEN) {
        quiet->frozen_since = clock_ms();
        quiet->hooks = answer.hooks;
        return 0;
    }
    read_error(quiet, error);
    return err_set(err, ERR_UNSUPPORTED, "the guest could not freeze its file systems: %s", error);
}

int quiet_begin(struct quiet **out, struct control *control, unsigned domid, const char *token, struct err *err)
{
    struct quiet *quiet = calloc(1, sizeof *quiet);

    if (!quiet)
        return err_set(err, ERR_IO, "out of memory");
    quiet->control = control;
    quiet->domid = domid;
    snprintf(quiet->token, sizeof quiet->token, "%s", token);
    if (xenstore_open(&quiet->xs, err) < 0 || freeze(quiet, err) < 0) {
        quiet_drop(quiet);
        return -1;
    }
    *out = quiet;
    return 0;
}

/* The bell first: the guest thaws when it hears it, without a look into xenstore. */
static void release(struct quiet *quiet)
{
    doorbell_ring(quiet->bell);
    ask_thaw(quiet->xs, quiet->domid, quiet->token);
}

int quiet_end(struct quiet **held, struct quieted *was, struct err *err)
{
    struct quiet *quiet = *held;
    struct quiesce_answer answer;
    char error[ERROR_MAX_BYTES + 1];
    int rc;

    bool early = read_answer(quiet, &answer) && answer.word == QUIESCE_THAWED; /* before it was asked to */

    *held = NULL;
    release(quiet);
    rc = wait_answer(quiet, &answer, true, QUIET_THAW_SECONDS, err);
    if (rc == 0 && early)
        rc = err_set(err, ERR_GUEST_TIMEOUT, "the guest thawed its file systems before it was asked to");
    else if (rc < 0)
        err_context(err, "thawing the guest's file systems");
    else if (answer.word != QUIESCE_THAWED) {
        read_error(quiet, error);
        rc = err_set(err, ERR_GUEST_TIMEOUT, "the guest's file systems did not stay frozen: %s", error);
    }
    *was = (struct quieted){ .frozen_ms = (int)(clock_ms() - quiet->frozen_since), .hooks = quiet->hooks };
    quiet_free(quiet);
    return rc;
}

struct quiet *quiet_drop(struct quiet *quiet)
{
    if (quiet && quiet->xs)
        release(quiet);
    return quiet_free(quiet);
}
