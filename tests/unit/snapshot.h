/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

/* A store below a scratch directory, and snapshots as a worker would have made them. */

#include "record.h"
#include "scratch.h"
#include "store.h"

#define VM1 "0123abcd-4567-89ab-cdef-0123456789ab"
#define VM2 "89ab0123-4567-89ab-cdef-0123456789ab"
#define ID1 "11111111-4567-89ab-cdef-0123456789ab"
#define ID2 "22222222-4567-89ab-cdef-0123456789ab"
#define ID3 "33333333-4567-89ab-cdef-0123456789ab"

static inline struct store *new_store(const struct scratch *scratch)
{
    struct store *store = NULL;
    struct err err = { 0 };

    if (store_open(&store, scratch_path(scratch, "store"), &err) < 0) {
        printf("# %s\n", err.text);
        exit(99);
    }
    return store;
}

static inline struct record new_record(const char *vm, const char *id, const char *name, long long created_ms)
{
    struct record record = { .state = "running", .memory_hash = "xxh3:0", .created_ms = created_ms,
                             .downtime_ms = 5, .memory = true, .disk_count = 1,
                             .disks = { { .vdev = "xvda", .place = PLACE_INTERNAL, .target = "/srv/a.qcow2",
                                          .format = "qcow2", .tag = "xensnap-tag" } } };

    snprintf(record.id, sizeof record.id, "%s", id);
    snprintf(record.vm, sizeof record.vm, "%s", vm);
    snprintf(record.name, sizeof record.name, "%s", name);
    return record;
}

static inline void new_vm(struct store *store, const char *vm)
{
    struct err err = { 0 };
    int dir = store_vm_dir(store, vm, STORE_MAKE, &err);

    CHECK(dir >= 0);
    closep(&dir);
}

/* Writes the snapshot's directory into the store, without any of the code under test. */
static inline void plant(const struct scratch *scratch, const struct record *record)
{
    _cleanup_(freep) char *text = record_format(record);
    char path[256];

    snprintf(path, sizeof path, "store/%s", record->vm);
    mkdirat(scratch->dir, path, 0700);
    snprintf(path, sizeof path, "store/%s/%s", record->vm, record->id);
    mkdirat(scratch->dir, path, 0700);
    snprintf(path, sizeof path, "store/%s/%s/snapshot.json", record->vm, record->id);
    scratch_write(scratch, path, text);
    snprintf(path, sizeof path, "store/%s/%s/config.json", record->vm, record->id);
    scratch_write(scratch, path, "{}");
    snprintf(path, sizeof path, "store/%s/%s/memory", record->vm, record->id);
    scratch_write(scratch, path, "the memory");
}

#endif
