/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RECORD_H
#define RECORD_H

/* What a snapshot is: snapshot.json, docs/store.md.  Pure text to struct and back. */

#include <stdbool.h>
#include <stddef.h>

#include "entry.h"
#include "errors.h"
#include "request.h"
#include "status.h"

enum { TAG_SIZE = 64 };

struct record_disk {
    char vdev[VDEV_SIZE];
    enum place place;
    char target[PATH_SIZE];  /* the image that holds the disk's state: inside (tag), or as its content */
    char format[8];          /* of target: qcow2 or raw */
    char tag[TAG_SIZE];      /* internal: the image's snapshot that we made */
    char overlay[PATH_SIZE]; /* external: in which the domain went on; it may have been merged away since */
};

/* A disk of the domain that is not in the snapshot, and why. */
struct record_left_out {
    char vdev[VDEV_SIZE];
    char why[24];
};

/* What became of the wish that the guest be quiet; crash, fs or app. */
struct record_quiesce {
    bool asked;
    char consistency[8];
    int hooks;                          /* that ran in the guest, none of which failed */
    char warning[STATUS_WARNING_SIZE];  /* "", or why it was not quiet */
};

struct record {
    char id[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    char description[DESCRIPTION_MAX_BYTES + 1];
    char vm[UUID_LENGTH + 1];
    char vm_name[NAME_MAX_BYTES + 1];
    char state[12];               /* of the domain then: running, paused or stopped */
    char parent[UUID_LENGTH + 1]; /* "" = none */
    char request[REQUEST_ID_MAX + 1]; /* "" unless the domain's own tree carried the request */
    long long created_ms;         /* since the epoch */
    bool memory;                  /* false: disks only, and the fields up to downtime_ms are 0 */
    char memory_file[PATH_SIZE];  /* "" = "memory" in the snapshot's directory */
    long long memory_size;        /* bytes of the memory file */
    char memory_hash[40];         /* of the whole file, see digest.h */
    int downtime_ms;              /* -1 = unknown */
    int freeze_ms;                /* -1 = its file systems were not frozen */
    struct record_quiesce quiesce;
    char made_by[32];             /* our version */
    char xen[32];                 /* the hypervisor's */
    size_t disk_count;
    struct record_disk disks[DISKS_MAX];
    size_t left_out_count;
    struct record_left_out left_out[DISKS_MAX];
};

/* To be freed. */
char *record_format(const struct record *record);
int record_parse(struct record *record, const char *text, struct err *err);

/* Its part for that disk, or NULL. */
const struct record_disk *record_find_disk(const struct record *record, const char *vdev);
bool record_has(const struct record *record, enum place place);
/* What a listing shows of it. */
void record_entry(const struct record *record, bool current, struct entry *entry);

#endif
