/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QEMU_H
#define QEMU_H

/* The real QEMU behind a domain. */

#include "double.h"

/* It runs, its images are open, and its monitors are there; none where no disk of the domain needs one. */
int qemu_start(unsigned domid, const struct xl_config *config, struct err *err);
/* A process of it, or 0: while it starts it has two. */
int qemu_pid(unsigned domid);
/* Tells its processes to exit, and stops those that were not stopped: they end when they are let go on.  How many
 * were stopped, their numbers in PIDS. */
enum { QEMU_PIDS_MAX = 4 };
size_t qemu_hold(unsigned domid, int pids[QEMU_PIDS_MAX]);
/* Makes it end; it takes its time. */
void qemu_end(int pid);
/* Waits for the end of a process that is not our child. */
bool qemu_wait(int pid, int ms);
/* A line to the monitor $XEN_RUN_DIR/MONITOR-DOMID, and QEMU's answer, which is good. */
int qemu_call(unsigned domid, const char *monitor, const char *line, int seconds, struct err *err);

#endif
