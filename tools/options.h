/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OPTIONS_H
#define OPTIONS_H

/* What the command line said. */

#include <stdbool.h>

struct options {
    const char *command;     /* "" before it is known */
    const char *domain;      /* NULL = the guest itself */
    const char *name;        /* of the snapshot, or NULL; release: its id, or an image's path */
    const char *description; /* or NULL */
    const char *config;      /* create: its configuration file, or NULL */
    const char *memory;      /* create: yes, no or a path, or NULL */
    const char *disks;       /* create: vdevs with commas, or NULL */
    const char *quiesce;     /* create: no, try or must, or NULL */
    int timeout;             /* seconds; 0 = for ever */
    bool either_order;       /* domain and config are two words, and which is which has to be found out */
    bool disk_only, external, dry_run; /* create */
    bool long_list, tree;    /* list */
    bool paused;             /* revert */
    bool data;               /* check */
    bool image;              /* release: NAME is a path */
    bool yes;                /* release, accept, forget: do not ask */
    bool quiet, json, no_wait, help, version;
};

#endif
