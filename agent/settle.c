/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settle.h"

#include <errno.h>
#include <string.h>

#include "care.h"
#include "cleanup.h"
#include "json.h"
#include "log.h"
#include "qmp.h"
#include "xenstore.h"
#include "xl.h"

enum { LATE_SUSPEND_SECONDS = 5, QMP_SECONDS = 60 };

enum settle settle_after(bool suspended, const char *step)
{
    if (!suspended)
        return SETTLE_NOTHING;
    return strcmp(step, "save") == 0 ? SETTLE_LATE_SUSPEND : SETTLE_NOW;
}

int settle_qemu(struct control *control, unsigned domid, struct err *err)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    _cleanup_(json_freep) struct json *reply = NULL;

    if (qmp_open(&qmp, domid, control, err) < 0 ||
        qmp_call(qmp, "query-status", NULL, QMP_SECONDS, &reply, err) < 0)
        return -1;
    if (json_true(json_get(json_get(reply, "return"), "running")))
        return 0;
    return qmp_call(qmp, "cont", NULL, QMP_SECONDS, NULL, err);
}

/* A request to suspend that the guest has not seen yet is taken back.  One that it has acknowledged cannot. */
static void withdraw_request(unsigned domid)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    char path[XS_PATH_SIZE];
    struct err err;

    if (xenstore_open(&xs, &err) < 0)
        return;
    path_domain(path, domid, "control/shutdown", NULL, NULL);
    do {
        _cleanup_(freep) char *value = NULL;

        if (xenstore_begin(xs) < 0)
            return;
        value = xenstore_read(xs, path, NULL);
        if (value && strcmp(value, "suspend") == 0)
            xenstore_write(xs, path, "");
    } while (!xenstore_commit(xs) && errno == EAGAIN);
}

int settle_resume(struct xl *xl, const struct settle_domain *domain, struct err *err)
{
    if (xl_daemon_ends_at_suspend(xl) && care_begin(CARE_END, domain->run, domain->vm, domain->domid, err) < 0)
        return -1;
    if (domain->paused && xl_pause(xl, domain->domid, err) < 0)
        return -1;
    return xl_resume(xl, domain->domid, err);
}

int settle(struct xl *xl, struct control *control, const struct settle_domain *which, enum settle how,
           struct err *err)
{
    struct xl_domain domain;
    enum xl_end end;

    if (how == SETTLE_NOTHING)
        return 0;
    if (xl_look(xl, which->domid, &domain, err) < 0)
        return err->code == ERR_DOMAIN_GONE ? 0 : -1;
    if (strcmp(domain.uuid, which->vm) != 0)
        return 0;
    if (how == SETTLE_LATE_SUSPEND && domain.life == XL_RUNNING) {
        withdraw_request(which->domid);
        if (xl_wait_end(xl, which->domid, LATE_SUSPEND_SECONDS, &end, err) < 0 ||
            xl_look(xl, which->domid, &domain, err) < 0)
            return err->code == ERR_DOMAIN_GONE ? 0 : -1;
        /* It has been too long, but not necessarily for the guest. */
        if (domain.life == XL_RUNNING && care_begin(CARE_LATE_SUSPEND, which->run, which->vm, which->domid, err) < 0)
            return -1;
    }
    if (domain.life == XL_SUSPENDED) {
        log_info("domain %u (%s): resumed after an operation that was broken off", which->domid, which->vm);
        return settle_resume(xl, which, err);
    }
    if (domain.hvm && domain.life == XL_RUNNING && settle_qemu(control, which->domid, err) < 0)
        return -1;
    return which->paused && domain.life == XL_RUNNING ? xl_pause(xl, which->domid, err) : 0;
}
