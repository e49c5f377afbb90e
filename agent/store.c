/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "files.h"
#include "log.h"

struct store {
    int root;
};

int store_open(struct store **out, const char *root, struct err *err)
{
    struct store *store = calloc(1, sizeof *store);

    if (!store)
        return err_set(err, ERR_IO, "out of memory");
    store->root = dir_make(AT_FDCWD, root, err);
    if (store->root < 0) {
        free(store);
        return -1;
    }
    *out = store;
    return 0;
}

struct store *store_close(struct store *store)
{
    if (store) {
        close(store->root);
        free(store);
    }
    return NULL;
}

/* Calls VISIT for every child of DIR whose name is a UUID. */
static void each_uuid(int dir, void (*visit)(void *data, const char *uuid), void *data)
{
    int fd = dir_open(dir, ".");
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *child;

    if (!stream)
        return;
    while ((child = readdir(stream)))
        if (uuid_valid(child->d_name))
            visit(data, child->d_name);
    closedir(stream);
}

void store_each_vm(struct store *store, void (*visit)(void *data, const char *vm), void *data)
{
    each_uuid(store->root, visit, data);
}

int store_vm_dir(struct store *store, const char *vm, enum store_make make, struct err *err)
{
    int fd = make == STORE_MAKE ? dir_make(store->root, vm, err) : dir_open(store->root, vm);

    if (fd < 0 && make == STORE_EXISTING)
        return err_set(err, ERR_NOT_FOUND, "this domain has no snapshots");
    if (fd >= 0 && make == STORE_MAKE && dir_sync(store->root, err) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool store_has_journal(struct store *store, const char *vm)
{
    _cleanup_(closep) int dir = dir_open(store->root, vm);

    return dir >= 0 && faccessat(dir, "journal", F_OK, 0) == 0;
}

long long store_free_bytes(struct store *store)
{
    struct statvfs fs;

    return fstatvfs(store->root, &fs) < 0 ? 0 : (long long)fs.f_bavail * (long long)fs.f_frsize;
}

struct listing {
    int dir;
    struct snapshots *snapshots;
};

static void add_snapshot(void *data, const char *id)
{
    struct listing *listing = data;
    struct snapshots *snapshots = listing->snapshots;
    _cleanup_(closep) int dir = dir_open(listing->dir, id);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, "snapshot.json");
    struct record *grown;
    struct err err;

    if (!text) {
        log_warning("snapshot %s: cannot read snapshot.json: %s", id, strerror(errno));
        return;
    }
    grown = reallocarray(snapshots->records, snapshots->count + 1, sizeof *grown);
    if (!grown)
        return;
    snapshots->records = grown;
    if (record_parse(&grown[snapshots->count], text, &err) < 0)
        log_warning("snapshot %s: %s", id, err.text);
    else
        snapshots->count++;
}

static int older_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    return (x->created_ms > y->created_ms) - (x->created_ms < y->created_ms);
}

int store_list(struct store *store, const char *vm, struct snapshots *out, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    _cleanup_(freep) char *current = NULL;

    *out = (struct snapshots){ 0 };
    if (dir < 0)
        return -1;
    each_uuid(dir, add_snapshot, &(struct listing){ dir, out });
    if (out->count)
        qsort(out->records, out->count, sizeof *out->records, older_first);
    current = file_read(dir, "current");
    if (current && strlen(current) >= UUID_LENGTH)
        memcpy(out->current, current, UUID_LENGTH);
    return 0;
}

void snapshots_deinit(struct snapshots *snapshots)
{
    free(snapshots->records);
    *snapshots = (struct snapshots){ 0 };
}

const struct record *snapshots_find(const struct snapshots *snapshots, const char *name)
{
    for (size_t i = 0; i < snapshots->count; i++)
        if (strcmp(snapshots->records[i].name, name) == 0)
            return &snapshots->records[i];
    for (size_t i = 0; i < snapshots->count; i++)
        if (strcmp(snapshots->records[i].id, name) == 0)
            return &snapshots->records[i];
    return NULL;
}
