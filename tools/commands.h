/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef COMMANDS_H
#define COMMANDS_H

/* One function for each command; they report their errors and return the exit code. */

#include "client.h"
#include "options.h"

int command_create(struct client *client, const struct options *options);
int command_list(struct client *client, const struct options *options);
int command_delete(struct client *client, const struct options *options);
int command_revert(struct client *client, const struct options *options);
int command_status(struct client *client, const struct options *options);
/* Without CLIENT, which may be NULL: it needs no agent. */
int command_policy(struct client *client, const struct options *options);

#endif
