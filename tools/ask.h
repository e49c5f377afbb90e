/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ASK_H
#define ASK_H

/* One request from sending it to its result, with progress, deadlines and Ctrl-C. */

#include "client.h"
#include "options.h"

enum { ANSWER_MS = 10000 }; /* the agent does not let anybody wait for a first status */

/* Return 0, or an exit code when the error has been reported.  Progress is shown unless --quiet. */
int ask_agent(struct client *client, const struct options *options); /* is there one? */
int ask_send(struct client *client, const struct options *options, const struct request *request,
             char id[REQUEST_ID_MAX + 1]);
int ask(struct client *client, const struct options *options, const struct request *request,
        struct client_request *result);

#endif
