/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "request_disks.h"
#include "store.h"
#include "xl.h"

/* An overlay or a snapshot inside an image begins with metadata of this order; what it grows to later is up to
 * the guest. */
enum { DISK_BYTES = 1 << 20, MEMORY_SLACK = 64 << 20 };

static void leave_out(struct record *record, const char *vdev, const char *why)
{
    struct record_left_out *disk = &record->left_out[record->left_out_count++];

    snprintf(disk->vdev, sizeof disk->vdev, "%s", vdev);
    snprintf(disk->why, sizeof disk->why, "%s", why);
}

static int check_disk(const struct xl_disk *disk, enum place place, struct err *err)
{
    bool qcow2 = strcmp(disk->format, "qcow2") == 0;
    struct stat st;

    if (!disk->qdisk)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s is served by the kernel (phy), which has no snapshots; an image file can be served by "
                       "QEMU (backendtype=qdisk)", disk->vdev);
    if (!qcow2 && strcmp(disk->format, "raw") != 0)
        return err_set(err, ERR_UNSUPPORTED, "disk %s has format %s; only qcow2 and raw can be snapshotted",
                       disk->vdev, disk->format);
    if (*disk->target != '/')
        return err_set(err, ERR_UNSUPPORTED, "disk %s is no file with an absolute path", disk->vdev);
    if (stat(disk->target, &st) < 0)
        return err_errno(err, "disk %s", disk->vdev);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_UNSUPPORTED, "disk %s is a device and no file", disk->vdev);
    if (place == PLACE_INTERNAL && !qcow2)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s is raw, which has no internal snapshots; ask for an external one of it",
                       disk->vdev);
    return 0;
}

/* Without links and detours: it is told to others, and compared. */
static int find_real_path(const char *path, char real[PATH_SIZE], const char *what, struct err *err)
{
    _cleanup_(freep) char *found = realpath(path, NULL);

    if (!found)
        return err_errno(err, "%s", what);
    if (!path_valid(found))
        return err_set(err, ERR_UNSUPPORTED, "%s: its path is too long, or holds what is no text", what);
    snprintf(real, PATH_SIZE, "%s", found);
    return 0;
}

/* The same for a file that is to be made in a directory that is there. */
static int straighten(char path[PATH_SIZE], const char *what, struct err *err)
{
    char parent[PATH_SIZE], real[PATH_SIZE], name[PATH_SIZE];

    snprintf(parent, sizeof parent, "%.*s/", (int)(strrchr(path, '/') - path), path);
    snprintf(name, sizeof name, "%s", strrchr(path, '/') + 1);
    if (access(parent, F_OK) < 0)
        return 0;
    if (find_real_path(parent, real, what, err) < 0)
        return -1;
    if (snprintf(path, PATH_SIZE, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) >= PATH_SIZE)
        return err_set(err, ERR_UNSUPPORTED, "%s: its path is too long", what);
    return 0;
}

/* Not there yet, and in a directory that is; the VM's own is made when it is needed. */
static int check_new_file(char path[PATH_SIZE], const char *what, const struct record *record, struct store *store,
                          struct err *err)
{
    char parent[PATH_SIZE];
    struct stat st;

    if (straighten(path, what, err) < 0)
        return -1;
    if (!path_plain(path))
        return err_set(err, ERR_INVALID, "%s: the path of the file that is to be made holds a comma, a double quote "
                       "or a backslash, which xl and QEMU do not take as a part of it", what);
    if (lstat(path, &st) == 0)
        return err_set(err, ERR_EXISTS, "%s: the file that is to be made exists already", what);
    if (store_minds(store, record->vm, path))
        return err_set(err, ERR_INVALID, "%s: in the store a file may be made only as UUID/NAME.qcow2 or .save", what);
    if (store_is_inside(store, record->vm, path))
        return 0;
    snprintf(parent, sizeof parent, "%.*s/", (int)(strrchr(path, '/') - path), path);
    if (stat(parent, &st) < 0)
        return err_set(err, ERR_NOT_FOUND, "%s: the directory of the file that is to be made does not exist", what);
    if (!S_ISDIR(st.st_mode) || access(parent, W_OK) < 0)
        return err_set(err, ERR_INVALID, "%s: no file can be made there", what);
    return 0;
}

/* The disk is the last one of RECORD. */
static int choose_overlay(struct record *record, struct record_disk *disk, const struct request_disk *wish,
                          struct store *store, struct err *err)
{
    char what[VDEV_SIZE + 8];

    snprintf(what, sizeof what, "disk %s", disk->vdev);
    if (!wish || !*wish->target)
        return store_overlay_path(store, record->vm, disk->vdev, record->id, disk->overlay) == 0
                   ? 0
                   : err_set(err, ERR_UNSUPPORTED, "%s: the store's path is too long for overlays, or holds a comma, a "
                             "double quote or a backslash", what);
    snprintf(disk->overlay, sizeof disk->overlay, "%s", wish->target);
    if (check_new_file(disk->overlay, what, record, store, err) < 0)
        return -1;
    for (size_t i = 0; i + 1 < record->disk_count; i++)
        if (strcmp(record->disks[i].overlay, disk->overlay) == 0)
            return err_set(err, ERR_INVALID, "disk %s and disk %s cannot share an overlay",
                           record->disks[i].vdev, disk->vdev);
    if (strcmp(record->memory_file, disk->overlay) == 0)
        return err_set(err, ERR_INVALID, "disk %s and the memory cannot share a file", disk->vdev);
    return 0;
}

static int plan_disk(struct record *record, const struct xl_disk *from, const struct request *request,
                     struct store *store, struct err *err)
{
    const struct request_disk *wish = request_disk_find(request, from->vdev);
    struct record_disk *disk = &record->disks[record->disk_count];
    enum place place = wish && wish->place ? wish->place : request->type ? request->type : PLACE_INTERNAL;
    char id[UUID_LENGTH + 1];

    if (wish && (from->cdrom || !from->writable))
        return err_set(err, ERR_INVALID, "disk %s is %s", from->vdev, from->cdrom ? "a CD-ROM" : "read-only");
    if (from->cdrom || !from->writable) {
        leave_out(record, from->vdev, from->cdrom ? "cdrom" : "read-only");
        return 0;
    }
    if (!wish && request->disk_count > 0) {
        if (record->memory)
            return err_set(err, ERR_INVALID,
                           "disk %s must be in it too: memory and disks would not belong together", from->vdev);
        leave_out(record, from->vdev, "not asked for");
        return 0;
    }
    if (check_disk(from, place, err) < 0)
        return -1;
    record->disk_count++;
    disk->place = place;
    snprintf(disk->vdev, sizeof disk->vdev, "%s", from->vdev);
    /* as the administrator spells it: what the image stands on may be named as seen from there */
    if (!path_valid(from->target))
        return err_set(err, ERR_UNSUPPORTED, "disk %s: its path is too long, or holds what is no text", from->vdev);
    snprintf(disk->target, sizeof disk->target, "%s", from->target);
    snprintf(disk->format, sizeof disk->format, "%.7s", from->format);
    if (place == PLACE_EXTERNAL)
        return choose_overlay(record, disk, wish, store, err);
    memcpy(id, record->id, sizeof id); /* snprintf() must not read from what it writes to */
    snprintf(disk->tag, sizeof disk->tag, "xensnap-%s", id);
    return 0;
}

static int check_wishes(const struct request *request, const struct xl_disk *disks, size_t count, struct err *err)
{
    for (size_t i = 0; i < request->disk_count; i++) {
        bool found = false;

        for (size_t j = 0; j < count; j++)
            found |= strcmp(request->disks[i].vdev, disks[j].vdev) == 0;
        if (!found)
            return err_set(err, ERR_NOT_FOUND, "the domain has no disk %s", request->disks[i].vdev);
    }
    return 0;
}

int plan_disks(struct record *record, const struct xl_config *config, const struct request *request,
               struct store *store, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX + 1, sizeof *disks);
    size_t count;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    count = xl_config_disks(config, disks, DISKS_MAX + 1);
    if (count > DISKS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "the domain has more than %d disks", DISKS_MAX);
    if (check_wishes(request, disks, count, err) < 0 ||
        (*record->memory_file && check_new_file(record->memory_file, "memory", record, store, err) < 0))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (plan_disk(record, &disks[i], request, store, err) < 0)
            return -1;
    if (!record->memory && record->disk_count == 0)
        return err_set(err, ERR_UNSUPPORTED, "the domain has no disk that could be snapshotted");
    return 0;
}

/* A live save writes pages that change meanwhile once more, up to five times; running out of space by that costs
 * nothing but the attempt. */
long long plan_memory_bytes(long long memory_kb)
{
    return memory_kb * 1024 + MEMORY_SLACK;
}

static long long free_bytes_at(const char *path)
{
    char parent[PATH_SIZE];
    struct statvfs fs;

    snprintf(parent, sizeof parent, "%.*s/", (int)(strrchr(path, '/') - path), path);
    return statvfs(parent, &fs) < 0 ? -1 : (long long)fs.f_bavail * (long long)fs.f_frsize;
}

int plan_check_space(const struct record *record, struct store *store, long long memory_kb, struct err *err)
{
    long long need = plan_memory_bytes(memory_kb);
    long long have = *record->memory_file && !store_is_inside(store, record->vm, record->memory_file)
                         ? free_bytes_at(record->memory_file)
                         : store_free_bytes(store);

    if (record->memory && have < need)
        return err_set(err, ERR_NO_SPACE, "there are %lld MiB free for the memory image, which needs %lld MiB",
                       have >> 20, need >> 20);
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        const char *file = disk->place == PLACE_INTERNAL ? disk->target : disk->overlay;

        have = store_is_inside(store, record->vm, file) ? store_free_bytes(store) : free_bytes_at(file);
        if (have >= 0 && have < DISK_BYTES)
            return err_set(err, ERR_NO_SPACE, "disk %s: there is no room for its snapshot", disk->vdev);
    }
    return 0;
}

static void __attribute__((format(printf, 2, 3))) add_line(char text[STATUS_PLAN_SIZE], const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text + used, STATUS_PLAN_SIZE - used, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= STATUS_PLAN_SIZE - used)
        text[used] = '\0'; /* a line is whole or not there */
}

void plan_describe(const struct record *record, struct store *store, long long memory_kb,
                   char text[STATUS_PLAN_SIZE])
{
    long long bytes = record->disk_count * (long long)DISK_BYTES;

    *text = '\0';
    add_line(text, "snapshot %s of a %s domain\n", record->name, record->state);
    bytes += record->memory ? plan_memory_bytes(memory_kb) : 0;
    add_line(text, "forecast: %lld bytes, more if the guest writes a lot meanwhile; the store has %lld bytes free\n",
             bytes, store_free_bytes(store));
    if (record->memory)
        add_line(text, "memory: %lld bytes in %s\n", plan_memory_bytes(memory_kb),
                 *record->memory_file ? record->memory_file : "the store");
    if (record->quiesce.asked)
        add_line(text, "file systems: %s\n",
                 *record->quiesce.warning ? record->quiesce.warning : "frozen by the guest meanwhile");
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (disk->place == PLACE_INTERNAL)
            add_line(text, "disk %s: internal, in %s\n", disk->vdev, disk->target);
        else
            add_line(text, "disk %s: external, %s is kept as it is and the domain goes on in %s\n", disk->vdev,
                     disk->target, disk->overlay);
    }
    for (size_t i = 0; i < record->left_out_count; i++)
        add_line(text, "disk %s: left out (%s)\n", record->left_out[i].vdev, record->left_out[i].why);
}
