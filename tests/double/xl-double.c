/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's calls about domains that are there. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "qemu.h"
#include "table.h"

enum { ENDING_SECONDS = 30, SUCCESSOR_SECONDS = 5, QMP_SECONDS = 60 };

int xl_open(struct xl **out, struct control *control, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(err, ERR_IO, "out of memory");
    (*out)->control = control;
    (*out)->suspend_reported = ~0u;
    return 0;
}

struct xl *xl_close(struct xl *xl)
{
    if (xl && xl->xs)
        xs_close(xl->xs);
    free(xl);
    return NULL;
}

const char *xl_version(const struct xl *xl)
{
    (void)xl;
    return "double";
}

bool xl_daemon_ends_at_suspend(const struct xl *xl)
{
    (void)xl;
    return double_setting("xl-ends-at-suspend", 0);
}

int xl_look(struct xl *xl, unsigned domid, struct xl_domain *domain, struct err *err)
{
    struct guest guest;

    (void)xl;
    if (!table_read(domid, &guest))
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    table_describe(&guest, domain);
    return 0;
}

/* One that dies may have its successor beside it already. */
int xl_find(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err)
{
    struct guest guests[GUESTS_MAX];
    size_t count = table_list(guests);
    int found = 0;

    (void)xl, (void)err;
    for (size_t i = 0; i < count; i++)
        if (strcmp(guests[i].uuid, uuid) == 0 && !(found && guests[i].dying)) {
            table_describe(&guests[i], domain);
            found = 1;
        }
    return found;
}

bool xl_is_built(struct xl *xl, unsigned domid)
{
    struct xl_config *config = double_stored(domid);
    bool built = config;

    (void)xl;
    xl_config_free(config);
    return built;
}

int xl_find_settled(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err)
{
    long long deadline = clock_ms() + ENDING_SECONDS * 1000, last_seen = clock_ms();

    for (;;) {
        int found = xl_find(xl, uuid, domain, err);
        bool ending = found > 0 && (domain->life == XL_DYING || domain->life == XL_SHUT_DOWN);

        if (found < 0 || (found > 0 && !ending && xl_is_built(xl, domain->domid)) || clock_ms() > deadline)
            return found;
        if (found > 0)
            last_seen = clock_ms();
        else if (clock_ms() - last_seen > SUCCESSOR_SECONDS * 1000)
            return 0;
        xl_let_pass(xl, 50, err);
    }
}

int xl_let_pass(struct xl *xl, int ms, struct err *err)
{
    struct pollfd pollfd = { .fd = xl->control ? control_fd(xl->control) : -1, .events = POLLIN };

    (void)err;
    if (poll(&pollfd, 1, ms) > 0)
        control_read(xl->control);
    return 0;
}

int xl_pause(struct xl *xl, unsigned domid, struct err *err)
{
    _cleanup_(closep) int held = -1;
    struct guest guest;

    (void)xl;
    if (table_hold(domid, &guest, &held, err) < 0)
        return err_set(err, ERR_XEN, "pausing the domain failed (double: no domain %u)", domid);
    guest.pauses++;
    return table_put(&guest, err);
}

/* An HVM guest's QEMU goes on first. */
int xl_unpause(struct xl *xl, unsigned domid, struct err *err)
{
    _cleanup_(closep) int held = -1;
    struct guest guest;

    (void)xl;
    if (double_asked("unpause-fails"))
        return err_set(err, ERR_XEN, "unpausing the domain failed (double: as asked)");
    if (table_read(domid, &guest) && guest.hvm &&
        qemu_call(domid, "qmp-libxl", "{\"execute\":\"cont\"}", QMP_SECONDS, err) < 0)
        return -1;
    if (table_hold(domid, &guest, &held, err) < 0)
        return err_set(err, ERR_XEN, "unpausing the domain failed (double: no domain %u)", domid);
    if (guest.pauses == 0)
        return err_set(err, ERR_XEN, "unpausing the domain failed (double: it is not paused)");
    guest.pauses--;
    return table_put(&guest, err);
}

int xl_dump_core(struct xl *xl, unsigned domid, const char *file, struct err *err)
{
    (void)xl, (void)domid, (void)file;
    return err_set(err, ERR_XEN, "dumping core failed (double)");
}

int xl_preserve(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err)
{
    (void)xl, (void)domid, (void)config;
    return err_set(err, ERR_XEN, "cannot keep the old domain under another name (double)");
}

int xl_soft_reset(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err)
{
    (void)xl, (void)domid, (void)config;
    return err_set(err, ERR_XEN, "resetting the domain failed (double)");
}
