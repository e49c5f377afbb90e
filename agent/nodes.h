/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NODES_H
#define NODES_H

/* Which images a running QEMU has open, and how it calls them.  Names of nodes are looked up each time, by the
 * file behind them: after an external snapshot "xvda-qcow2" is no longer the disk. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"

struct control;
struct json;
struct qmp;

enum { NODE_NAME_SIZE = 32 };

struct nodes {
    struct json *devices; /* query-block's answer */
    struct json *all;     /* query-named-block-nodes' */
    bool emulated;        /* an HVM guest without the means to have PV drivers (xen_platform_pci=0): its disks are the
                             emulated ones, and the PV ones beside them, of the same images, are never used */
};

enum node_role {
    NODE_ABSENT, /* QEMU does not have the image open */
    NODE_TOP,    /* a device writes to it */
    NODE_BELOW,  /* it is what an overlay stands on */
};

struct node {
    enum node_role role;
    char name[NODE_NAME_SIZE];
    char top[NODE_NAME_SIZE]; /* the node of the device; NAME itself where role is NODE_TOP */
    char top_file[PATH_SIZE]; /* the device's image */
    int writers;              /* devices that can write to this very image */
    bool pinned;              /* a PV disk that is never used stands on it, and QEMU lets nobody write to it */
    char file[NODE_NAME_SIZE];    /* the node below NAME, of the file itself; "" where that is not certain */
    char backing[PATH_SIZE];  /* what the image stands on; "" = nothing */
    bool tagged;              /* it holds the snapshot that was asked for */
    bool active;              /* false: QEMU has let go of the image, for a save or a migration */
};

int nodes_load(struct nodes *nodes, struct qmp *qmp, struct err *err);
void nodes_deinit(struct nodes *nodes);
/* TAG may be NULL.  -1 where a file could not be looked at, so that nobody knows whether QEMU has the image: that is
 * not NODE_ABSENT, by which images are removed. */
int nodes_find(const struct nodes *nodes, const char *image, const char *tag, struct node *node, struct err *err);

#endif
