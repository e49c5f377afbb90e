/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIFE_H
#define LIFE_H

/* Whether a process gets on: deadlines are about silence, not about length.  Life is CPU time that it has used, or
 * bytes that it has read or written, as /proc/PID tells. */

#include <stdbool.h>

/* For so long a process may do nothing, in seconds. */
enum { LIFE_SECONDS = 60 };

struct life {
    int pid;
    unsigned long long sum; /* of all that grows while it lives */
};

/* From now on. */
void life_begin(struct life *life, int pid);
/* Whether it has got on since it was last asked, or since the beginning; false of one that has ended. */
bool life_moved(struct life *life);

#endif
