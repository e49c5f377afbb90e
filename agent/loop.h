/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LOOP_H
#define LOOP_H

/* The agent's event loop: descriptors that become readable, one after the other. */

struct err;
struct loop;

int loop_new(struct loop **out, struct err *err);
struct loop *loop_free(struct loop *loop);

/* Calls CALLBACK(DATA) whenever FD is readable or its other side is gone.  A callback may remove any
 * descriptor, its own too. */
int loop_add(struct loop *loop, int fd, void (*callback)(void *data), void *data, struct err *err);
void loop_remove(struct loop *loop, int fd);

int loop_run(struct loop *loop, struct err *err); /* until loop_stop() */
void loop_stop(struct loop *loop);
void loop_fail(struct loop *loop, const struct err *err); /* loop_run() ends with this error */

#endif
