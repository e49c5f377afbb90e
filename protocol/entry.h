/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ENTRY_H
#define ENTRY_H

/* One snapshot as a listing shows it: what stands in ~/snapshot/list/N.  Pure. */

#include <stddef.h>

#include "names.h"

struct pairs;

struct entry {
    char id[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    char description[DESCRIPTION_MAX_BYTES + 1];
    char state[12];                 /* of the domain when it was made: running, paused or stopped */
    char type[12];                  /* internal, external or mixed */
    char consistency[12];           /* memory: disks and memory are of one instant; crash: as after a power cut;
                                       fs: its file systems were frozen; app: and all its hooks had run */
    char disks[256];                /* vdevs, with commas */
    char left_out[256];             /* vdevs of the disks that are not in it */
    size_t detail_count;            /* in dom0 only: where each disk's snapshot is */
    struct {
        char vdev[VDEV_SIZE];
        char text[PATH_SIZE + 24];  /* "internal PATH" or "external PATH": the image that holds that state */
    } detail[DISKS_MAX];
    char parent[UUID_LENGTH + 1];   /* "" = none */
    long long created;              /* seconds since the epoch */
    long long size;                 /* bytes of the memory image */
    bool memory, current;
};

void entry_format(const struct entry *entry, struct pairs *pairs);
void entry_parse(struct entry *entry, const struct pairs *pairs);

#endif
