/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "control.h"
#include "files.h"
#include "image_info.h"
#include "images_note.h"
#include "json.h"
#include "log.h"
#include "protect.h"
#include "qemu_img.h"
#include "qmp.h"
#include "reach.h"
#include "refcounts.h"

/* The command holds QEMU's main loop until it is done, minutes for a large fragmented image; giving up earlier
 * would only mean not to know how it ended. */
enum { TRANSACTION_SECONDS = 600 };

static int check_node(const struct record_disk *disk, const struct node *node, struct err *err)
{
    if (node->role != NODE_TOP || node->writers == 0)
        return err_set(err, ERR_QEMU, "disk %s: QEMU does not have its image open", disk->vdev);
    /* Each would keep its own idea of what is where in the image, and the last to write would win. */
    if (node->writers > 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s: the guest still has the emulated disk beside the PV one; its PV drivers must be up, "
                       "or it must have none (xen_platform_pci=0)", disk->vdev);
    return 0;
}

int disks_check(const struct record *record, const struct reach *reach, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct node node;

        if (reach_find(reach, disk->target, NULL, &node, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        if ((reach->runs ? check_node(disk, &node, err) : reach_check_unused(disk->target, disk->vdev, err)) < 0)
            return -1;
    }
    return 0;
}

void disks_make_ready(const struct record *record, const struct reach *reach)
{
    for (size_t i = 0; i < record->disk_count; i++)
        if (record->disks[i].place == PLACE_INTERNAL)
            refcounts_keep(reach, record->disks[i].target);
}

/* ---- making -------------------------------------------------------------------------------------------- */

/* Noted first: from then on it is ours to remove, and not before, for the name must have been free. */
static int make_overlay(const struct record *record, const struct record_disk *disk, struct store *store,
                        struct control *control, struct err *err)
{
    struct image_info base;
    _cleanup_(closep) int fd = -1;

    if (image_info(disk->target, disk->format, NULL, &base, control, err) < 0)
        return -1;
    if (base.corrupt)
        return err_set(err, ERR_CORRUPT, "its image is marked as corrupt");
    if (access(disk->overlay, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "the file that is to be made exists already");
    if (images_note_overlay(store, record->vm, disk, base.virtual_size, base.backing, err) < 0)
        return -1;
    fd = file_claim(disk->overlay, disk->target, err);
    if (fd < 0 && err->code == ERR_EXISTS)
        images_forget(store, record->vm, disk->overlay, &(struct err){ 0 }); /* somebody else's, made just now */
    if (fd < 0)
        return -1;
    if (qemu_img_create_overlay(disk->overlay, disk->target, disk->format, base.virtual_size, control, err) < 0)
        return -1;
    return fsync(fd) < 0 ? err_errno(err, "cannot make the overlay durable") : 0;
}

int disks_make_overlays(const struct record *record, struct store *store, struct control *control,
                        struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++)
        if (record->disks[i].place == PLACE_EXTERNAL &&
            make_overlay(record, &record->disks[i], store, control, err) < 0)
            return err_context(err, "disk %s", record->disks[i].vdev);
    return images_note_heads(store, record, err);
}

static void put_internal(struct json_writer *w, const struct record_disk *disk, const struct node *node)
{
    json_put_string(w, "type", "blockdev-snapshot-internal-sync");
    json_object(w, "data");
    json_put_string(w, "device", node->name);
    json_put_string(w, "name", disk->tag);
    json_end_object(w);
}

/* "existing": QEMU would overwrite what it creates itself.  Not blockdev-add and blockdev-snapshot: such an
 * overlay belongs to the monitor, and Xen's detach of the disk would fail and leave both images open. */
static void put_external(struct json_writer *w, const struct record *record, const struct record_disk *disk,
                         const struct node *node)
{
    char name[NODE_NAME_SIZE];

    snprintf(name, sizeof name, "xs-%.8s-%s", record->id, disk->vdev);
    json_put_string(w, "type", "blockdev-snapshot-sync");
    json_object(w, "data");
    json_put_string(w, "node-name", node->name);
    json_put_string(w, "snapshot-file", disk->overlay);
    json_put_string(w, "snapshot-node-name", name);
    json_put_string(w, "format", "qcow2");
    json_put_string(w, "mode", "existing");
    json_end_object(w);
}

static int snapshot_running(const struct record *record, const struct reach *reach, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_array(w, "actions");
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct node node;

        if (reach_find(reach, disk->target, NULL, &node, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        json_object(w, NULL);
        if (disk->place == PLACE_INTERNAL)
            put_internal(w, disk, &node);
        else
            put_external(w, record, disk, &node);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    return qmp_call(reach->qmp, "transaction", json_text(w), TRANSACTION_SECONDS, NULL, err);
}

/* An external snapshot of an image that nobody writes to is there with the overlay's place in the configuration. */
static int snapshot_stopped(const struct record *record, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (disk->place == PLACE_INTERNAL && (reach_check_unused(disk->target, disk->vdev, err) < 0 ||
                                              qemu_img_tag(disk->target, disk->tag, err) < 0))
            return err_context(err, "disk %s", disk->vdev);
    }
    return 0;
}

int disks_snapshot(const struct record *record, const struct reach *reach, struct err *err)
{
    if (record->disk_count == 0)
        return 0;
    return reach->runs ? snapshot_running(record, reach, err) : snapshot_stopped(record, err);
}

/* ---- removing ------------------------------------------------------------------------------------------ */

int disks_check_untag(const struct record *record, const struct reach *reach, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct node node;
        struct stat st;
        int there = disk->place == PLACE_INTERNAL ? file_look(disk->target, &st, err) : 0;

        if (there == 0)
            continue;
        if (there < 0 || reach_find(reach, disk->target, disk->tag, &node, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        if (node.role == NODE_BELOW)
            continue;
        if ((node.role == NODE_TOP ? check_node(disk, &node, err)
                                   : reach_check_unused(disk->target, disk->vdev, err)) < 0)
            return -1;
    }
    return 0;
}

static int untag_running(const struct record_disk *disk, const struct node *node, const struct reach *reach,
                         struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    if (!node->tagged)
        return 0;
    refcounts_keep(reach, disk->target);
    json_object(w, NULL);
    json_put_string(w, "device", node->name);
    json_put_string(w, "name", disk->tag);
    json_end_object(w);
    return qmp_call(reach->qmp, "blockdev-snapshot-delete-internal-sync", json_text(w), TRANSACTION_SECONDS, NULL, err);
}

/* An image that is gone has taken its snapshot with it. */
static int untag_stopped(const struct record_disk *disk, const char *vm, struct store *store, struct control *control,
                         struct err *err)
{
    struct image_info info;
    struct stat st;
    int there = file_look(disk->target, &st, err);

    if (there <= 0)
        return there;
    if (reach_check_unused(disk->target, disk->vdev, err) < 0 ||
        image_info(disk->target, disk->format, disk->tag, &info, control, err) < 0)
        return -1;
    if (!info.has_tag)
        return 0;
    return protect_lift(store, vm, disk->target, err) < 0 ? -1 : qemu_img_delete(disk->target, disk->tag, err);
}

int disks_untag_one(const struct record_disk *disk, const char *vm, const struct reach *reach, struct store *store,
                    struct control *control, struct err *err)
{
    struct node node;

    if (reach_find(reach, disk->target, disk->tag, &node, err) < 0)
        return -1;
    /* QEMU removes snapshots from the image that it writes to and from no other, and has the rest of them in
     * its memory, where nobody must change it from outside.  With two writers each has its own (check_node). */
    if (node.role == NODE_BELOW || node.writers > 1)
        return 0;
    return (node.role == NODE_ABSENT ? untag_stopped(disk, vm, store, control, err)
                                     : untag_running(disk, &node, reach, err)) < 0 ? -1 : 1;
}

static int untag(const struct record_disk *disk, const char *vm, const struct reach *reach, struct store *store,
                 struct control *control, struct err *err)
{
    int rc = disks_untag_one(disk, vm, reach, store, control, err);

    return rc == 0 ? images_add_tag(store, vm, disk->target, disk->tag, err) : rc < 0 ? -1 : 0;
}

int disks_untag(const struct record *record, const struct reach *reach, struct store *store, struct control *control,
                struct err *err)
{
    struct err first = { .code = ERR_NONE };

    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (disk->place != PLACE_INTERNAL || untag(disk, record->vm, reach, store, control, err) == 0 ||
            first.code != ERR_NONE)
            continue;
        err_context(err, "disk %s", disk->vdev);
        first = *err;
    }
    if (first.code == ERR_NONE)
        return 0;
    *err = first;
    return -1;
}

/* One that failed may have been removed all the same. */
static bool is_still_there(const struct record_disk *disk, struct control *control)
{
    struct image_info info;
    struct err err;

    return image_info(disk->target, disk->format, disk->tag, &info, control, &err) < 0 || info.has_tag;
}

int disks_give_up(const struct record *record, bool begun, const struct reach *reach, struct store *store,
                  struct control *control, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (disk->place != PLACE_INTERNAL)
            continue;
        if (untag(disk, record->vm, reach, store, control, err) == 0) {
            begun = true;
            continue;
        }
        err_context(err, "disk %s", disk->vdev);
        if (!begun && is_still_there(disk, control))
            return -1;
        begun = true;
        log_warning("the snapshot inside %s is removed later: %s", disk->target, err->text);
        if (images_add_tag(store, record->vm, disk->target, disk->tag, err) < 0)
            return 1;
    }
    return 0;
}
