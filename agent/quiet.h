/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QUIET_H
#define QUIET_H

/* A guest that keeps its file systems still while its disks are snapshotted, because it was asked to: the worker's
 * side of ~/snapshot/quiesce.  The guest may lie, or say nothing; it harms its own snapshot alone. */

struct control;
struct err;
struct quiet;

/* Seconds: how long the guest may take to freeze, how long until it thaws by itself, and how long it is waited for
 * when it was asked to thaw. */
enum { QUIET_FREEZE_SECONDS = 15, QUIET_SECONDS = 2 * QUIET_FREEZE_SECONDS, QUIET_THAW_SECONDS = 5 };

struct quieted {
    int frozen_ms; /* from its answer that it is frozen to that it is not */
    int hooks;     /* that ran in it before, none of which failed */
};

/* Whether it says that it can be asked; ERR_UNSUPPORTED. */
int quiet_check(unsigned domid, struct err *err);
/* Asks and waits.  ERR_UNSUPPORTED with the guest's own words where it could not, ERR_GUEST_TIMEOUT where it does not
 * answer; it is asked to thaw then, and *OUT stays NULL.  TOKEN is of this freeze alone. */
int quiet_begin(struct quiet **out, struct control *control, unsigned domid, const char *token, struct err *err);
/* Asks it to thaw, and frees.  -1 unless the guest answers that it was frozen until now. */
int quiet_end(struct quiet **quiet, struct quieted *was, struct err *err);
/* Asks it to thaw, and frees; waits for nothing.  NULL is nothing to do. */
struct quiet *quiet_drop(struct quiet *quiet);
/* What a worker that died has asked of it is taken back.  Domid and domain may have parted since. */
void quiet_recover(unsigned domid, const char *token);

#endif
