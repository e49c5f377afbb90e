/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SAY_H
#define SAY_H

/* The guest's side of ~/snapshot/quiesce: what it writes.  Paths are relative to the guest's own.  Nothing can be done
 * about a write that fails: dom0 stops waiting by itself. */

#include "quiesce.h"

struct xenstore;

void say_answer(struct xenstore *xs, enum quiesce_reply word, const char *token, int hooks);
/* WHY first, for it is read when the answer is seen. */
void say_failed(struct xenstore *xs, const char *token, const char *why);
/* The event channel that dom0 may ring; 0 = none any more. */
void say_port(struct xenstore *xs, unsigned port);
/* That this guest can freeze, unless dom0 has said something else there. */
void say_feature(struct xenstore *xs);
void say_no_feature(struct xenstore *xs);

#endif
