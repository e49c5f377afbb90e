/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef COMMANDS_H
#define COMMANDS_H

/* One function for each command; they report their errors and return the exit code. */

#include "options.h"
#include "xensnap.h"

int command_create(struct xensnap *xensnap, const struct options *options);
int command_list(struct xensnap *xensnap, const struct options *options);
int command_delete(struct xensnap *xensnap, const struct options *options);
int command_revert(struct xensnap *xensnap, const struct options *options);
int command_release(struct xensnap *xensnap, const struct options *options);
int command_accept(struct xensnap *xensnap, const struct options *options);
int command_forget(struct xensnap *xensnap, const struct options *options);
int command_status(struct xensnap *xensnap, const struct options *options);
/* XENSNAP may be NULL: it needs neither agent nor xenstored. */
/* Does not come back where the check is done: its exit code is the program's. */
int command_check(struct xensnap *xensnap, const struct options *options);
int command_policy(struct xensnap *xensnap, const struct options *options);

#endif
