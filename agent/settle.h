/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SETTLE_H
#define SETTLE_H

/* Brings a domain back to life that a save, finished or broken off at any point, may have left suspended,
 * about to be suspended, or with its QEMU stopped. */

#include <stdbool.h>

#include "errors.h"

struct control;
struct xl;

/* What a save of ours may have left of the guest: nothing, so that a suspend is somebody else's; suspended; or asked to
 * suspend, which it may do yet. */
enum settle { SETTLE_NOTHING, SETTLE_NOW, SETTLE_LATE_SUSPEND };

/* After an operation that was killed: whether it may have SUSPENDED the guest, and the last step in its journal. */
enum settle settle_after(bool suspended, const char *step);

struct settle_domain {
    const char *run; /* /run/xensnap */
    const char *vm;
    unsigned domid;
    bool paused; /* it was before we came, and is to be again */
};

/* Lets a suspended domain go on.  On Xen before 4.20 its xl process ended with the suspend: then it comes
 * into our care first, for it may shut down the moment it runs. */
int settle_resume(struct xl *xl, const struct settle_domain *domain, struct err *err);
/* A domain that is gone, or is another by now, needs nothing: 0. */
int settle(struct xl *xl, struct control *control, const struct settle_domain *domain, enum settle how,
           struct err *err);
/* Sets a stopped QEMU going; its vcpus are Xen's and are not touched. */
int settle_qemu(struct control *control, unsigned domid, struct err *err);

#endif
