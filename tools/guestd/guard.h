/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GUARD_H
#define GUARD_H

/* A second process that thaws the file systems if the daemon is killed while they are frozen, or does not thaw them in
 * time.  It is forked before the freeze, and needs nothing then but what it holds already. */

#include <sys/types.h>

struct err;
struct freezer;

struct guard {
    pid_t pid;  /* 0: none */
    int line;   /* its other end is the guard's: when this one is closed, the daemon has died */
};

/* TOKEN is what it answers "failed" for. */
int guard_start(struct guard *guard, const struct freezer *freezer, const char *token, int seconds, struct err *err);
/* It has done its duty.  Nothing to do where there is none. */
void guard_end(struct guard *guard);

#endif
