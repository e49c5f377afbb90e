/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "images.h"
#include "op.h"
#include "qcow2.h"
#include "qemu_img.h"
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

/* PATH, FORMAT and VDEV must not lie in CHAIN, which may move; nor is a link of it good afterwards. */
static struct link *add(struct chain *chain, const char *path, const char *format, const char *vdev)
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

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_IO, "too many images, or out of memory");
}

/* The first reason stands. */
static void set_unknown(struct chain *chain, const struct err *why)
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
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count;

    if (!disks)
        return out_of_memory(err);
    if (vmconfig_load(w, reach_domain(reach), &config, err) < 0) {
        set_unknown(chain, err);
        return reach->runs ? -1 : 0; /* libxl's answer will be another one */
    }
    snprintf(chain->name, sizeof chain->name, "%s", xl_config_name(config));
    count = xl_config_disks(config, disks, DISKS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct link *link;

        if (!can_be_ours(&disks[i]))
            continue;
        link = add(chain, disks[i].target, disks[i].format, disks[i].vdev);
        if (!link)
            return out_of_memory(err);
        link->named = true;
        link->writable |= disks[i].writable;
        snprintf(link->vdev, sizeof link->vdev, "%s", disks[i].vdev);
    }
    return 0;
}

static int add_record(struct chain *chain, const struct record *record, struct err *err)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct link *link = add(chain, disk->target, disk->format, disk->vdev);

        if (!link)
            return out_of_memory(err);
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
        set_unknown(chain, err);
        return 0;
    }
    if (snapshots_check_whole(&snapshots, &unread) < 0)
        set_unknown(chain, &unread);
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
        struct link *link = add(chain, image->path, image->format, image->vdev);

        if (!link)
            return out_of_memory(err);
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
        set_unknown(chain, &lost);
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

/* ---- what is in them ------------------------------------------------------------------------------------ */

/* An image that we made and that is no disk of the VM: whether it ever came into use. */
static bool never_came_into_use(const struct link *link, const struct image *image)
{
    struct err err;
    bool empty;

    if (!image || !image->made || link->active || link->named || link->node != NODE_ABSENT)
        return false;
    if (reach_check_unused(link->path, link->vdev, &err) < 0 || qcow2_is_empty(link->path, &empty, &err) < 0)
        return false;
    return empty;
}

/* Claimed and never made: there is nothing to read. */
static bool is_no_image_yet(const struct link *link, const struct image *image)
{
    bool fresh = image && image->made &&
                 (image->role == IMAGE_MADE || (image->role == IMAGE_RETIRED && image->why == WHY_UNUSED));

    return fresh && !qcow2_is_image(link->path);
}

/* What it stands on is added behind it and looked at in its turn. */
static int add_below(struct chain *chain, size_t n, const char *path, const char *format, struct err *err)
{
    struct link *below;
    char vdev[VDEV_SIZE];

    memcpy(vdev, chain->item[n].vdev, sizeof vdev);
    below = add(chain, path, format, vdev);
    if (!below)
        return out_of_memory(err);
    chain->item[n].below = (int)(below - chain->item);
    return 0;
}

static bool is_same_image(const char *one, const char *other)
{
    return strcmp(one, other) == 0 || same_file(one, other);
}

/* A merge changes what stands on the upper image before the ledger says so. */
static bool is_merged_into(const struct images *images, const char *upper, const char *lower)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->item[i];

        if (*image->merging && is_same_image(image->merging, upper) && is_same_image(image->path, lower))
            return true;
    }
    return false;
}

static const char *for_people(const char *backing)
{
    return strcmp(backing, IMAGE_ON_NONE) == 0 ? "nothing" : backing;
}

/* Somebody has put another file in its place, or has it stand on another one.  A disk can be made larger; what is a
 * snapshot's content cannot. */
static void check_header(struct chain *chain, const struct link *link, const struct images *images, struct work *w)
{
    const struct image *image = &images->item[link->entry];
    const char *backing = *link->backing ? link->backing : IMAGE_ON_NONE;
    struct err other;

    if (*image->backing && !is_same_image(backing, image->backing) &&
        !is_merged_into(images, image->backing, backing))
        err_set(&other, ERR_CORRUPT, "%s stands on %s, and has to stand on %s", link->path, for_people(backing),
                for_people(image->backing));
    else if (image->size && link->size != image->size && image->role == IMAGE_CONTENT)
        err_set(&other, ERR_CORRUPT, "%s is a snapshot's content and had %lld bytes; now it has %lld", link->path,
                image->size, link->size);
    else
        return;
    way_out_accept(&other, w->begun.order.vm, "if that is right");
    set_unknown(chain, &other);
}

/* What it is like is of no concern any more, but on what it stands. */
static bool was_released(const struct image *image)
{
    return image && image->role == IMAGE_RETIRED && image->why == WHY_RELEASED;
}

static int look_into(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    struct image_info info;

    if (qemu_img_info(link->path, link->format, NULL, &info, w->control, err) < 0)
        return err_context(err, "%s%s", *link->vdev ? "disk " : "image ", *link->vdev ? link->vdev : link->path);
    link->tags = info.tags;
    snprintf(link->format, sizeof link->format, "%s", info.format);
    snprintf(link->backing, sizeof link->backing, "%s", info.backing);
    link->size = info.virtual_size;
    if (link->entry >= 0 && !was_released(&images->item[link->entry]))
        check_header(chain, link, images, w);
    return *info.backing == '/' ? add_below(chain, n, info.backing, info.backing_format, err) : 0;
}

/* Whether there is an image to be read. */
static bool is_there(struct chain *chain, struct link *link, const struct image *image, struct err *err)
{
    link->there = access(link->path, F_OK) == 0;
    if (!link->there && errno != ENOENT) {
        err_errno(err, "%s", link->path);
        set_unknown(chain, err);
    }
    link->empty = link->there && is_no_image_yet(link, image);
    return link->there && !link->empty;
}

/* What was given up may be gone.  What may be of use still stands on what it stood on, whether its file was removed or
 * its file system is not mounted. */
static int look_at_absent(struct chain *chain, size_t n, const struct image *image, struct err *err)
{
    bool of_use = image && (image->role == IMAGE_HEAD || image->role == IMAGE_CONTENT);

    if (of_use && *image->backing == '/')
        return add_below(chain, n, image->backing, "", err);
    if (of_use && !*image->backing) {
        err_set(err, ERR_CORRUPT, "%.150s is not there, and it is not known on what it stands; bring it back, "
                "or give it up: xensnap release DOMAIN IMAGE, of a snapshot's content its ID", image->path);
        set_unknown(chain, err);
    }
    return 0;
}

static int look_at(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];

    if (!is_there(chain, link, image, err))
        return link->there ? 0 : look_at_absent(chain, n, image, err);
    link->empty = never_came_into_use(link, image);
    if (look_into(chain, n, images, w, err) == 0)
        return 0;
    if (err->code == ERR_QEMU && was_released(image) && *image->backing)
        return *image->backing == '/' ? add_below(chain, n, image->backing, "", err) : 0;
    if (image && err->code == ERR_QEMU)
        way_out_of_image(err, w->begun.order.vm, image, link->active || link->named);
    set_unknown(chain, err);
    return err->code == ERR_QEMU ? 0 : -1; /* qemu-img cannot read it; else it was not even asked */
}

static int look_at_head(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];
    struct qcow2_head head;

    (void)w;
    if (!is_there(chain, link, image, err))
        return link->there ? 0 : look_at_absent(chain, n, image, err);
    if (strcmp(link->format, "qcow2") != 0)
        return 0;
    if (qcow2_read_head(link->path, &head, err) < 0) {
        set_unknown(chain, err);
        return 0;
    }
    link->tags = head.snapshots;
    return *head.below == '/' ? add_below(chain, n, head.below, head.below_format, err) : 0;
}

/* One whose format nobody knows is never probed: a guest could have written its head.  It is looked at when an image
 * that stands on it has said what it is. */
static bool can_be_looked_at(const struct link *link)
{
    return !link->looked && *link->format;
}

static void check_formats(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];
        struct err err;

        if (link->looked || link->entry < 0 || access(link->path, F_OK) < 0)
            continue;
        err_set(&err, ERR_CORRUPT, "%.150s: its format is not written down anywhere, and it is not guessed; "
                "with a disk of the VM in it: xensnap accept DOMAIN", link->path);
        set_unknown(chain, &err);
    }
}

typedef int look_fn(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err);

static int look(struct chain *chain, const struct images *images, look_fn *look_one, struct work *w, struct err *err)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t n = 0; n < chain->count; n++) {
            if (!can_be_looked_at(&chain->item[n]))
                continue;
            more = chain->item[n].looked = true;
            if (look_one(chain, n, images, w, err) < 0)
                return -1;
        }
    }
    check_formats(chain);
    return 0;
}

int chain_look(struct chain *chain, const struct images *images, struct work *w, struct err *err)
{
    return look(chain, images, look_at, w, err);
}

int chain_look_at_heads(struct chain *chain, const struct images *images, struct err *err)
{
    return look(chain, images, look_at_head, NULL, err);
}

bool chain_holds_up(const struct chain *chain, const struct images *images, const char *path)
{
    const struct link *link = find(chain, path);

    if (!link || chain->unknown.code != ERR_NONE)
        return true;
    return link->frozen || chain_above(chain, link, NULL) > 0 ||
           (link->entry >= 0 && images->item[link->entry].role == IMAGE_CONTENT);
}
