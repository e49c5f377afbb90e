/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SPAWN_H_
#define SPAWN_H_

/* Starts the programs beside the agent.  Always exec, never a bare fork: libxenstore runs a thread for
 * watches, so a forked copy of the agent could call almost nothing and would share its connection. */

#include <sys/types.h>

struct err;

enum { SPAWN_SOCKET = 3 }; /* where a worker finds its end of the pair */

/* The child is a process group of its own, with every signal at its default and none blocked: the agent
 * blocks SIGCHLD for its signalfd, and a libxl that inherited that would wait for its helpers for ever.
 * With SOCKET not NULL, *SOCKET becomes the agent's end of a SEQPACKET pair. */
int spawn(pid_t *pid, char *const argv[], int *socket, struct err *err);

#endif
