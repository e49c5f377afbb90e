/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "draft.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "files.h"
#include "log.h"
#include "store.h"

#define DRAFT ".draft"
#define TRASH ".trash"

/* Every name that we ever give to a file of a snapshot. */
static const char *const our_files[] = { "memory", "config.json", "config.json.new", "snapshot.json.new",
                                         "snapshot.json" };

/* A directory of ours with the files that are ours.  A file that somebody put in there stays, and so does
 * the directory. */
static int remove_ours(int vm_dir, const char *name, struct err *err)
{
    _cleanup_(closep) int dir = dir_open(vm_dir, name);

    if (dir < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot open %s", name);
    for (size_t i = 0; i < sizeof our_files / sizeof *our_files; i++)
        if (unlinkat(dir, our_files[i], 0) < 0 && errno != ENOENT)
            return err_errno(err, "cannot remove %s/%s", name, our_files[i]);
    if (unlinkat(vm_dir, name, AT_REMOVEDIR) < 0)
        return err_errno(err, "cannot remove %s", name);
    return dir_sync(vm_dir, err);
}

static int read_record(struct store *store, const char *vm, const char *name, struct record *record, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    _cleanup_(closep) int dir = vm_dir < 0 ? -1 : dir_open(vm_dir, name);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, "snapshot.json");

    if (vm_dir < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (!text)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read %s/snapshot.json", name);
    return record_parse(record, text, err) < 0 ? -1 : 1;
}

int draft_begin(struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    if (vm_dir < 0 || remove_ours(vm_dir, DRAFT, err) < 0)
        return -1;
    return dir_make(vm_dir, DRAFT, err);
}

int draft_create(int draft, const char *name, struct err *err)
{
    int fd = openat(draft, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? err_errno(err, "cannot create %s", name) : fd;
}

int draft_write(int draft, const char *name, const char *text, struct err *err)
{
    return file_replace(draft, name, text, err);
}

static void empty_file(struct store *store, const char *vm, const char *where, const char *name)
{
    struct err err;
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, &err);
    _cleanup_(closep) int dir = vm_dir < 0 ? -1 : dir_open(vm_dir, where);
    _cleanup_(closep) int file = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (file >= 0 && ftruncate(file, 0) < 0)
        log_warning("the space of %s cannot be given back: %s", name, strerror(errno));
}

void draft_empty(struct store *store, const char *vm, const char *name)
{
    empty_file(store, vm, DRAFT, name);
}

int draft_record(struct store *store, const char *vm, struct record *record, struct err *err)
{
    return read_record(store, vm, DRAFT, record, err);
}

static int move(struct store *store, const char *vm, const char *from, const char *to, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    if (vm_dir < 0)
        return -1;
    if (renameat(vm_dir, from, vm_dir, to) < 0)
        return err_errno(err, "cannot rename %s", from);
    return dir_sync(vm_dir, err);
}

/* From the rename on it is in the list.  If only its durability is in doubt, that is no reason to undo it. */
int draft_commit(struct store *store, const char *vm, const char *id, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    struct err sync_err;

    if (vm_dir < 0)
        return -1;
    if (renameat(vm_dir, DRAFT, vm_dir, id) < 0)
        return err_errno(err, "cannot rename %s", DRAFT);
    if (dir_sync(vm_dir, &sync_err) < 0)
        log_warning("snapshot %s is made, but not yet durable: %s", id, sync_err.text);
    return 0;
}

int draft_abandon(struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    return vm_dir < 0 ? -1 : remove_ours(vm_dir, DRAFT, err);
}

/* If only its durability is in doubt it goes back: who is told that this has failed finds it in the list. */
int trash_move_in(struct store *store, const char *vm, const char *id, struct err *err)
{
    struct err back_err;

    if (move(store, vm, id, TRASH, err) == 0)
        return 0;
    move(store, vm, TRASH, id, &back_err);
    return -1;
}

int trash_move_out(struct store *store, const char *vm, const char *id, struct err *err)
{
    return move(store, vm, TRASH, id, err);
}

int trash_record(struct store *store, const char *vm, struct record *record, struct err *err)
{
    return read_record(store, vm, TRASH, record, err);
}

void trash_give_space(struct store *store, const char *vm)
{
    empty_file(store, vm, TRASH, "memory");
}

int trash_empty(struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    return vm_dir < 0 ? -1 : remove_ours(vm_dir, TRASH, err);
}

static void damaged_name(char name[UUID_LENGTH + 16], const char *id)
{
    snprintf(name, UUID_LENGTH + 16, "damaged-%.*s", UUID_LENGTH, id);
}

int damaged_move_in(struct store *store, const char *vm, const char *from, const char *id, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    char name[UUID_LENGTH + 16];

    damaged_name(name, id);
    if (vm_dir < 0)
        return -1;
    if (renameat(vm_dir, from, vm_dir, name) < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot rename %s to %s", from, name);
    return dir_sync(vm_dir, err);
}

static bool has_file(struct store *store, const char *vm, const char *name)
{
    struct err err;
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, &err);

    return vm_dir >= 0 && faccessat(vm_dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool damaged_is_there(struct store *store, const char *vm, const char *id)
{
    char name[UUID_LENGTH + 16];

    damaged_name(name, id);
    return has_file(store, vm, id) || has_file(store, vm, name);
}

bool damaged_is_twice(struct store *store, const char *vm, const char *id)
{
    char name[UUID_LENGTH + 16];

    damaged_name(name, id);
    return has_file(store, vm, id) && has_file(store, vm, name);
}

static int is_of_snapshot(const struct dirent *child)
{
    const char *name = child->d_name;

    return uuid_valid(name) || strncmp(name, "damaged-", 8) == 0 || strcmp(name, DRAFT) == 0 ||
           strcmp(name, TRASH) == 0;
}

/* Out of the list first: what stays of it is no snapshot that cannot be read. */
static int drop_one(int vm_dir, const char *name, struct err *left, struct err *err)
{
    char damaged[UUID_LENGTH + 16];

    if (uuid_valid(name)) {
        damaged_name(damaged, name);
        remove_ours(vm_dir, damaged, left); /* of the same one, released before */
        if (renameat(vm_dir, name, vm_dir, damaged) < 0)
            return err_errno(err, "cannot rename %s", name);
        name = damaged;
    }
    remove_ours(vm_dir, name, left);
    return 0;
}

int damaged_drop_all(struct store *store, const char *vm, struct err *left, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    struct dirent **children = NULL;
    int count = vm_dir < 0 ? 0 : scandirat(vm_dir, ".", &children, is_of_snapshot, alphasort), rc = 0;

    if (vm_dir < 0)
        return -1;
    if (count < 0)
        return err_errno(err, "cannot list the snapshots");
    for (int i = 0; i < count; i++) {
        rc = rc == 0 ? drop_one(vm_dir, children[i]->d_name, left, err) : rc;
        free(children[i]);
    }
    free(children);
    return rc;
}

int store_set_current(struct store *store, const char *vm, const char *id, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    char line[UUID_LENGTH + 2];

    if (vm_dir < 0)
        return -1;
    if (!*id) {
        unlinkat(vm_dir, "current", 0);
        return dir_sync(vm_dir, err);
    }
    snprintf(line, sizeof line, "%s\n", id);
    return file_replace(vm_dir, "current", line, err);
}

static int snapshot_dir(struct store *store, const char *vm, const char *id, struct err *err)
{
    _cleanup_(closep) int vm_dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    int dir = vm_dir < 0 ? -1 : dir_open(vm_dir, id);

    if (vm_dir >= 0 && dir < 0)
        err_errno(err, "cannot open the snapshot");
    return dir;
}

int store_rewrite_record(struct store *store, const struct record *record, struct err *err)
{
    _cleanup_(closep) int dir = snapshot_dir(store, record->vm, record->id, err);
    _cleanup_(freep) char *text = record_format(record);

    return dir < 0 ? -1 : file_replace(dir, "snapshot.json", text, err);
}

int store_open_file(struct store *store, const char *vm, const char *id, const char *name, struct err *err)
{
    _cleanup_(closep) int dir = snapshot_dir(store, vm, id, err);
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (dir >= 0 && fd < 0) {
        err_errno(err, "cannot open the snapshot's %s", name);
        err->code = ERR_CORRUPT;
    }
    return fd;
}

static int open_elsewhere(const struct record *record, struct err *err)
{
    int fd = open(record->memory_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        err_errno(err, "cannot open the snapshot's memory image");
        err->code = ERR_CORRUPT;
    }
    return fd;
}

/* Whoever reads it would wait for ever at a FIFO, and come to no end with a device. */
int store_open_memory(struct store *store, const struct record *record, struct err *err)
{
    int fd = *record->memory_file ? open_elsewhere(record, err)
                                  : store_open_file(store, record->vm, record->id, "memory", err);
    struct stat st;

    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    closep(&fd);
    return err_set(err, ERR_CORRUPT, "the memory image is no file");
}

char *store_read_file(struct store *store, const char *vm, const char *id, const char *name, struct err *err)
{
    _cleanup_(closep) int dir = snapshot_dir(store, vm, id, err);
    char *text = dir < 0 ? NULL : file_read(dir, name);

    if (dir >= 0 && !text) {
        err_errno(err, "cannot read the snapshot's %s", name);
        err->code = ERR_CORRUPT;
    }
    return text;
}

/* What is of no use without a snapshot or an image of ours. */
static const char *const leftovers[] = { "config.json", "config.json.new", "disk.cfg", "disk.cfg.new", "current",
                                         "current.new", "images.json.new", "images.json.damaged", "next.json",
                                         "next.json.new", "owed.new", "reserve" };

static bool is_leftover(const char *name)
{
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        if (strcmp(name, leftovers[i]) == 0)
            return true;
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What cannot be read to its end may hold anything. */
static bool only_leftovers(int dir)
{
    int fd = dir_open(dir, ".");
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *child;
    bool only = stream != NULL;

    while (only && (errno = 0, child = readdir(stream)))
        only = is_leftover(child->d_name);
    only = only && errno == 0;
    if (stream)
        closedir(stream);
    return only;
}

void store_tidy(struct store *store, const char *vm)
{
    struct err err;
    _cleanup_(closep) int root = store_vm_dir(store, ".", STORE_EXISTING, &err);
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, &err);

    if (root < 0 || dir < 0 || !only_leftovers(dir))
        return;
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
        unlinkat(dir, leftovers[i], 0);
    unlinkat(root, vm, AT_REMOVEDIR); /* refused as long as anything is in it */
}
