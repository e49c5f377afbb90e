/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOORBELL_H
#define DOORBELL_H

/* An event channel between a guest and dom0, which is heard sooner than a change in xenstore: the only user of
 * libxenevtchn.  It is never needed: where it cannot be had it is NULL, and every function takes that. */

struct doorbell;

/* The guest's end: *PORT is what dom0 binds.  Linux does not carry a program's port over a restore, so it is to be
 * closed again soon. */
struct doorbell *doorbell_offer(unsigned *port);
/* Dom0's end of a port that DOMID has offered.  Xen looks at whether it is one: a guest that lies has no bell. */
struct doorbell *doorbell_dial(unsigned domid, unsigned port);
struct doorbell *doorbell_close(struct doorbell *bell);

void doorbell_ring(struct doorbell *bell);
/* To be polled for input, or -1; then doorbell_heard(), or it stays silent. */
int doorbell_fd(const struct doorbell *bell);
void doorbell_heard(struct doorbell *bell);

static inline void doorbell_closep(struct doorbell **bell)
{
    doorbell_close(*bell);
}

#endif
