/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain_internal.h"
#include "cleanup.h"
#include "draft.h"
#include "images.h"
#include "op.h"
#include "reach.h"
#include "store.h"
#include "vmconfig.h"
#include "way_out.h"

enum { LINKS_MAX = 4096 }; /* a chain that bites its own tail must end */

void chain_deinit(struct chain *chain)
{
    free(chain->item);
    *chain = (struct chain){ 0 };
}

/* By name where there is no such file. */
static struct link *find(const struct chain *chain, const char *path)
{
    struct stat st;
    bool there = stat(path, &st) == 0;

    for (size_t i = 0; i < chain->count; i++) {
        struct link *link = &chain->item[i];

        if (strcmp(link->path, path) == 0 ||
            (there && link->inode == st.st_ino && link->device == st.st_dev && link->inode))
            return link;
    }
    return NULL;
}

const struct link *chain_find(const struct chain *chain, const char *path)
{
    return find(chain, path);
}

static struct link *append(struct chain *chain, const char *path)
{
    struct link *grown = chain->count < LINKS_MAX ? reallocarray(chain->item, chain->count + 1, sizeof *grown) : NULL;
    struct link *link;
    struct stat st;

    if (!grown)
        return NULL;
    chain->item = grown;
    link = &grown[chain->count++];
    *link = (struct link){ .below = -1, .entry = -1, .node = NODE_ABSENT };
    snprintf(link->path, sizeof link->path, "%s", path);
    if (stat(path, &st) == 0) {
        link->device = st.st_dev;
        link->inode = st.st_ino;
    }
    return link;
}

struct link *chain_add(struct chain *chain, const char *path, const char *format, const char *vdev)
{
    struct link *link = find(chain, path);

    if (!link)
        link = append(chain, path);
    if (link && !*link->format)
        snprintf(link->format, sizeof link->format, "%s", format);
    if (link && !*link->vdev)
        snprintf(link->vdev, sizeof link->vdev, "%s", vdev);
    return link;
}

int chain_out_of_memory(struct err *err)
{
    return err_set(err, ERR_IO, "too many images, or out of memory");
}

void chain_set_unknown(struct chain *chain, const struct err *why)
{
    if (chain->unknown.code != ERR_NONE)
        return;
    chain->unknown = *why;
    chain->unknown.code = ERR_CORRUPT;
}

/* Of another format we make no snapshot, and QEMU's tools may not even know it by xl's name. */
static bool can_be_ours(const struct xl_disk *disk)
{
    return *disk->target == '/' && !disk->cdrom && disk->qdisk &&
           (strcmp(disk->format, "qcow2") == 0 || strcmp(disk->format, "raw") == 0);
}

static int add_named(struct chain *chain, struct work *w, const struct reach *reach, struct err *err)
{
    _cleanup_(freep) struct vm_disks *disks = calloc(1, sizeof *disks);

    if (!disks)
        return chain_out_of_memory(err);
    if (vmconfig_disks(w, reach_domain(reach), disks, err) < 0) {
        chain_set_unknown(chain, err);
        return reach->runs ? -1 : 0; /* libxl's answer will be another one */
    }
    memcpy(chain->name, disks->name, sizeof chain->name);
    for (size_t i = 0; i < disks->count; i++) {
        const struct xl_disk *disk = &disks->item[i];
        struct link *link;

        if (!can_be_ours(disk))
            continue;
        link = chain_add(chain, disk->target, disk->format, disk->vdev);
        if (!link)
            return chain_out_of_memory(err);
        link->named = true;
        link->writable |= disk->writable;
        snprintf(link->vdev, sizeof link->vdev, "%s", disk->vdev);
    }
    return 0;
}

static int add_record(struct chain *chain, const struct record *record, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct link *link = chain_add(chain, disk->target, disk->format, disk->vdev);

        if (!link)
            return chain_out_of_memory(err);
        if (disk->place == PLACE_EXTERNAL) {
            link->frozen = true;
            memcpy(link->snapshot, record->id, sizeof link->snapshot);
        } else
            link->snapshots++;
    }
    return 0;
}

static int add_records(struct chain *chain, struct work *w, struct err *err)
{
    struct snapshots snapshots = { 0 };
    struct err unread;
    int rc = store_list(w->store, w->begun.order.vm, &snapshots, err);

    if (rc < 0 && err->code == ERR_NOT_FOUND)
        return 0;
    if (rc < 0) {
        chain_set_unknown(chain, err);
        return 0;
    }
    if (snapshots_check_whole(&snapshots, &unread) < 0)
        chain_set_unknown(chain, &unread);
    for (size_t i = 0; i < snapshots.count && rc == 0; i++) {
        chain->name_known |= strcmp(snapshots.records[i].vm_name, chain->name) == 0;
        rc = add_record(chain, &snapshots.records[i], err);
    }
    snapshots_deinit(&snapshots);
    return rc;
}

/* First of all, for the ledger's spelling of a path is the one that is gone by. */
static int add_entries(struct chain *chain, const struct images *images, struct err *err)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->item[i];
        struct link *link = chain_add(chain, image->path, image->format, image->vdev);

        if (!link)
            return chain_out_of_memory(err);
        link->entry = (int)i;
    }
    return 0;
}

/* What a merge has begun to write to is of no use before all has arrived. */
static void check_merging(struct chain *chain, const struct link *link, const struct image *image)
{
    if (!image || !*image->merging || image->arrived || chain->misused.code != ERR_NONE)
        return;
    err_set(&chain->misused, ERR_CORRUPT,
            "disk %s: the domain writes into %s, which has only a part of what is in %s; it was started with an old "
            "configuration: stop it and start it with the disks that disk.cfg in the store names", link->vdev,
            link->path, image->merging);
}

/* What runs decides: with a QEMU it is what that writes to, and the configuration may be behind or ahead of it. */
static int ask_qemu(struct chain *chain, const struct images *images, const struct reach *reach, struct err *err)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct link *link = &chain->item[i];
        struct node node;
        bool written;

        if (reach_find(reach, link->path, NULL, &node, err) < 0)
            return -1;
        written = reach->qmp ? node.writers > 0 : link->named && link->writable;
        link->node = node.role;
        link->pinned = node.pinned;
        link->active = reach->qmp ? node.role == NODE_TOP : link->named;
        if (written && link->frozen && chain->misused.code == ERR_NONE)
            err_set(&chain->misused, ERR_CORRUPT,
                    "disk %s: the domain writes into %s, which is snapshot %s; it was started with an old "
                    "configuration: stop it and start it with the disks that disk.cfg in the store names",
                    link->vdev, link->path, link->snapshot);
        if (written)
            check_merging(chain, link, link->entry < 0 ? NULL : &images->item[link->entry]);
    }
    return 0;
}

/* QEMU has put on LOWER what stood on the image that it was merging, and then the host has ended: that all had come to
 * the disk before is not known.  Copied once more while nobody has them it is whole. */
static void check_broken_off(struct chain *chain, const struct images *images)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i], *upper;
        const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];

        if (!image || !*image->merging || image->arrived || image->this_boot || link->node != NODE_BELOW)
            continue;
        upper = find(chain, image->merging);
        if (upper && upper->node == NODE_ABSENT && chain->misused.code == ERR_NONE)
            err_set(&chain->misused, ERR_CORRUPT,
                    "disk %s: the domain runs on %.200s without %.200s, and the host has ended while the one was "
                    "merged into the other; nothing of either is removed; stop the domain and ask again", link->vdev,
                    link->path, image->merging);
    }
}

static bool is_being_merged(const struct images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (strcmp(images->item[i].merging, path) == 0)
            return true;
    return false;
}

/* It is being deleted, and the next delete finishes that. */
static bool is_in_trash(struct work *w, const char *snapshot)
{
    struct record record;
    struct err err;

    return trash_record(w->store, w->begun.order.vm, &record, &err) > 0 && strcmp(record.id, snapshot) == 0;
}

/* A snapshot's content, and no record says so: the record is what is missing. */
static void check_contents(struct chain *chain, const struct images *images, struct work *w)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];
        const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];
        struct err lost;

        if (!image || image->role != IMAGE_CONTENT || link->frozen || is_being_merged(images, image->path) ||
            is_in_trash(w, image->snapshot))
            continue;
        err_set(&lost, ERR_CORRUPT, "%.120s is snapshot %s, which is not to be found in the store; bring it "
                "back there, or give it up: xensnap release %s %s", image->path, image->snapshot, w->begun.order.vm,
                image->snapshot);
        chain_set_unknown(chain, &lost);
    }
}

static bool is_known(const struct link *link)
{
    return link->entry >= 0 || link->frozen || link->snapshots > 0;
}

/* Somebody has copied an xl.cfg with its uuid: what is stored is another VM's. */
static void check_stranger(struct chain *chain)
{
    bool known = false, common = false;

    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];

        known |= is_known(link);
        common |= is_known(link) && link->named && link->writable;
    }
    if (!chain->runs || chain->name_known || !known || common)
        return;
    err_set(&chain->stranger, ERR_CORRUPT,
            "domain %s has the UUID of the VM whose snapshots these are, but neither its name nor one of its disks; "
            "give it a uuid of its own in its xl.cfg", chain->name);
}

int chain_list(struct chain *chain, const struct images *images, struct work *w, const struct reach *reach,
               struct err *err)
{
    *chain = (struct chain){ .runs = reach->runs };
    if (add_entries(chain, images, err) < 0 || add_named(chain, w, reach, err) < 0 ||
        add_records(chain, w, err) < 0 || ask_qemu(chain, images, reach, err) < 0)
        return -1;
    check_broken_off(chain, images);
    check_contents(chain, images, w);
    check_stranger(chain);
    if (chain->misused.code != ERR_NONE)
        way_out_accept(&chain->misused, w->begun.order.vm, "or, if this is to be the VM");
    if (chain->stranger.code != ERR_NONE)
        way_out_accept(&chain->stranger, w->begun.order.vm, "or, if it is the VM");
    return 0;
}

int chain_check_known(const struct chain *chain, struct err *err)
{
    if (chain_check_written(chain, err) < 0)
        return -1;
    if (chain->unknown.code == ERR_NONE)
        return 0;
    *err = chain->unknown;
    return -1;
}

int chain_check_own(const struct chain *chain, struct err *err)
{
    if (chain->stranger.code == ERR_NONE)
        return 0;
    *err = chain->stranger;
    return -1;
}

int chain_check_written(const struct chain *chain, struct err *err)
{
    if (chain_check_own(chain, err) < 0)
        return -1;
    if (chain->misused.code == ERR_NONE)
        return 0;
    *err = chain->misused;
    return -1;
}

bool chain_holds_up(const struct chain *chain, const struct images *images, const char *path)
{
    const struct link *link = find(chain, path);

    if (!link || chain->unknown.code != ERR_NONE)
        return true;
    return link->frozen || chain_above(chain, link, NULL) > 0 ||
           (link->entry >= 0 && images->item[link->entry].role == IMAGE_CONTENT);
}
