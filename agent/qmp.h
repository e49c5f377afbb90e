/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QMP_H
#define QMP_H

/* One QMP connection: blocking calls with a deadline that a cancel can cut short.
 * Always the socket qmp-libxenstat-DOMID: libxl locks the other one and times out where somebody else sits
 * on it.  QEMU serves one client per socket, so a connection is kept for one operation and no longer. */

#include "errors.h"

struct control;
struct json;
struct qmp;

/* ERR_BUSY where another client holds the socket, ERR_DOMAIN_GONE where there is no such QEMU. */
int qmp_open(struct qmp **out, unsigned domid, struct control *control, struct err *err);
struct qmp *qmp_close(struct qmp *qmp);

/* Executes COMMAND with ARGUMENTS (JSON text, or NULL).  REPLY may be NULL; else it gets the whole answer, whose
 * "return" is what was asked for, to be freed.  After a timeout or a cancel the outcome is unknown. */
int qmp_call(struct qmp *qmp, const char *command, const char *arguments, int seconds, struct json **reply,
             struct err *err);

/* Waits for any event, which may be an old one, and at most SECONDS; only a lost connection is an error.  What a
 * cancel asks for is the caller's business. */
int qmp_wait_event(struct qmp *qmp, int seconds, struct err *err);

/* The process at the other end, 0 = unknown. */
int qmp_peer(const struct qmp *qmp);

static inline void qmp_closep(struct qmp **qmp)
{
    qmp_close(*qmp);
}

#endif
