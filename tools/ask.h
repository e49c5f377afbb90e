/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ASK_H
#define ASK_H

/* One request from sending it to its result, with progress, deadlines and Ctrl-C. */

#include "xensnap.h"

#include "options.h"

enum { ANSWER_MS = 10000 }; /* the agent does not let anybody wait for a first status */

/* Return 0, or an exit code when the error has been reported.  Progress is shown unless --quiet. */
int ask_agent(struct xensnap *xensnap, const struct options *options); /* is there one? */
int ask_send(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request,
             char id[XENSNAP_ID_SIZE]);
/* RESULT is the caller's to free, also after an error. */
int ask(struct xensnap *xensnap, const struct options *options, const struct xensnap_map *request,
        struct xensnap_map **result);

#endif
