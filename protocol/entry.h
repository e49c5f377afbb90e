/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ENTRY_H
#define ENTRY_H

/* One snapshot as a listing shows it: what stands in ~/snapshot/list/N.  Pure. */

#include "names.h"

struct pairs;

struct entry {
    char id[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    char description[DESCRIPTION_MAX_BYTES + 1];
    char state[12];                 /* of the domain when it was made: running or paused */
    char type[12];                  /* internal */
    char consistency[12];           /* memory: disks and memory are of one instant */
    char disks[256];                /* vdevs, with commas */
    char parent[UUID_LENGTH + 1];   /* "" = none */
    long long created;              /* seconds since the epoch */
    long long size;                 /* bytes in the store */
    bool memory, current;
};

void entry_format(const struct entry *entry, struct pairs *pairs);
void entry_parse(struct entry *entry, const struct pairs *pairs);

#endif
