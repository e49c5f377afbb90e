/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONTROL_H
#define CONTROL_H

/* The worker's end of the line to the agent.  Everything that waits in a worker waits for this descriptor
 * too, so that a cancel reaches it.  An agent that has gone counts as a cancel; what it did not hear stands
 * in the journal. */

#include <stdbool.h>

#include "msg.h"

struct control {
    int fd;
    bool cancel_came;
    bool gone;     /* the agent has */
    bool committed; /* past the point of no return: a cancel changes nothing any more */
    bool go;
    char stage[24];
    int percent;
};

/* Waits for the first order. */
int control_open(struct control *control, int fd, struct order *order, struct err *err);
/* What to poll for input, or -1 where nothing can come; then call control_read(). */
int control_fd(const struct control *control);
void control_read(struct control *control);
bool control_cancelled(const struct control *control);
/* Somebody has asked for a cancel, or the agent has gone, also past the point of no return. */
bool control_asked_to_stop(const struct control *control);

void control_progress(struct control *control, const char *stage, int percent);
/* Sends and waits until the agent has published it, or has gone: then false. */
bool control_tell(struct control *control, const struct msg *msg);

#endif
