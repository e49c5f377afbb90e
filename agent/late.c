/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "late.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "xenstore.h"
#include "xl.h"

/* Linux gives up freezing its processes, and so the suspend, after 20 s unless it was told otherwise. */
enum { LATE_SECONDS = 300 };

enum verdict { NOT_YET, RESUME, NOTHING };

static enum verdict look(struct xl *xl, const char *vm, unsigned domid)
{
    struct xl_domain domain;
    struct err err;

    if (xl_look(xl, domid, &domain, &err) < 0 || strcmp(domain.uuid, vm) != 0)
        return NOTHING;
    if (domain.life == XL_SUSPENDED)
        return RESUME;
    return domain.life == XL_RUNNING || domain.life == XL_PAUSED ? NOT_YET : NOTHING;
}

/* Events come in the order of what they tell: a request of somebody else's, xl save's or migrate's, stands before the
 * suspend that it brings about.  The first event of each watch is xenstored's own. */
static enum verdict take_events(struct xenstore *xs, struct xl *xl, const char *vm, unsigned domid, int *asked)
{
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];
    enum verdict verdict = NOT_YET;

    while (verdict == NOT_YET && xenstore_next_event(xs, path, token)) {
        if (strcmp(token, "asked") == 0)
            verdict = ++*asked > 1 ? NOTHING : NOT_YET;
        else
            verdict = look(xl, vm, domid);
    }
    return verdict;
}

static int watch_for(struct xenstore *xs, struct xl *xl, const char *vm, unsigned domid, enum verdict *verdict,
                     struct err *err)
{
    struct pollfd input = { .fd = xenstore_fd(xs), .events = POLLIN };
    long long deadline = clock_ms() + LATE_SECONDS * 1000LL, left;
    char request[XS_PATH_SIZE];
    int asked = 0;

    path_domain(request, domid, "control/shutdown", NULL, NULL);
    if (xenstore_watch(xs, request, "asked") < 0 || xenstore_watch(xs, "@releaseDomain", "ended") < 0)
        return err_errno(err, "cannot watch the domain");
    for (*verdict = NOT_YET; *verdict == NOT_YET && (left = deadline - clock_ms()) > 0;) {
        if (poll(&input, 1, (int)left) < 0 && errno != EINTR)
            return err_errno(err, "poll");
        *verdict = take_events(xs, xl, vm, domid, &asked);
    }
    return 0;
}

int late_suspend(struct xl *xl, const char *vm, unsigned domid, struct err *err)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    enum verdict verdict;

    if (xenstore_open(&xs, err) < 0 || watch_for(xs, xl, vm, domid, &verdict, err) < 0)
        return -1;
    if (verdict != RESUME)
        return 0;
    log_info("domain %u (%s): it has suspended itself after all; resuming it", domid, vm);
    return xl_resume(xl, domid, err) < 0 ? -1 : 1;
}
