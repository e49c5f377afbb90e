/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's xl_destroy() and xl_wait_end(). */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "qemu.h"
#include "reaper.h"
#include "table.h"
#include "tree.h"

static void remove_sockets(unsigned domid)
{
    static const char *const monitors[] = { "qmp-libxl", "qmp-libxenstat" };
    char path[DOUBLE_PATH];

    for (size_t i = 0; i < sizeof monitors / sizeof *monitors; i++) {
        snprintf(path, sizeof path, "%s/%s-%u", getenv("XEN_RUN_DIR"), monitors[i], domid);
        unlink(path);
    }
}

static int set_dying(unsigned domid, struct err *err)
{
    _cleanup_(closep) int held = -1;
    struct guest guest;

    if (table_hold(domid, &guest, &held, err) < 0)
        return 0;
    guest.dying = true;
    return table_put(&guest, err);
}

/* In libxl's order: paused, QEMU told to exit, nodes, stored configuration and sockets removed, dying. */
int xl_destroy(struct xl *xl, unsigned domid, struct err *err)
{
    char path[DOUBLE_PATH];
    struct guest guest;

    if (!table_read(domid, &guest))
        return err_set(err, ERR_DOMAIN_GONE, "destroying the domain: the domain is gone");
    if (tree_open(xl, err) < 0 || xl_pause(xl, domid, err) < 0 || reaper_start(domid, err) < 0)
        return -1;
    tree_remove(xl, domid);
    double_path(path, "userdata/%u", domid);
    unlink(path);
    remove_sockets(domid);
    return set_dying(domid, err);
}

/* ---- waiting for it ------------------------------------------------------------------------------------- */

static enum xl_end end_of(const char *reason)
{
    static const struct { const char *word; enum xl_end end; } ends[] = {
        { "reboot", XL_END_REBOOT }, { "suspend", XL_END_SUSPEND }, { "crash", XL_END_CRASH },
        { "watchdog", XL_END_WATCHDOG }, { "soft_reset", XL_END_SOFT_RESET },
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(ends[i].word, reason) == 0)
            return ends[i].end;
    return XL_END_POWEROFF;
}

static bool has_ended(struct xl *xl, unsigned domid, enum xl_end *end)
{
    struct guest guest;

    if (!table_read(domid, &guest) || guest.dying) {
        *end = XL_END_DESTROYED;
        return true;
    }
    *end = end_of(guest.shutdown);
    if (*guest.shutdown == '-' || *end != XL_END_SUSPEND) {
        xl->suspend_reported = ~0u;
        return *guest.shutdown != '-';
    }
    if (xl->suspend_reported == domid)
        return false;
    xl->suspend_reported = domid;
    return true;
}

int xl_wait_end(struct xl *xl, unsigned domid, int seconds, enum xl_end *end, struct err *err)
{
    long long told = seconds * 1000LL, most = double_setting("wait-ms", told);
    long long deadline = clock_ms() + (told < most ? told : most);
    _cleanup_(closep) int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd pollfd = { .fd = changes, .events = POLLIN };
    char path[DOUBLE_PATH], events[4096];

    double_path(path, "xen");
    if (inotify_add_watch(changes, path, IN_MOVED_TO | IN_DELETE) < 0)
        return err_errno(err, "cannot watch for the domain's shutdown");
    while (!has_ended(xl, domid, end)) {
        long long left = seconds < 0 ? -1 : deadline - clock_ms();

        if (seconds >= 0 && left <= 0) {
            *end = XL_END_TIMEOUT;
            return 0;
        }
        if (poll(&pollfd, 1, (int)left) < 0 && errno != EINTR)
            return err_errno(err, "poll");
        while (read(changes, events, sizeof events) > 0)
            ;
    }
    return 0;
}
