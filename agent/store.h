/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STORE_H
#define STORE_H

/* The snapshots on disk, docs/store.md: who has any, which, and which one is current.  The read side, used
 * by agent and worker; only a worker that holds the VM's journal writes (draft.h). */

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

struct store;

/* Makes the root where it is missing, mode 0700. */
int store_open(struct store **out, const char *root, struct err *err);
struct store *store_close(struct store *store);

/* Calls VISIT for the UUID of every VM that has a directory.  -1 where that may not be all of them. */
int store_each_vm(struct store *store, void (*visit)(void *data, const char *vm), void *data, struct err *err);
/* The VM's directory, made where it is missing if MAKE is set; a descriptor for the caller to close, or -1. */
enum store_make { STORE_EXISTING, STORE_MAKE };
int store_vm_dir(struct store *store, const char *vm, enum store_make make, struct err *err);
/* An operation on the VM was begun and not ended. */
bool store_has_journal(struct store *store, const char *vm);
/* There are images of ours, or what ours stand on. */
bool store_has_images(struct store *store, const char *vm);
long long store_free_bytes(struct store *store);
/* Where overlays go by default: VM/disk_VDEV.MARK.qcow2; MARK makes it a name that was never used.  -1: it would be
 * too long, or not plain (names.h). */
int store_overlay_path(struct store *store, const char *vm, const char *vdev, const char *mark,
                       char path[PATH_SIZE]);
/* Of a file in the VM's directory; -1: it would be too long. */
int store_file_path(struct store *store, const char *vm, const char *name, char path[PATH_SIZE]);
/* Whether PATH is a file right in the VM's directory. */
bool store_is_inside(struct store *store, const char *vm, const char *path);
/* Whether a file that somebody wants to have made there would be in the way of the store's own. */
bool store_minds(struct store *store, const char *vm, const char *path);

/* The VM's snapshots, oldest first.  Those whose record cannot be read are left out with a warning; that is good enough
 * for a list, and not for who decides about images. */
struct snapshots {
    struct record *records; /* one allocation */
    size_t count;
    struct err missing;     /* code ERR_NONE, or what is not in it and why */
    char current[UUID_LENGTH + 1]; /* the snapshot that the VM's state descends from, or "" */
};
int store_list(struct store *store, const char *vm, struct snapshots *out, struct err *err);
/* The current one alone, "" where there is none, for who builds on it: a list leaves out what cannot be read. */
int store_read_current(struct store *store, const char *vm, char current[UUID_LENGTH + 1], struct err *err);
void snapshots_deinit(struct snapshots *snapshots);
/* ERR_CORRUPT where a snapshot could not be read, or the directory not be listed to its end. */
int snapshots_check_whole(const struct snapshots *snapshots, struct err *err);
/* By name, else by id; NULL where there is none. */
const struct record *snapshots_find(const struct snapshots *snapshots, const char *name);

/* The one in the directory ID, or why it cannot be read. */
int store_read_record(struct store *store, const char *vm, const char *id, struct record *record, struct err *err);
/* Copies the one of that name or id; ERR_NOT_FOUND where there is none, ERR_CORRUPT where one that could not be read
 * may be it. */
int store_find(struct store *store, const char *vm, const char *name, struct record *record, struct err *err);

static inline void store_closep(struct store **store)
{
    store_close(*store);
}

#endif
