/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reversion.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "chain.h"
#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "disks.h"
#include "files.h"
#include "image_info.h"
#include "images.h"
#include "images_note.h"
#include "kept.h"
#include "log.h"
#include "merge.h"
#include "owed.h"
#include "protect.h"
#include "qcow2.h"
#include "qemu_img.h"
#include "qmp.h"
#include "replaced.h"
#include "reversion_internal.h"
#include "store.h"
#include "vmconfig.h"

enum { RESERVE_BYTES = 64 << 10, MOMENT_SECONDS = 2 };

void reversion_deinit(struct reversion *r)
{
    reach_close(&r->reach);
    xl_config_free(r->config);
    closep(&r->memory);
}

/* ---- before anything is changed ------------------------------------------------------------------------ */

int reversion_check_disks(struct work *w, struct reversion *r, struct err *err)
{
    for (size_t i = 0; i < r->record.disk_count; i++) {
        const struct record_disk *disk = &r->record.disks[i];
        struct image_info info;
        struct node node;
        struct stat st;
        int there;

        if ((there = file_look(disk->target, &st, err)) < 0)
            return err_context(err, "disk %s", disk->vdev);
        if (there == 0)
            return err_set(err, ERR_CORRUPT, "disk %s: the image that holds the snapshot is gone", disk->vdev);
        if (image_info(disk->target, disk->format, disk->tag, &info, w->control, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        if (disk->place == PLACE_INTERNAL && !info.has_tag)
            return err_set(err, ERR_CORRUPT, "disk %s no longer holds this snapshot", disk->vdev);
        if (reach_find(&r->reach, disk->target, NULL, &node, err) < 0)
            return -1;
        if (disk->place == PLACE_EXTERNAL && node.role == NODE_TOP)
            return err_set(err, ERR_CORRUPT, "disk %s: the domain writes into the image that is this snapshot",
                           disk->vdev);
        if (info.corrupt)
            return err_set(err, ERR_CORRUPT, "disk %s: its image %.120s is marked as corrupt; nothing was changed; "
                           "qemu-img check says what is wrong with it", disk->vdev, disk->target);
        if (reach_check_unwritten(&r->reach, disk->target, disk->vdev, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the new images ------------------------------------------------------------------------------------ */

static int new_image(struct work *w, const struct record_disk *disk, char path[PATH_SIZE], struct err *err)
{
    char mark[UUID_LENGTH + 1];
    uuid_t uuid;
    int fd;

    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, mark);
    if (store_overlay_path(w->store, w->begun.order.vm, disk->vdev, mark, path) < 0)
        return err_set(err, ERR_UNSUPPORTED, "the store's path is too long for overlays, or holds a comma, a double "
                       "quote or a backslash");
    if (images_note_made(w->store, w->begun.order.vm, path, err) < 0)
        return -1;
    fd = file_claim(path, disk->target, err);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

/* What it stands on may be gone: an image that is put back in its place is opened with all of that, too. */
static int explain_copy(struct work *w, const struct record_disk *disk, struct err *err)
{
    struct err why;

    if (err->code != ERR_QEMU || qemu_img_open(disk->target, disk->format, w->control, &why) == 0 ||
        why.code != ERR_QEMU)
        return -1;
    *err = why;
    err->code = ERR_CORRUPT; /* it did open once */
    return err_context(err, "its image %.160s cannot be opened with all that it stands on; nothing was changed",
                       disk->target);
}

/* QEMU reads a snapshot inside as if it were as large as the disk is now. */
static int copy_snapshot(struct work *w, const struct record_disk *disk, const struct image_info *info,
                         char to[PATH_SIZE], struct err *err)
{
    long long size;

    if (qcow2_snapshot_size(disk->target, disk->tag, &size, err) < 0)
        return -1;
    if (size > info->virtual_size)
        return err_set(err, ERR_UNSUPPORTED,
                       "its image was made smaller since and cannot be copied as it was; delete the snapshots that "
                       "stand on it, and it is put back itself");
    if (*info->backing && !*info->backing_format)
        return err_set(err, ERR_UNSUPPORTED,
                       "its image stands on %.100s and does not say in which format that is, which is not guessed; "
                       "stop the VM and write it down: qemu-img rebase -u -F FORMAT -b BACKING IMAGE", info->backing);
    if (new_image(w, disk, to, err) < 0)
        return -1;
    if (qemu_img_copy(disk->target, disk->tag, info, to, w->control, err) < 0)
        return explain_copy(w, disk, err);
    return size && size < info->virtual_size ? qemu_img_shrink(to, size, w->control, err) : 0;
}

/* As the domain's configuration names the image: QEMU looks for what it stands on beside that name. */
static void spell(const struct reversion *r, const struct record_disk *disk, char path[PATH_SIZE])
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;

    snprintf(path, PATH_SIZE, "%s", disk->target);
    for (size_t i = 0; i < count; i++)
        if (strcmp(disks[i].vdev, disk->vdev) == 0 && same_file(disks[i].target, disk->target))
            snprintf(path, PATH_SIZE, "%s", disks[i].target);
}

/* IN_PLACE: nothing but the disk itself needs the image as it is. */
static int make_image(struct work *w, const struct reversion *r, bool in_place, const struct record_disk *disk,
                      char path[PATH_SIZE], struct err *err)
{
    struct image_info info;

    if (image_info(disk->target, disk->format, disk->tag, &info, w->control, err) < 0)
        return -1;
    if (disk->place == PLACE_INTERNAL && in_place) {
        if (info.bitmaps > 0)
            return err_set(err, ERR_UNSUPPORTED,
                           "disk %s: its image holds dirty bitmaps, with which no snapshot inside it can be put back; "
                           "stop the VM and remove them with qemu-img bitmap --remove", disk->vdev);
        spell(r, disk, path);
        return 0;
    }
    if (disk->place == PLACE_INTERNAL) {
        if (copy_snapshot(w, disk, &info, path, err) < 0)
            return -1;
    } else if (new_image(w, disk, path, err) < 0 ||
               qemu_img_create_overlay(path, disk->target, disk->format, info.virtual_size, w->control, err) < 0)
        return -1;
    return file_sync(path, err);
}

/* The disks of that configuration which are in the snapshot: 0 of them where it has none. */
static size_t list_disks(const struct xl_config *config, const struct record *record, struct images_disk *out)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(config, disks, DISKS_MAX) : 0, n = 0;

    for (size_t i = 0; i < count; i++) {
        if (!record_find_disk(record, disks[i].vdev))
            continue;
        snprintf(out[n].vdev, sizeof out[n].vdev, "%s", disks[i].vdev);
        snprintf(out[n++].path, sizeof out[0].path, "%s", disks[i].target);
    }
    return n;
}

/* A disk that is not in the snapshot stays what it is, and not what it was when the snapshot was made.  The others are
 * going to be replaced: those that the VM has now, and no others. */
static int plan_disks_now(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *now = NULL;
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    _cleanup_(freep) struct images_disk *leaving = calloc(DISKS_MAX, sizeof *leaving);
    size_t count;

    if (!disks || !leaving)
        return err_set(err, ERR_IO, "out of memory");
    if (vmconfig_load(w, reach_domain(&r->reach), &now, err) < 0)
        return -1;
    count = xl_config_disks(now, disks, DISKS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!disks[i].cdrom && disks[i].writable && disks[i].qdisk && !record_find_disk(&r->record, disks[i].vdev))
            xl_config_set_disk(r->config, disks[i].vdev, disks[i].target, disks[i].format);
    return images_note_leaving(w->store, w->begun.order.vm, leaving, list_disks(now, &r->record, leaving), err);
}

static int write_next(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *json = xl_config_format(w->xl, r->config);

    if (dir < 0)
        return -1;
    return json ? file_replace(dir, NEXT, json, err)
                : err_set(err, ERR_XEN, "libxl cannot write the configuration");
}

/* What has to be written when the old domain is gone must not fail because somebody else has filled the disk. */
static int reserve_space(struct work *w, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(closep) int file = -1;

    if (dir < 0)
        return -1;
    file = openat(dir, RESERVE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    errno = file < 0 ? errno : posix_fallocate(file, 0, RESERVE_BYTES);
    return errno ? err_errno(err, "cannot reserve space in the store") : 0;
}

/* What is not known may stand on any image: then none is written to, and copies are made. */
static int look_at_images(struct work *w, struct reversion *r, struct chain *chain, struct images *images,
                          struct err *err)
{
    if (images_load(images, w->store, w->begun.order.vm, err) < 0 ||
        chain_list(chain, images, w, &r->reach, err) < 0 || chain_check_own(chain, err) < 0 ||
        chain_look(chain, images, w, err) < 0)
        return -1;
    if (chain->unknown.code != ERR_NONE)
        work_warn(w, "no image is put back in its place: %s", chain->unknown.text);
    return 0;
}

int reversion_make_images(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(chain_deinit) struct chain chain = { 0 };
    _cleanup_(images_deinit) struct images images = { 0 };

    if (look_at_images(w, r, &chain, &images, err) < 0 || plan_disks_now(w, r, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record.disk_count; i++) {
        const struct record_disk *disk = &r->record.disks[i];
        char path[PATH_SIZE];

        if (make_image(w, r, !chain_holds_up(&chain, &images, disk->target), disk, path, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        xl_config_set_disk(r->config, disk->vdev, path, same_file(path, disk->target) ? disk->format : "qcow2");
    }
    if (reserve_space(w, err) < 0 || kept_note(w, reach_domain(&r->reach), r->config, r->mark, err) < 0)
        return -1;
    return write_next(w, r, err);
}

int reversion_read_next(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(w->store, w->begun.order.vm, STORE_EXISTING, err);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, NEXT);

    if (!text)
        return err_set(err, ERR_CORRUPT, "it is not known which disks the domain was to have");
    if (kept_mark(w, r->mark, err) < 0)
        return -1;
    r->config = xl_config_free(r->config);
    return xl_config_parse(w->xl, text, &r->config, err);
}

bool reversion_written_since(const struct reversion *r, long long then)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;
    bool written = false;
    struct stat st;

    for (size_t i = 0; i < count; i++)
        written |= disks[i].writable && !disks[i].cdrom && stat(disks[i].target, &st) == 0 &&
                   st.st_mtime > then + MOMENT_SECONDS;
    return written;
}

/* ---- the images themselves ----------------------------------------------------------------------------- */

bool reversion_is_in_place(const struct reversion *r, const struct record_disk *disk, struct record_disk *spelled)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;

    *spelled = *disk;
    for (size_t i = 0; disk->place == PLACE_INTERNAL && i < count; i++) {
        if (strcmp(disks[i].vdev, disk->vdev) != 0)
            continue;
        snprintf(spelled->target, sizeof spelled->target, "%s", disks[i].target);
        return strcmp(disks[i].target, disk->target) == 0 || same_file(disks[i].target, disk->target);
    }
    return false;
}

int reversion_check_there(const struct reversion *r, struct err *err)
{
    for (size_t i = 0; i < r->record.disk_count; i++) {
        struct record_disk disk;
        struct stat st;
        int there = reversion_is_in_place(r, &r->record.disks[i], &disk) ? file_look(disk.target, &st, err) : 1;

        if (there < 0)
            return err_context(err, "disk %s", disk.vdev);
        if (there == 0)
            return err_set(err, ERR_BUSY, "disk %s: %.200s is not there, and it is waited for; is its file system "
                           "mounted?", disk.vdev, disk.target);
    }
    return 0;
}

static int check_writable(struct work *w, const struct record_disk *disk, struct err *err)
{
    return reach_check_unwritten(NULL, disk->target, disk->vdev, err) < 0
               ? -1
               : protect_lift(w->store, w->begun.order.vm, disk->target, err);
}

static int note(struct work *w, const struct reversion *r, const struct images_disk *next, size_t count,
                struct err *err)
{
    return images_note_next(w->store, w->begun.order.vm, next, count, err) < 0 ? -1 : owed_note(w, r->mark, err);
}

/* Before the domain can write to them, and before anything is kept.  The room that is kept is there for that, too, and
 * is taken again afterwards if it can be. */
static int note_next(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct images_disk *next = calloc(DISKS_MAX, sizeof *next);
    size_t count = next ? list_disks(r->config, &r->record, next) : 0;
    struct err reserve_err;

    if (!next)
        return err_set(err, ERR_IO, "out of memory");
    if (note(w, r, next, count, err) == 0)
        return 0;
    if (err->code != ERR_NO_SPACE)
        return -1;
    reversion_give_space(w);
    if (note(w, r, next, count, err) < 0)
        return -1;
    if (reserve_space(w, &reserve_err) < 0)
        log_warning("request %s: %s", w->begun.order.request.id, reserve_err.text);
    return 0;
}

int reversion_give_up_replaced(struct work *w, struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct images_disk *next = calloc(DISKS_MAX, sizeof *next);

    if (!next)
        return err_set(err, ERR_IO, "out of memory");
    return images_retire_left(w->store, w->begun.order.vm, next, list_disks(r->config, &r->record, next), err);
}

int reversion_apply(struct work *w, struct reversion *r, struct err *err)
{
    if (note_next(w, r, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record.disk_count; i++) {
        struct record_disk disk;

        if (!reversion_is_in_place(r, &r->record.disks[i], &disk))
            continue;
        if (check_writable(w, &disk, err) < 0 ||
            replaced_keep(w, &disk, r->mark, err) < 0 || replaced_apply(w, &disk, err) < 0)
            return err_context(err, "disk %s", disk.vdev);
    }
    return 0;
}

static int put_back_content(struct work *w, const struct record_disk *disk, const char *mark, struct err *err)
{
    if (check_writable(w, disk, err) < 0)
        return -1;
    return replaced_put_back(w, disk, mark, err) < 0 ? err_context(err, "disk %s", disk->vdev) : 0;
}

/* Before anything is put back: the VM's images are its own again, however far that comes. */
static int note_back(struct work *w, const struct reversion *r, const struct xl_config *before, struct err *err)
{
    _cleanup_(freep) struct images_disk *disks = calloc(DISKS_MAX, sizeof *disks);

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    return images_note_back(w->store, w->begun.order.vm, disks, list_disks(before, &r->record, disks), err);
}

/* What was made for a domain that never ran was never used. */
static int retire_next(struct work *w, const struct reversion *r, const struct record_disk *disk, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (strcmp(disks[i].vdev, disk->vdev) == 0 && !same_file(disks[i].target, disk->target) &&
            images_retire(w->store, w->begun.order.vm, disks[i].target, WHY_UNUSED, false, err) < 0)
            return -1;
    return 0;
}

int reversion_put_back(struct work *w, struct reversion *r, const struct xl_config *before, struct err *err)
{
    if (reversion_check_there(r, err) < 0 || note_back(w, r, before, err) < 0)
        return -1;
    for (size_t i = 0; i < r->record.disk_count; i++) {
        const struct record_disk *disk = &r->record.disks[i];
        struct record_disk spelled;

        if (reversion_is_in_place(r, disk, &spelled) ? put_back_content(w, &spelled, r->mark, err) < 0
                                                     : retire_next(w, r, disk, err) < 0)
            return -1;
    }
    return 0;
}
