/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIRE_H
#define WIRE_H

/* A connection to xenstored, spoken as <xen/io/xs_wire.h> describes: a header and at most 4096 bytes, one answer for
 * each question, events in between.  Of static programs only, see xs_wire.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire;

/* dom0's socket, or the device that a guest's kernel has for this; NULL with errno. */
struct wire *wire_open(void);
struct wire *wire_close(struct wire *wire);

/* Sends and waits for the answer, which is to be freed and has a NUL behind its LENGTH bytes.  NULL with errno: what
 * xenstored says, E2BIG where the question does not fit, EPIPE where the connection has ended. */
char *wire_ask(struct wire *wire, uint32_t type, uint32_t transaction, const void *data, size_t size, size_t *length);

/* The oldest event, its path and token each with a NUL, to be freed; NULL where there is none. */
char *wire_event(struct wire *wire);
/* Readable as long as there are events, or when the connection has ended. */
int wire_fd(const struct wire *wire);
bool wire_broken(const struct wire *wire);

#endif
