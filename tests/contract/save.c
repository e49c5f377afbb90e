/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences about saves, and what comes of them. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "clock.h"
#include "sentences.h"
#include "xenstore.h"

enum { GONE_SECONDS = 30, ROOM = 256 << 10 };

/* ---- saving ------------------------------------------------------------------------------------------------------ */

bool save_stopped(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved) && saved.sent_pages && saved.suspended_ms);
    MUST(stage_life(s) == XL_SUSPENDED && xl_is_built(s->xl, s->domid));
    MUST(stage_qemu_runs(s) == !s->hvm);
    MUST(stage_snapshot(s));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING && stage_qemu_runs(s));
    return true;
}

/* "Images inactive". */
bool save_live(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    if (!s->hvm) {
        /* libxl takes any failure before the suspend for the guest's */
        MUST(!stage_save(s, fd, XL_SAVE_LIVE, &saved) && s->err.code == ERR_GUEST_TIMEOUT);
        MUST(!saved.sent_pages && !saved.suspended_ms && stage_life(s) == XL_RUNNING);
        return true;
    }
    MUST(stage_save(s, fd, XL_SAVE_LIVE, &saved) && stage_life(s) == XL_SUSPENDED);
    MUST(!stage_snapshot(s) && s->err.code == ERR_QEMU);
    MUST(stage_qemu_goes_on(s) && stage_life(s) == XL_SUSPENDED && stage_snapshot(s));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

bool save_live_resumed(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, s->hvm ? XL_SAVE_LIVE : XL_SAVE_STOPPED, &saved));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_qemu_runs(s) && stage_snapshot(s));
    return true;
}

bool save_paused_meanwhile(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved));
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_SUSPENDED);
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

/* Some of it finds room. */
bool save_no_space(struct stage *s)
{
    struct rlimit before, little = { .rlim_cur = ROOM, .rlim_max = RLIM_INFINITY };
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;
    enum xl_life life;
    int rc;

    unlink(path);
    signal(SIGXFSZ, SIG_IGN);
    MUST(getrlimit(RLIMIT_FSIZE, &before) == 0 && setrlimit(RLIMIT_FSIZE, &little) == 0);
    rc = xl_save(s->xl, s->domid, fd, XL_SAVE_STOPPED, &saved, &s->err);
    MUST(setrlimit(RLIMIT_FSIZE, &before) == 0 && rc < 0);
    MUST(s->err.code == ERR_XEN || s->err.code == ERR_GUEST_TIMEOUT);
    life = stage_life(s);
    MUST(life == XL_RUNNING || life == XL_SUSPENDED);
    MUST(life == XL_RUNNING || (xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING));
    return true;
}

bool save_no_first_byte(struct stage *s)
{
    MUST(stage_fails(s, "save", "/dev/full"));
    MUST(stage_life(s) == XL_RUNNING && xl_is_built(s->xl, s->domid) && stage_qemu_runs(s));
    return true;
}

static bool is_suspended(struct stage *s)
{
    return stage_life(s) == XL_SUSPENDED;
}

bool save_killed(struct stage *s)
{
    char path[64];
    int pipe = stage_pipe(path);
    bool killed = pipe >= 0 && stage_kill(s, "save", path, is_suspended);

    close(pipe); /* and what libxl has started for the save ends */
    unlink(path);
    MUST(killed);
    MUST(stage_life(s) == XL_SUSPENDED && xl_is_built(s->xl, s->domid));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING && stage_snapshot(s));
    return true;
}

bool end_tells_suspend_once(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;
    enum xl_end end;

    unlink(path);
    for (int i = 0; i < 2; i++) {
        MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved));
        MUST(xl_wait_end(s->xl, s->domid, 10, &end, &s->err) == 0 && end == XL_END_SUSPEND);
        MUST(xl_wait_end(s->xl, s->domid, 1, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
        MUST(xl_resume(s->xl, s->domid, &s->err) == 0);
        MUST(xl_wait_end(s->xl, s->domid, 0, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
    }
    return true;
}

/* An event of that watch comes in some seconds. */
static bool told(struct stage *s, struct xenstore *xs, const char *token)
{
    char path[XS_PATH_SIZE], what[XS_PATH_SIZE];
    long long deadline = clock_ms() + 5000, left;

    (void)s;
    while ((left = deadline - clock_ms()) > 0) {
        struct pollfd input = { .fd = xenstore_fd(xs), .events = POLLIN };

        while (xenstore_next_event(xs, path, what))
            if (strcmp(what, token) == 0)
                return true;
        poll(&input, 1, (int)left);
    }
    return false;
}

bool watched(struct stage *s)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(xenstore_open(&xs, &s->err) == 0 && xenstore_watch(xs, "@releaseDomain", "ended") == 0);
    MUST(told(s, xs, "ended"));
    for (int i = 0; i < 2; i++) {
        MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved) && told(s, xs, "ended"));
        MUST(xl_resume(s->xl, s->domid, &s->err) == 0);
    }
    MUST(xl_destroy(s->xl, s->domid, &s->err) == 0 && told(s, xs, "ended"));
    MUST(stage_gone(s, s->domid, GONE_SECONDS));
    MUST(xenstore_watch(xs, "@introduceDomain", "begun") == 0 && told(s, xs, "begun"));
    MUST(stage_create(s) && told(s, xs, "begun"));
    return true;
}
