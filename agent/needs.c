/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "needs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "image_info.h"
#include "qcow2.h"
#include "qemu_img.h"
#include "reversion.h"

enum { NEEDS_MAX = 64, SHOWN = 120 };

/* ---- what the configuration refers to ------------------------------------------------------------------ */

static const struct {
    const char *what, *way_out;
    bool to_boot;  /* a domain that gets its memory back begins without it */
    int access;
} kinds[] = {
    [XL_NEED_KERNEL] = { "kernel", "put it back there", true, R_OK },
    [XL_NEED_RAMDISK] = { "ramdisk", "put it back there", true, R_OK },
    [XL_NEED_BOOTLOADER] = { "bootloader", "put it back there", true, X_OK },
    [XL_NEED_FIRMWARE] = { "firmware", "put it back there", true, R_OK },
    [XL_NEED_DEVICE_MODEL] = { "device model", "put it back there", false, X_OK },
    [XL_NEED_SCRIPT] = { "script", "put it back there", false, X_OK },
    [XL_NEED_BRIDGE] = { "bridge", "make it (ip link add name BRIDGE type bridge)", false, F_OK },
};

static bool is_there(const struct xl_need *need)
{
    char path[sizeof need->name + 24];

    snprintf(path, sizeof path, "%s%s", need->kind == XL_NEED_BRIDGE ? "/sys/class/net/" : "", need->name);
    return access(path, kinds[need->kind].access) == 0;
}

/* A domain that only goes on in its memory does so without its kernel, but will not reboot. */
static int check_need(struct work *w, const struct reversion *r, const struct xl_need *need, struct err *err)
{
    if (is_there(need))
        return 0;
    if (kinds[need->kind].to_boot && r->record.memory) {
        work_warn(w, "the %s %.*s is not there: the domain cannot reboot without it", kinds[need->kind].what, SHOWN,
                  need->name);
        return 0;
    }
    return err_set(err, ERR_UNSUPPORTED, "%s%sthe %s %.*s that the domain had then is not there, or cannot be used; %s "
                   "and revert again; nothing was changed", need->who, *need->who ? ": " : "", kinds[need->kind].what,
                   SHOWN, need->name, kinds[need->kind].way_out);
}

static int check_needs(struct work *w, const struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct xl_need *needs = calloc(NEEDS_MAX, sizeof *needs);
    size_t count = needs ? xl_config_needs(r->config, needs, NEEDS_MAX) : 0;

    if (!needs)
        return err_set(err, ERR_IO, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (check_need(w, r, &needs[i], err) < 0)
            return -1;
    return 0;
}

/* Also what is not in the snapshot: a CD-ROM whose image is gone would make the restore fail.  A disk that can be
 * written to stays in the image where it is now, which is another matter. */
static int check_targets(const struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;
    struct stat st;

    for (size_t i = 0; i < count; i++)
        if (*disks[i].target == '/' && (disks[i].cdrom || !disks[i].writable) && stat(disks[i].target, &st) < 0)
            return err_errno(err, "disk %s: its image %.*s is not there; put it back and revert again; nothing was "
                             "changed", disks[i].vdev, SHOWN, disks[i].target);
    return 0;
}

int needs_check(struct work *w, const struct reversion *r, struct err *err)
{
    if (check_needs(w, r, err) < 0 || xl_config_check_pool(w->xl, r->config, err) < 0 ||
        xl_config_check_name(w->xl, r->config, r->record.vm, err) < 0)
        return -1;
    return check_targets(r, err);
}

/* ---- the images ---------------------------------------------------------------------------------------- */

/* By QEMU's name; NULL for what only a backend may know. */
static const char *qemu_format(const char *format)
{
    static const char *const known[] = { "raw", "qcow2", "qcow", "qed" };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(format, known[i]) == 0)
            return known[i];
    return strcmp(format, "vhd") == 0 ? "vpc" : NULL;
}

static int check_opens(struct work *w, const struct xl_disk *disk, struct err *err)
{
    const char *format = qemu_format(disk->format);
    struct image_info info;

    if (!format)
        return 0;
    if (qemu_img_open(disk->target, format, w->control, err) < 0) {
        if (err->code != ERR_QEMU)
            return -1;
        err->code = ERR_CORRUPT; /* it did open once */
        return err_context(err, "disk %s: its image %.*s cannot be opened with all that it stands on; nothing was "
                           "changed", disk->vdev, SHOWN, disk->target);
    }
    if (!disk->writable || disk->cdrom)
        return 0;
    if (image_info(disk->target, format, NULL, &info, w->control, err) < 0)
        return -1;
    return info.corrupt ? err_set(err, ERR_CORRUPT, "disk %s: its image %.*s is marked as corrupt; nothing was "
                                  "changed; qemu-img check says what is wrong with it", disk->vdev, SHOWN,
                                  disk->target) : 0;
}

/* A target that is no path is for its backend to know. */
static int check_image(struct work *w, const struct reversion *r, const struct xl_disk *disk, struct err *err)
{
    struct stat st;

    if (*disk->target != '/')
        return 0;
    if (stat(disk->target, &st) < 0)
        return err_set(err, ERR_CORRUPT, "disk %s: its image %.*s is not there; put it back and revert again; nothing "
                       "was changed", disk->vdev, SHOWN, disk->target);
    if (!disk->qdisk)
        return 0;
    if (check_opens(w, disk, err) < 0)
        return -1;
    return disk->writable && !disk->cdrom ? reach_check_unwritten(&r->reach, disk->target, disk->vdev, err) : 0;
}

/* What an image has room for that is put back itself. */
static int check_room(const struct reversion *r, const struct record_disk *disk, struct err *err)
{
    struct statvfs fs;
    long long need, have;

    if (reach_check_unlocked(&r->reach, disk->target, disk->vdev, err) < 0)
        return -1;
    if (qcow2_snapshot_room(disk->target, &need, err) < 0)
        return -1;
    if (statvfs(disk->target, &fs) < 0)
        return err_errno(err, "%.*s", SHOWN, disk->target);
    have = (long long)fs.f_bfree * (long long)fs.f_frsize;
    if (have >= need)
        return 0;
    return err_set(err, ERR_NO_SPACE, "disk %s: the file system of its image %.*s has %lld KiB left, and to keep what "
                   "the revert replaces takes %lld KiB; make room and revert again; nothing was changed", disk->vdev,
                   SHOWN, disk->target, have >> 10, need >> 10);
}

int needs_check_images(struct work *w, const struct reversion *r, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count = disks ? xl_config_disks(r->config, disks, DISKS_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        if (check_image(w, r, &disks[i], err) < 0)
            return -1;
    for (size_t i = 0; i < r->record.disk_count; i++) {
        struct record_disk disk;

        if (reversion_is_in_place(r, &r->record.disks[i], &disk) && check_room(r, &disk, err) < 0)
            return -1;
    }
    return 0;
}
