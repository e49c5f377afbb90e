/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "clock.h"
#include "doorbell.h"
#include "errors.h"
#include "say.h"
#include "xenstore.h"

/* qemu-ga's hooks work unchanged; ours come behind them. */
static const char *const directories[] = { "/etc/qemu/fsfreeze-hook.d", "/etc/xensnap/freeze.d" };

/* Of the time after which we thaw by ourselves, hooks may take a third; dom0 waits for half of it. */
enum { HOOKS_SHARE = 3 };

static int hook_seconds(const struct session *session)
{
    return session->seconds < HOOKS_SHARE ? 1 : session->seconds / HOOKS_SHARE;
}

/* Hooks take a while, in which dom0 may have thought better of it. */
static bool is_still_asked(const struct session *session)
{
    _cleanup_(freep) char *text = xenstore_read(session->xs, NODE_QUIESCE_ACTION, NULL);
    struct quiesce_action action;

    return text && quiesce_parse_action(&action, text) && action.freeze && strcmp(action.token, session->token) == 0;
}

static int freeze(struct session *session, struct err *err)
{
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        hooks_find(&session->hooks, directories[i]);
    if (hooks_freeze(&session->hooks, hook_seconds(session), err) < 0 || freezer_open(session->freezer, err) < 0)
        return -1;
    if (!is_still_asked(session))
        return err_set(err, ERR_CANCELLED, "dom0 has taken it back");
    if (guard_start(&session->guard, session->freezer, session->token, session->seconds, err) < 0 ||
        freezer_freeze(session->freezer, session->deadline, err) < 0)
        return -1;
    if (session->freezer->frozen == 0 && session->hooks.count == 0)
        return err_set(err, ERR_UNSUPPORTED, "there is no file system that can be frozen, and no hook");
    return 0;
}

int session_init(struct session *session, struct xenstore *xs, struct err *err)
{
    void *memory = mmap(NULL, sizeof *session->freezer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return err_errno(err, "mmap");
    *session = (struct session){ .xs = xs, .freezer = memory, .guard.line = -1 };
    return 0;
}

void session_begin(struct session *session, const struct quiesce_action *action, const struct session_log *log)
{
    struct err err = { 0 };
    unsigned port = 0;

    *session = (struct session){
        .xs = session->xs,
        .freezer = session->freezer,
        .active = true,
        .seconds = action->seconds,
        .deadline = clock_ms() + action->seconds * 1000LL,
        .guard.line = -1,
    };
    memcpy(session->token, action->token, sizeof session->token);
    session->bell = doorbell_offer(&port);
    if (session->bell)
        say_port(session->xs, port);
    if (freeze(session, &err) < 0) {
        session_end(session, SESSION_BROKEN_OFF, err.text, log);
        return;
    }
    say_answer(session->xs, QUIESCE_FROZEN, session->token, (int)session->hooks.count);
    doorbell_ring(session->bell);
}

static void tell(const struct session *session, enum session_end end, const char *why, const struct session_log *log)
{
    char text[512];

    if (end == SESSION_ASKED) {
        snprintf(text, sizeof text, "%s: thawed %zu file systems; %zu hooks", session->token,
                 session->freezer->frozen, session->hooks.count);
        log->said(text);
    } else {
        snprintf(text, sizeof text, "%s: not frozen any more: %s", session->token, why);
        log->failed(text);
    }
}

void session_end(struct session *session, enum session_end end, const char *why, const struct session_log *log)
{
    if (end == SESSION_ASKED && clock_ms() >= session->deadline) { /* if we were held up, our guard has thawed */
        end = SESSION_BROKEN_OFF;
        why = "dom0 asked to thaw too late";
    }
    freezer_thaw(session->freezer);
    guard_end(&session->guard);
    if (end == SESSION_ASKED)
        say_answer(session->xs, QUIESCE_THAWED, session->token, 0);
    else
        say_failed(session->xs, session->token, why);
    doorbell_ring(session->bell);
    tell(session, end, why, log);
    freezer_close(session->freezer);
    hooks_thaw(&session->hooks, hook_seconds(session), log->failed);
    if (session->bell)
        say_port(session->xs, 0);
    session->bell = doorbell_close(session->bell);
    session->active = false;
}
