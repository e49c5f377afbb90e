/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disks.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "control.h"
#include "holders.h"
#include "json.h"
#include "log.h"
#include "qemu_img.h"
#include "qmp.h"
#include "xl.h"

enum {
    QUERY_SECONDS = 30,
    /* The command holds QEMU's main loop until it is done, minutes for a large fragmented image; giving up
     * earlier would only mean not to know how it ended. */
    TAG_SECONDS = 600,
};

static int plan_disk(struct record *record, const struct xl_disk *from, struct err *err)
{
    struct record_disk *disk = &record->disks[record->disk_count];
    char id[UUID_LENGTH + 1];

    if (from->cdrom || !from->writable) {
        log_debug("disk %s is %s and left out", from->vdev, from->cdrom ? "a CD-ROM" : "read-only");
        return 0;
    }
    if (!from->qdisk || strcmp(from->format, "qcow2") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s is not qcow2 served by QEMU, so it has no internal snapshots", from->vdev);
    if (*from->target != '/')
        return err_set(err, ERR_UNSUPPORTED, "disk %s is no file", from->vdev);
    record->disk_count++;
    memcpy(id, record->id, sizeof id);
    memcpy(disk->vdev, from->vdev, sizeof disk->vdev);
    memcpy(disk->target, from->target, sizeof disk->target);
    snprintf(disk->format, sizeof disk->format, "qcow2");
    snprintf(disk->tag, sizeof disk->tag, "xensnap-%s", id);
    return 0;
}

int disks_plan(struct record *record, const struct xl_config *config, struct err *err)
{
    _cleanup_(freep) struct xl_disk *disks = calloc(RECORD_DISKS_MAX + 1, sizeof *disks);
    size_t count;

    if (!disks)
        return err_set(err, ERR_IO, "out of memory");
    count = xl_config_disks(config, disks, RECORD_DISKS_MAX + 1);
    if (count > RECORD_DISKS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "the domain has more than %d disks", RECORD_DISKS_MAX);
    for (size_t i = 0; i < count; i++)
        if (plan_disk(record, &disks[i], err) < 0)
            return -1;
    return 0;
}

static bool same_file(const char *path, const struct stat *file)
{
    struct stat st;

    return path && stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

static bool holds_tag(const struct json *inserted, const char *tag)
{
    const struct json *snapshots = json_get(json_get(inserted, "image"), "snapshots");

    for (size_t i = 0; i < json_count(snapshots); i++) {
        const char *name = json_string(json_get(json_at(snapshots, i), "name"));

        if (name && strcmp(name, tag) == 0)
            return true;
    }
    return false;
}

/* Goes through query-block's list of devices. */
static int find_node(char name[NODE_NAME_SIZE], bool *tagged, const struct record_disk *disk,
                     const struct json *blocks, struct err *err)
{
    struct stat file;
    int writers = 0;

    if (stat(disk->target, &file) < 0)
        return err_errno(err, "disk %s", disk->vdev);
    for (size_t i = 0; i < json_count(blocks); i++) {
        const struct json *inserted = json_get(json_at(blocks, i), "inserted");

        if (!same_file(json_string(json_get(inserted, "file")), &file) || json_true(json_get(inserted, "ro")))
            continue;
        writers++;
        json_copy(inserted, "node-name", name, NODE_NAME_SIZE);
        *tagged = holds_tag(inserted, disk->tag);
    }
    if (writers == 0)
        return err_set(err, ERR_QEMU, "disk %s: QEMU does not have its image open", disk->vdev);
    if (writers > 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s: the guest still has the emulated disk beside the PV one; its PV drivers must be up",
                       disk->vdev);
    return 0;
}

int disks_find_nodes(struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err)
{
    _cleanup_(json_freep) struct json *reply = NULL;

    *nodes = (struct nodes){ 0 };
    if (qmp_call(qmp, "query-block", NULL, QUERY_SECONDS, &reply, err) < 0)
        return -1;
    for (size_t i = 0; i < record->disk_count; i++)
        if (find_node(nodes->name[i], &nodes->tagged[i], &record->disks[i], json_get(reply, "return"), err) < 0)
            return -1;
    return 0;
}

static void put_action(struct json_writer *w, const char *node, const char *tag)
{
    json_object(w, NULL);
    json_put_string(w, "type", "blockdev-snapshot-internal-sync");
    json_object(w, "data");
    json_put_string(w, "device", node);
    json_put_string(w, "name", tag);
    json_end_object(w);
    json_end_object(w);
}

int disks_tag(const struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    if (record->disk_count == 0)
        return 0;
    json_object(w, NULL);
    json_array(w, "actions");
    for (size_t i = 0; i < record->disk_count; i++)
        put_action(w, nodes->name[i], record->disks[i].tag);
    json_end_array(w);
    json_end_object(w);
    return qmp_call(qmp, "transaction", json_text(w), TAG_SECONDS, NULL, err);
}

static int untag(const char *node, const char *tag, struct qmp *qmp, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_string(w, "device", node);
    json_put_string(w, "name", tag);
    json_end_object(w);
    return qmp_call(qmp, "blockdev-snapshot-delete-internal-sync", json_text(w), TAG_SECONDS, NULL, err);
}

/* Keeps the first of several errors. */
static int keep_first(int rc, const struct err *new, const char *vdev, struct err *err)
{
    if (rc < 0)
        return rc;
    *err = *new;
    return err_context(err, "disk %s", vdev);
}

int disks_untag(const struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err)
{
    struct err new;
    int rc = 0;

    for (size_t i = 0; i < record->disk_count; i++)
        if (nodes->tagged[i] && untag(nodes->name[i], record->disks[i].tag, qmp, &new) < 0)
            rc = keep_first(rc, &new, record->disks[i].vdev, err);
    return rc;
}

/* Nobody may have any of the images open: QEMU's own locks would not stop us. */
static int check_unused(const struct record *record, struct err *err)
{
    struct holders holders = { 0 };
    int rc = 0;

    for (size_t i = 0; i < record->disk_count && rc == 0; i++) {
        rc = holders_find(&holders, record->disks[i].target, err);
        if (rc == 0 && holders.count > 0)
            rc = err_set(err, ERR_BUSY, "disk %s: process %d (%s) has the image open", record->disks[i].vdev,
                         holders.item[0].pid, holders.item[0].name);
    }
    holders_deinit(&holders);
    return rc;
}

int disks_check_offline(const struct record *record, struct control *control, struct err *err)
{
    if (check_unused(record, err) < 0)
        return -1;
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        bool has;

        if (qemu_img_has(disk->target, disk->tag, control, &has, err) < 0)
            return err_context(err, "disk %s", disk->vdev);
        if (!has)
            return err_set(err, ERR_CORRUPT, "disk %s no longer holds this snapshot", disk->vdev);
    }
    return 0;
}

/* An image that is gone has taken its snapshot with it. */
static int untag_offline(const struct record_disk *disk, struct control *control, struct err *err)
{
    struct stat st;
    bool has;

    if (stat(disk->target, &st) < 0)
        return 0;
    if (qemu_img_has(disk->target, disk->tag, control, &has, err) < 0)
        return -1;
    return has ? qemu_img_delete(disk->target, disk->tag, control, err) : 0;
}

int disks_untag_offline(const struct record *record, struct control *control, struct err *err)
{
    struct err new;
    int rc = 0;

    if (check_unused(record, err) < 0)
        return -1;
    for (size_t i = 0; i < record->disk_count; i++)
        if (untag_offline(&record->disks[i], control, &new) < 0)
            rc = keep_first(rc, &new, record->disks[i].vdev, err);
    return rc;
}

int disks_apply_offline(const struct record *record, struct control *control, struct err *err)
{
    if (check_unused(record, err) < 0)
        return -1;
    for (size_t i = 0; i < record->disk_count; i++)
        if (qemu_img_apply(record->disks[i].target, record->disks[i].tag, control, err) < 0)
            return err_context(err, "disk %s", record->disks[i].vdev);
    return 0;
}
