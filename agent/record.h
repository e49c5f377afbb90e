/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RECORD_H
#define RECORD_H

/* What a snapshot is: snapshot.json, docs/store.md.  Pure text to struct and back. */

#include <stdbool.h>
#include <stddef.h>

#include "entry.h"
#include "errors.h"

enum { RECORD_DISKS_MAX = 32, DISK_VDEV_SIZE = 16, DISK_PATH_SIZE = 1024, TAG_SIZE = 64 };

struct record_disk {
    char vdev[DISK_VDEV_SIZE];
    char target[DISK_PATH_SIZE]; /* the image */
    char format[8];              /* qcow2 */
    char tag[TAG_SIZE];          /* the internal snapshot we made in it */
};

struct record {
    char id[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    char description[DESCRIPTION_MAX_BYTES + 1];
    char vm[UUID_LENGTH + 1];
    char vm_name[NAME_MAX_BYTES + 1];
    char state[12];               /* running or paused */
    char parent[UUID_LENGTH + 1]; /* "" = none */
    char request[REQUEST_ID_MAX + 1]; /* "" unless the domain's own tree carried the request */
    long long created_ms;         /* since the epoch */
    long long memory_size;        /* bytes of the memory file */
    char memory_hash[40];         /* of the whole file, see digest.h */
    int downtime_ms;              /* -1 = unknown */
    char made_by[32];             /* our version */
    char xen[32];                 /* the hypervisor's */
    size_t disk_count;
    struct record_disk disks[RECORD_DISKS_MAX];
};

/* To be freed. */
char *record_format(const struct record *record);
int record_parse(struct record *record, const char *text, struct err *err);

/* What a listing shows of it. */
void record_entry(const struct record *record, bool current, struct entry *entry);

#endif
