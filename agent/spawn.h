/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SPAWN_H_
#define SPAWN_H_

/* Starts the programs beside the agent.  Always exec, never a bare fork: a forked copy of the agent would share
 * its connection to xenstored. */

#include <sys/types.h>

struct err;

enum { SPAWN_FD = 3 }; /* where the child finds the descriptor that it was given */

/* The child is a process group of its own, with every signal at its default and none blocked: the agent
 * blocks SIGCHLD for its signalfd, and a libxl that inherited that would wait for its helpers for ever.
 * It inherits FD and nothing else. */
int spawn(pid_t *pid, char *const argv[], int fd, struct err *err);
/* The same with one end of a new SEQPACKET pair; *SOCKET becomes the other. */
int spawn_with_socket(pid_t *pid, char *const argv[], int *socket, struct err *err);

#endif
