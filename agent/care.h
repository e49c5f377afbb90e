/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CARE_H
#define CARE_H

/* Which domains are in our care: a file RUN/monitor/UUID.DOMID for each domain whose poweroff, reboot and
 * crash a xensnap-monitor has to carry out.  Whoever takes the domain from its xl process (a suspend on
 * Xen before 4.20, a revert) makes the file first; the monitor holds a lock on it as long as it lives, so
 * that the agent, also one started later, sees whom nobody looks after.
 * RUN/late/UUID.DOMID is the same for a domain that was asked to suspend in vain, and may still do it. */

#include <stdbool.h>

#include "errors.h"
#include "names.h"

enum care { CARE_END, CARE_LATE_SUSPEND };
enum { CARE_NAME_SIZE = UUID_LENGTH + 16 };

/* Makes the file; a second time is no error. */
int care_begin(enum care care, const char *run, const char *vm, unsigned domid, struct err *err);
void care_end(enum care care, const char *run, const char *vm, unsigned domid);

/* A descriptor that holds the lock as long as it or a copy of it is open, or -1 where another process has it. */
int care_hold(enum care care, const char *run, const char *vm, unsigned domid);

/* The same in one: 1: the file is there and *HELD holds it, without a moment in which it was there and nobody held it;
 * 0: another process has it; -1: error. */
int care_take(enum care care, const char *run, const char *vm, unsigned domid, int *held, struct err *err);

/* Calls VISIT for every domain in our care that nobody holds, with a descriptor that holds it from now on: the
 * monitor inherits it, so that there is no moment in which a second one could begin.  The caller's copy is
 * closed after VISIT. */
void care_each_alone(enum care care, const char *run,
                     void (*visit)(void *data, const char *vm, unsigned domid, int held), void *data);

#endif
