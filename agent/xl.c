/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "log.h"
#include "xl_internal.h"

enum { MAX_FDS = 64, ENDING_SECONDS = 30, SUCCESSOR_SECONDS = 5 };

static void on_message(xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
                       const char *format, va_list args)
{
    char text[512];

    (void)logger;
    vsnprintf(text, sizeof text, format, args);
    log_line(level >= XTL_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "%s: %s%s%s",
             context ? context : "libxl", text, errnoval > 0 ? ": " : "",
             errnoval > 0 ? strerror(errnoval) : "");
}

/* libxl-save-helper's reports are the only place where the moment of the suspend can be learnt. */
static void on_progress(xentoollog_logger *logger, const char *context, const char *what, int percent,
                        unsigned long done, unsigned long total)
{
    struct xl *xl = (struct xl *)logger;

    (void)context;
    (void)done;
    (void)total;
    xl->abortable = true;
    if (strncmp(what, "Domain now suspended", 20) == 0 && !xl->saved.suspended_ms)
        xl->saved.suspended_ms = clock_ms();
    if (strncmp(what, "Frames", 6) == 0) {
        xl->saved.sent_pages = true;
        if (xl->control)
            control_progress(xl->control, xl->control->stage, percent);
    }
}

static void on_done(libxl_ctx *ctx, int rc, void *user)
{
    struct xl *xl = user;

    (void)ctx;
    xl->done = true;
    xl->rc = rc;
}

static void read_version(struct xl *xl)
{
    const libxl_version_info *info = libxl_get_version_info(xl->ctx);

    if (!info)
        return;
    snprintf(xl->version, sizeof xl->version, "%d.%d%s", info->xen_version_major, info->xen_version_minor,
             info->xen_version_extra ? info->xen_version_extra : "");
    xl->minor = info->xen_version_major == 4 ? info->xen_version_minor : 99;
}

int xl_open(struct xl **out, struct control *control, struct err *err)
{
    /* We have children of our own (qemu-img) and wait for each by its pid. */
    static const libxl_childproc_hooks hooks = { .chldowner = libxl_sigchld_owner_libxl_always_selective_reap };
    struct xl *xl = calloc(1, sizeof *xl);

    if (!xl)
        return err_set(err, ERR_IO, "out of memory");
    xl->logger = (xentoollog_logger){ .vmessage = on_message, .progress = on_progress };
    xl->how = (libxl_asyncop_how){ .callback = on_done, .u.for_callback = xl };
    xl->control = control;
    if (libxl_ctx_alloc(&xl->ctx, LIBXL_VERSION, 0, &xl->logger)) {
        free(xl);
        return err_set(err, ERR_XEN, "cannot reach the toolstack; is this dom0, and is xenstored up?");
    }
    libxl_childproc_setmode(xl->ctx, &hooks, NULL);
    read_version(xl);
    *out = xl;
    return 0;
}

struct xl *xl_close(struct xl *xl)
{
    if (xl) {
        if (xl->death)
            libxl_evdisable_domain_death(xl->ctx, xl->death);
        libxl_ctx_free(xl->ctx);
        free(xl);
    }
    return NULL;
}

const char *xl_version(const struct xl *xl)
{
    return xl->version;
}

bool xl_daemon_ends_at_suspend(const struct xl *xl)
{
    return xl->minor < 20;
}

/* One turn of libxl's poll loop, with the control line beside its own descriptors. */
static int turn(struct xl *xl, int timeout)
{
    struct pollfd fds[MAX_FDS];
    struct timeval now;
    int n = MAX_FDS - 1;

    gettimeofday(&now, NULL);
    if (libxl_osevent_beforepoll(xl->ctx, &n, fds, &timeout, now))
        return -1;
    fds[n] = (struct pollfd){ .fd = xl->control ? control_fd(xl->control) : -1, .events = POLLIN };
    if (poll(fds, (nfds_t)n + 1, timeout) < 0)
        return errno == EINTR ? 0 : -1;
    gettimeofday(&now, NULL);
    libxl_osevent_afterpoll(xl->ctx, n, fds, now);
    if (fds[n].revents)
        control_read(xl->control);
    return 0;
}

int xl_finish(struct xl *xl, int rc, const char *what, struct err *err)
{
    bool aborting = false;

    while (!rc && !xl->done) {
        if (turn(xl, -1) < 0)
            return err_set(err, ERR_XEN, "%s: libxl's poll loop failed", what);
        /* Not before libxl-save-helper has said something: libxl 4.17 calls its completion callback, which is NULL
         * until the helper is started, when the stream is torn down earlier (libxl__save_helper_abort). */
        if (xl->control && control_cancelled(xl->control) && xl->abortable && !aborting && !xl->done) {
            aborting = true;
            libxl_ao_abort(xl->ctx, &xl->how);
        }
    }
    rc = rc ? rc : xl->rc;
    xl->done = xl->abortable = false;
    xl->rc = 0;
    if (rc == ERROR_ABORTED)
        return err_set(err, ERR_CANCELLED, "cancelled while %s", what);
    if (rc == ERROR_GUEST_TIMEDOUT)
        return err_set(err, ERR_GUEST_TIMEOUT, "%s: the guest did not answer", what);
    if (rc == ERROR_DOMAIN_NOTFOUND)
        return err_set(err, ERR_DOMAIN_GONE, "%s: the domain is gone", what);
    if (rc == ERROR_NOMEM)
        return err_set(err, ERR_XEN, "%s: not enough free memory", what);
    if (rc)
        return err_set(err, ERR_XEN, "%s failed (libxl %d); the agent's log has libxl's own words", what, rc);
    return 0;
}

static enum xl_life life_of(const libxl_dominfo *info)
{
    if (info->dying)
        return XL_DYING;
    if (info->shutdown)
        return info->shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND ? XL_SUSPENDED : XL_SHUT_DOWN;
    return info->paused ? XL_PAUSED : XL_RUNNING;
}

static void describe(const libxl_dominfo *info, struct xl_domain *domain)
{
    *domain = (struct xl_domain){
        .domid = info->domid,
        .life = life_of(info),
        .hvm = info->domain_type == LIBXL_DOMAIN_TYPE_HVM,
        .memory_kb = (long long)info->current_memkb,
    };
    snprintf(domain->uuid, sizeof domain->uuid, LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
}

int xl_look(struct xl *xl, unsigned domid, struct xl_domain *domain, struct err *err)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(xl->ctx, &info, domid);
    if (rc == 0)
        describe(&info, domain);
    libxl_dominfo_dispose(&info);
    if (rc == ERROR_DOMAIN_NOTFOUND)
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    return rc ? err_set(err, ERR_XEN, "cannot ask for the domain's state (libxl %d)", rc) : 0;
}

/* One that dies may have its successor beside it already. */
int xl_find(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err)
{
    int count = 0, found = 0;
    libxl_dominfo *list = libxl_list_domain(xl->ctx, &count);

    if (!list)
        return err_set(err, ERR_XEN, "cannot list the domains");
    for (int i = 0; i < count; i++) {
        struct xl_domain one;

        describe(&list[i], &one);
        if (strcmp(one.uuid, uuid) != 0 || (found && one.life == XL_DYING))
            continue;
        *domain = one;
        found = 1;
    }
    libxl_dominfo_list_free(list, count);
    return found;
}

bool xl_is_built(struct xl *xl, unsigned domid)
{
    _cleanup_(freep) uint8_t *json = NULL;
    int length = 0;

    return libxl_userdata_retrieve(xl->ctx, domid, "libxl-json", &json, &length) == 0 && length > 0;
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
        /* Xen tells of neither the last page of a dying domain nor of what an xl is about to do. */
        if (turn(xl, 250) < 0)
            return err_set(err, ERR_XEN, "libxl's poll loop failed");
    }
}

int xl_let_pass(struct xl *xl, int ms, struct err *err)
{
    return turn(xl, ms) < 0 ? err_set(err, ERR_XEN, "libxl's poll loop failed") : 0;
}

int xl_pause(struct xl *xl, unsigned domid, struct err *err)
{
    return xl_finish(xl, libxl_domain_pause(xl->ctx, domid, &xl->how), "pausing the domain", err);
}

int xl_unpause(struct xl *xl, unsigned domid, struct err *err)
{
    return xl_finish(xl, libxl_domain_unpause(xl->ctx, domid, &xl->how), "unpausing the domain", err);
}

int xl_destroy(struct xl *xl, unsigned domid, struct err *err)
{
    return xl_finish(xl, libxl_domain_destroy(xl->ctx, domid, &xl->how), "destroying the domain", err);
}

int xl_resume(struct xl *xl, unsigned domid, struct err *err)
{
    /* 1, as xl and libvirt: the guest is told that its suspend was cancelled and keeps its devices. */
    return xl_finish(xl, libxl_domain_resume(xl->ctx, domid, 1, &xl->how), "resuming the domain", err);
}

int xl_dump_core(struct xl *xl, unsigned domid, const char *file, struct err *err)
{
    return xl_finish(xl, libxl_domain_core_dump(xl->ctx, domid, file, &xl->how), "dumping core", err);
}

/* ---- the end of a domain ------------------------------------------------------------------------------- */

static enum xl_end end_of(const libxl_event *event)
{
    if (event->type == LIBXL_EVENT_TYPE_DOMAIN_DEATH)
        return XL_END_DESTROYED;
    switch (event->u.domain_shutdown.shutdown_reason) {
    case LIBXL_SHUTDOWN_REASON_REBOOT: return XL_END_REBOOT;
    case LIBXL_SHUTDOWN_REASON_SUSPEND: return XL_END_SUSPEND;
    case LIBXL_SHUTDOWN_REASON_CRASH: return XL_END_CRASH;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG: return XL_END_WATCHDOG;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET: return XL_END_SOFT_RESET;
    default: return XL_END_POWEROFF;
    }
}

/* libxl looks at a domain when its watch fires, and that is once as soon as it is made.  So for another domain it has
 * to be made anew: that one may have ended already. */
static int arm(struct xl *xl, unsigned domid)
{
    if (xl->death)
        libxl_evdisable_domain_death(xl->ctx, xl->death);
    xl->death = NULL;
    xl->death_domid = domid;
    return libxl_evenable_domain_death(xl->ctx, domid, 0, &xl->death);
}

/* libxl reports one shutdown for each generator and is silent then.  The new one is made before the old one
 * goes: otherwise the watch behind both would be made anew and fire at once, for the same suspend. */
static void arm_again(struct xl *xl)
{
    libxl_evgen_domain_death *old = xl->death;

    xl->death = NULL;
    libxl_evenable_domain_death(xl->ctx, xl->death_domid, 0, &xl->death);
    libxl_evdisable_domain_death(xl->ctx, old);
}

int xl_wait_end(struct xl *xl, unsigned domid, int seconds, enum xl_end *end, struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;
    libxl_event *event;

    if ((!xl->death || xl->death_domid != domid) && arm(xl, domid))
        return err_set(err, ERR_XEN, "cannot watch for the domain's shutdown");
    for (;;) {
        long long left = seconds < 0 ? -1 : deadline - clock_ms();

        if (libxl_event_check(xl->ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL) == 0) {
            bool ours = event->domid == domid;

            *end = end_of(event);
            libxl_event_free(xl->ctx, event);
            if (ours && *end == XL_END_SUSPEND)
                arm_again(xl);
            if (ours)
                return 0;
            continue;
        }
        if (seconds >= 0 && left <= 0) {
            *end = XL_END_TIMEOUT;
            return 0;
        }
        if (turn(xl, (int)left) < 0)
            return err_set(err, ERR_XEN, "libxl's poll loop failed");
    }
}
