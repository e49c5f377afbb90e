/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "images.h"
#include "op.h"
#include "qemu_img.h"
#include "reach.h"
#include "store.h"
#include "vmconfig.h"

enum { LINKS_MAX = 4096 }; /* a chain that bites its own tail must end */

void chain_deinit(struct chain *chain)
{
    free(chain->item);
    *chain = (struct chain){ 0 };
}

static struct link *find(const struct chain *chain, const char *path)
{
    for (size_t i = 0; i < chain->count; i++)
        if (strcmp(chain->item[i].path, path) == 0 || same_file(chain->item[i].path, path))
            return &chain->item[i];
    return NULL;
}

const struct link *chain_find(const struct chain *chain, const char *path)
{
    return find(chain, path);
}

/* PATH, FORMAT and VDEV must not lie in CHAIN, which may move; nor is a link of it good afterwards. */
static struct link *add(struct chain *chain, const char *path, const char *format, const char *vdev)
{
    struct link *link = find(chain, path), *grown;

    if (!link) {
        grown = chain->count < LINKS_MAX ? reallocarray(chain->item, chain->count + 1, sizeof *grown) : NULL;
        if (!grown)
            return NULL;
        chain->item = grown;
        link = &grown[chain->count++];
        *link = (struct link){ .there = false };
        snprintf(link->path, sizeof link->path, "%s", path);
    }
    if (!*link->format)
        snprintf(link->format, sizeof link->format, "%s", format);
    if (!*link->vdev)
        snprintf(link->vdev, sizeof link->vdev, "%s", vdev);
    return link;
}

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_IO, "too many images, or out of memory");
}

/* Of another format we make no snapshot, and QEMU's tools may not even know it by xl's name. */
static bool can_be_ours(const struct xl_disk *disk)
{
    return *disk->target == '/' && !disk->cdrom && disk->qdisk &&
           (strcmp(disk->format, "qcow2") == 0 || strcmp(disk->format, "raw") == 0);
}

static int add_active(struct chain *chain, struct work *w, const struct reach *reach, struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    _cleanup_(freep) struct xl_disk *disks = calloc(DISKS_MAX, sizeof *disks);
    size_t count;

    if (!disks)
        return out_of_memory(err);
    if (vmconfig_load(w, reach_domain(reach), &config, err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    count = xl_config_disks(config, disks, DISKS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct link *link;

        if (!can_be_ours(&disks[i]))
            continue;
        link = add(chain, disks[i].target, disks[i].format, disks[i].vdev);
        if (!link)
            return out_of_memory(err);
        link->active = true;
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
        link->frozen |= disk->place == PLACE_EXTERNAL;
        link->snapshots += disk->place == PLACE_INTERNAL;
    }
    return 0;
}

static int add_records(struct chain *chain, struct work *w, struct err *err)
{
    struct snapshots snapshots = { 0 };
    int rc = store_list(w->store, w->begun.order.vm, &snapshots, err);

    if (rc < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    for (size_t i = 0; i < snapshots.count && rc == 0; i++)
        rc = add_record(chain, &snapshots.records[i], err);
    snapshots_deinit(&snapshots);
    return rc;
}

static int add_images(struct chain *chain, struct work *w, struct err *err)
{
    struct images images;
    int rc = images_load(&images, w->store, w->begun.order.vm, err);

    for (size_t i = 0; i < images.count && rc == 0; i++) {
        const struct image *image = &images.item[i];

        if (!add(chain, image->path, image->made ? "qcow2" : "", "") ||
            (*image->merging && !add(chain, image->merging, "qcow2", "")))
            rc = out_of_memory(err);
    }
    images_deinit(&images);
    return rc;
}

/* What it stands on is added behind it and looked at in its turn. */
static int look_at(struct chain *chain, size_t n, struct work *w, struct err *err)
{
    struct image_info info;
    struct link *link = &chain->item[n];
    char vdev[VDEV_SIZE];

    if (access(link->path, F_OK) < 0)
        return 0;
    if (qemu_img_info(link->path, link->format, NULL, &info, w->control, err) < 0)
        return err_context(err, "%s%s", *link->vdev ? "disk " : "image ", *link->vdev ? link->vdev : link->path);
    link->there = true;
    link->tags = info.tags;
    snprintf(link->format, sizeof link->format, "%s", info.format);
    snprintf(link->backing, sizeof link->backing, "%s", info.backing);
    memcpy(vdev, link->vdev, sizeof vdev);
    if (*info.backing == '/' && !add(chain, info.backing, info.backing_format, vdev))
        return out_of_memory(err);
    return 0;
}

int chain_list(struct chain *chain, struct work *w, const struct reach *reach, struct err *err)
{
    *chain = (struct chain){ 0 };
    if (add_active(chain, w, reach, err) < 0 || add_records(chain, w, err) < 0)
        return -1;
    return add_images(chain, w, err);
}

int chain_look(struct chain *chain, struct work *w, struct err *err)
{
    for (size_t n = 0; n < chain->count; n++)
        if (look_at(chain, n, w, err) < 0)
            return -1;
    return 0;
}

size_t chain_above(const struct chain *chain, const char *path, const struct link **one)
{
    const struct link *link = find(chain, path);
    size_t count = 0;

    for (size_t i = 0; link && i < chain->count; i++)
        if (*chain->item[i].backing && find(chain, chain->item[i].backing) == link) {
            count++;
            if (one)
                *one = &chain->item[i];
        }
    return count;
}

bool chain_holds_up(const struct chain *chain, const char *path)
{
    const struct link *link = find(chain, path);

    return link && (link->frozen || chain_above(chain, path, NULL) > 0);
}
