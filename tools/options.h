/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OPTIONS_H
#define OPTIONS_H

/* What the command line said. */

#include <stdbool.h>

struct options {
    const char *command;     /* "" before it is known */
    const char *domain;      /* NULL = the guest itself */
    const char *name;        /* of the snapshot, or NULL */
    const char *description; /* or NULL */
    int timeout;             /* seconds; 0 = for ever */
    bool quiet, json, no_wait, long_list, paused, help, version;
};

#endif
