/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "files.h"
#include "log.h"

struct store {
    int root;
    char path[PATH_SIZE]; /* of the root, absolute: images are told to QEMU by their paths */
};

static bool realpath_into(char into[PATH_SIZE], const char *path)
{
    _cleanup_(freep) char *real = realpath(path, NULL);

    return real && snprintf(into, PATH_SIZE, "%s", real) < PATH_SIZE;
}

int store_open(struct store **out, const char *root, struct err *err)
{
    struct store *store = calloc(1, sizeof *store);

    if (!store)
        return err_set(err, ERR_IO, "out of memory");
    /* The root itself may be a symbolic link to a larger disk; nothing below it may. */
    if (mkdir(root, 0700) < 0 && errno != EEXIST)
        err_errno(err, "cannot make the directory %s", root);
    else if ((store->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        err_errno(err, "cannot open the directory %s", root);
    else if (!realpath_into(store->path, root))
        err_set(err, ERR_INVALID, "the path of the store is too long");
    else {
        *out = store;
        return 0;
    }
    if (store->root > 0)
        close(store->root);
    free(store);
    return -1;
}

struct store *store_close(struct store *store)
{
    if (store) {
        close(store->root);
        free(store);
    }
    return NULL;
}

/* What cannot be looked at may be one. */
static bool may_be_directory(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? S_ISDIR(st.st_mode) : errno != ENOENT;
}

/* Calls VISIT for every directory in DIR whose name is a UUID.  -1 with errno where that may not be all of them. */
static int each_uuid(int dir, void (*visit)(void *data, const char *uuid), void *data)
{
    int fd = dir_open(dir, "."), failed;
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *child;

    if (!stream && fd >= 0)
        close(fd);
    if (!stream)
        return -1;
    while (errno = 0, (child = readdir(stream)))
        if (uuid_valid(child->d_name) && may_be_directory(fd, child->d_name))
            visit(data, child->d_name);
    failed = errno;
    closedir(stream);
    errno = failed;
    return failed ? -1 : 0;
}

int store_each_vm(struct store *store, void (*visit)(void *data, const char *vm), void *data, struct err *err)
{
    return each_uuid(store->root, visit, data) < 0 ? err_errno(err, "cannot list the VMs in %s", store->path) : 0;
}

int store_vm_dir(struct store *store, const char *vm, enum store_make make, struct err *err)
{
    int fd = make == STORE_MAKE ? dir_make(store->root, vm, err) : dir_open(store->root, vm);

    if (fd < 0 && make == STORE_EXISTING)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "this domain has no snapshots")
                               : err_errno(err, "cannot open the domain's snapshots");
    if (fd >= 0 && make == STORE_MAKE && dir_sync(store->root, err) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool has_file(struct store *store, const char *vm, const char *name)
{
    _cleanup_(closep) int dir = dir_open(store->root, vm);

    return dir >= 0 && faccessat(dir, name, F_OK, 0) == 0;
}

bool store_has_journal(struct store *store, const char *vm)
{
    return has_file(store, vm, "journal");
}

bool store_has_images(struct store *store, const char *vm)
{
    return has_file(store, vm, "images.json");
}

long long store_free_bytes(struct store *store)
{
    struct statvfs fs;

    return fstatvfs(store->root, &fs) < 0 ? 0 : (long long)fs.f_bavail * (long long)fs.f_frsize;
}

int store_overlay_path(struct store *store, const char *vm, const char *vdev, const char *mark,
                       char path[PATH_SIZE])
{
    int n = snprintf(path, PATH_SIZE, "%s/%s/disk_%s.%.8s.qcow2", store->path, vm, vdev, mark);

    return n < PATH_SIZE && path_plain(path) ? 0 : -1;
}

int store_file_path(struct store *store, const char *vm, const char *name, char path[PATH_SIZE])
{
    return snprintf(path, PATH_SIZE, "%s/%s/%s", store->path, vm, name) < PATH_SIZE ? 0 : -1;
}

bool store_is_inside(struct store *store, const char *vm, const char *path)
{
    char dir[PATH_SIZE + UUID_LENGTH + 3];
    size_t length = (size_t)snprintf(dir, sizeof dir, "%s/%s/", store->path, vm);

    return strncmp(path, dir, length) == 0 && path[length] && !strchr(path + length, '/');
}

bool store_minds(struct store *store, const char *vm, const char *path)
{
    size_t length = strlen(store->path);
    const char *dot = strrchr(path, '.');

    if (strncmp(path, store->path, length) != 0 || path[length] != '/')
        return false;
    return !store_is_inside(store, vm, path) || !dot || (strcmp(dot, ".qcow2") != 0 && strcmp(dot, ".save") != 0);
}

struct listing {
    int dir;
    struct snapshots *snapshots;
    const char *vm;
};

/* The first one stands; each is told. */
static void leave_out(struct snapshots *snapshots, const char *vm, const char *id, const char *why)
{
    log_warning("snapshot %s: %s", id, why);
    if (snapshots->missing.code == ERR_NONE)
        err_set(&snapshots->missing, ERR_CORRUPT, "snapshot %s cannot be read (%.80s): nothing is merged or removed; "
                "bring it back, or give it up: xensnap release %s %s", id, why, vm, id);
}

static int read_record(int vm_dir, const char *vm, const char *id, struct record *record, struct err *err)
{
    _cleanup_(closep) int dir = dir_open(vm_dir, id);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, "snapshot.json");

    if (!text)
        return err_errno(err, "cannot read snapshot.json");
    if (record_parse(record, text, err) < 0)
        return -1;
    if (strcmp(record->id, id) != 0 || strcmp(record->vm, vm) != 0)
        return err_set(err, ERR_CORRUPT, "its snapshot.json is another snapshot's");
    return 0;
}

static void add_snapshot(void *data, const char *id)
{
    struct listing *listing = data;
    struct snapshots *snapshots = listing->snapshots;
    struct record *grown;
    struct err err;

    grown = reallocarray(snapshots->records, snapshots->count + 1, sizeof *grown);
    if (!grown) {
        leave_out(snapshots, listing->vm, id, "out of memory");
        return;
    }
    snapshots->records = grown;
    if (read_record(listing->dir, listing->vm, id, &grown[snapshots->count], &err) < 0)
        leave_out(snapshots, listing->vm, id, err.text);
    else
        snapshots->count++;
}

static int older_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    return (x->created_ms > y->created_ms) - (x->created_ms < y->created_ms);
}

/* "" where there is none. */
static int read_current(int dir, char current[UUID_LENGTH + 1], struct err *err)
{
    _cleanup_(freep) char *text = file_read(dir, "current");

    *current = '\0';
    if (!text)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read which snapshot is the current one");
    text[strcspn(text, "\n")] = '\0';
    if (uuid_valid(text))
        memcpy(current, text, UUID_LENGTH + 1);
    return 0;
}

int store_read_current(struct store *store, const char *vm, char current[UUID_LENGTH + 1], struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    *current = '\0';
    if (dir < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    return read_current(dir, current, err);
}

int store_list(struct store *store, const char *vm, struct snapshots *out, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    struct err current_err;

    *out = (struct snapshots){ 0 };
    if (dir < 0)
        return -1;
    if (each_uuid(dir, add_snapshot, &(struct listing){ dir, out, vm }) < 0) {
        err_errno(&out->missing, "the snapshots cannot be listed");
        out->missing.code = ERR_CORRUPT;
        log_warning("VM %s: %s", vm, out->missing.text);
    }
    if (out->count)
        qsort(out->records, out->count, sizeof *out->records, older_first);
    if (read_current(dir, out->current, &current_err) < 0)
        log_warning("VM %s: %s", vm, current_err.text);
    return 0;
}

void snapshots_deinit(struct snapshots *snapshots)
{
    free(snapshots->records);
    *snapshots = (struct snapshots){ 0 };
}

int snapshots_check_whole(const struct snapshots *snapshots, struct err *err)
{
    if (snapshots->missing.code == ERR_NONE)
        return 0;
    *err = snapshots->missing;
    return -1;
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

int store_read_record(struct store *store, const char *vm, const char *id, struct record *record, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    return dir < 0 ? -1 : read_record(dir, vm, id, record, err);
}

int store_find(struct store *store, const char *vm, const char *name, struct record *record, struct err *err)
{
    struct snapshots snapshots = { 0 };
    const struct record *found;

    if (store_list(store, vm, &snapshots, err) < 0)
        return -1;
    found = snapshots_find(&snapshots, name);
    if (found)
        *record = *found;
    else if (snapshots_check_whole(&snapshots, err) < 0)
        err_context(err, "there is no snapshot named %s among those that can be read", name);
    else
        err_set(err, ERR_NOT_FOUND, "there is no snapshot named %s", name);
    snapshots_deinit(&snapshots);
    return found ? 0 : -1;
}
