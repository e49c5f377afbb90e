/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONF_H
#define CONF_H

/* The configuration file of the agent; the only user of inih.  The command line reads it too: xensnap policy. */

#include <stdbool.h>

#include "errors.h"
#include "log_level.h"
#include "names.h"
#include "policy.h"

#define CONF_PATH SYSCONFDIR "/xensnap/xensnap.conf"

/* "" and 0 where nothing is said, so that one can be laid over another. */
struct conf {
    char store[PATH_SIZE];
    int workers;
    enum log_level log;
    bool protect;         /* what snapshots need is made immutable */
    struct policy policy; /* the [guest] sections; without one a guest may ask for nothing */
};

extern const struct conf conf_default;

/* Sets what the file says and leaves the rest; on an error, which names file and line, CONF is as it was.  A file that
 * is not there says nothing, unless it is NEEDED. */
int conf_read(struct conf *conf, const char *path, bool needed, struct err *err);
/* One key of [agent], as it would stand in the file. */
int conf_set(struct conf *conf, const char *key, const char *value, struct err *err);
/* What OVER says counts. */
void conf_overlay(struct conf *conf, const struct conf *over);

#endif
