/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's xl_save() and xl_resume(). */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "memory.h"
#include "qemu.h"
#include "table.h"
#include "tree.h"

enum { QMP_SECONDS = 60, NO_TIME_LIMIT = 600 };

/* The word in "save-fails". */
static bool fails(const char *when)
{
    char path[DOUBLE_PATH];
    _cleanup_(freep) char *word = NULL;

    double_path(path, "save-fails");
    word = double_read(path, NULL);
    return word && strncmp(word, when, strlen(when)) == 0;
}

static int fail(struct err *err)
{
    return err_set(err, ERR_XEN, "saving the memory failed (double: as asked)");
}

static int hang(struct xl *xl, struct err *err)
{
    char path[DOUBLE_PATH];

    double_path(path, "hang");
    while (access(path, F_OK) == 0) {
        struct pollfd pollfd = { .fd = xl->control ? control_fd(xl->control) : -1, .events = POLLIN };

        if (poll(&pollfd, 1, 100) > 0)
            control_read(xl->control);
        if (xl->control && control_cancelled(xl->control))
            return err_set(err, ERR_CANCELLED, "cancelled while saving the memory");
    }
    return 0;
}

/* QEMU's part of an HVM guest's suspend.  With "live" it lets go of its images. */
static int suspend_qemu(unsigned domid, enum xl_save_kind kind, struct err *err)
{
    char path[DOUBLE_PATH], line[DOUBLE_PATH + 128];

    double_path(path, "domains/%u/qemu-save", domid);
    snprintf(line, sizeof line,
             "{\"execute\":\"xen-save-devices-state\",\"arguments\":{\"filename\":\"%s\",\"live\":%s}}", path,
             kind == XL_SAVE_LIVE ? "true" : "false");
    return qemu_call(domid, "qmp-libxl", "{\"execute\":\"stop\"}", NO_TIME_LIMIT, err) < 0
               ? -1
               : qemu_call(domid, "qmp-libxl", line, NO_TIME_LIMIT, err);
}

/* The guest stands still in the moment in which none of its programs holds it any more.  One that is paused does not
 * hear what it is asked. */
static int suspend_guest(struct xl *xl, unsigned domid, struct guest *guest, struct err *err)
{
    _cleanup_(closep) int held = -1;

    if (table_hold(domid, guest, &held, err) < 0)
        return -1;
    if (guest->dying || *guest->shutdown != '-')
        return fail(err);
    if (guest->pauses || fails("timeout"))
        return err_set(err, ERR_GUEST_TIMEOUT, "saving the memory: the guest did not answer");
    tree_ask_suspend(xl, domid);
    snprintf(guest->shutdown, sizeof guest->shutdown, "suspend");
    return table_put(guest, err);
}

static int suspend(struct xl *xl, unsigned domid, enum xl_save_kind kind, struct xl_saved *saved, struct err *err)
{
    struct guest guest;

    if (suspend_guest(xl, domid, &guest, err) < 0)
        return -1;
    saved->suspended_ms = clock_ms();
    return guest.hvm ? suspend_qemu(domid, kind, err) : 0;
}

static int write_pages(struct xl *xl, int fd, struct xl_saved *saved, struct err *err)
{
    saved->sent_pages = true;
    if (xl->control)
        control_progress(xl->control, xl->control->stage, 0);
    return memory_write_pages(fd, err) < 0 || fails("written") ? fail(err) : 0;
}

int xl_save(struct xl *xl, unsigned domid, int fd, enum xl_save_kind kind, struct xl_saved *saved, struct err *err)
{
    struct guest guest;

    *saved = (struct xl_saved){ .suspended_ms = 0 };
    if (tree_open(xl, err) < 0)
        return -1;
    if (!table_read(domid, &guest))
        return err_set(err, ERR_XEN, "saving the memory failed (double: no domain %u)", domid);
    /* libxl takes whatever fails before the suspend for a guest that is silent */
    if ((kind == XL_SAVE_LIVE && !guest.hvm) || fails("refused"))
        return err_set(err, ERR_GUEST_TIMEOUT, "saving the memory: the guest did not answer");
    if (hang(xl, err) < 0 || memory_write_start(fd, err) < 0)
        return -1;
    if ((kind == XL_SAVE_STOPPED && suspend(xl, domid, kind, saved, err) < 0) || write_pages(xl, fd, saved, err) < 0)
        return -1;
    if (kind == XL_SAVE_LIVE && suspend(xl, domid, kind, saved, err) < 0)
        return -1;
    return fails("suspended") ? fail(err) : memory_write_rest(fd, domid, err);
}

int xl_resume(struct xl *xl, unsigned domid, struct err *err)
{
    _cleanup_(closep) int held = -1;
    struct guest guest;

    if (tree_open(xl, err) < 0)
        return -1;
    if (double_asked("resume-fails"))
        return err_set(err, ERR_XEN, "resuming the domain failed (double: as asked)");
    if (!table_read(domid, &guest))
        return err_set(err, ERR_XEN, "resuming the domain failed (double: no domain %u)", domid);
    if (guest.hvm && qemu_call(domid, "qmp-libxl", "{\"execute\":\"cont\"}", QMP_SECONDS, err) < 0)
        return -1;
    if (table_hold(domid, &guest, &held, err) < 0)
        return -1;
    if (strcmp(guest.shutdown, "suspend") != 0)
        return err_set(err, ERR_XEN, "resuming the domain failed (double: it is not suspended)");
    snprintf(guest.shutdown, sizeof guest.shutdown, "-");
    if (table_put(&guest, err) < 0)
        return -1;
    tree_resume(xl, domid);
    return 0;
}
