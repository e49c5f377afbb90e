/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chain_internal.h"
#include "files.h"
#include "image_info.h"
#include "images.h"
#include "op.h"
#include "qcow2.h"
#include "reach.h"
#include "way_out.h"

/* An image that we made and that is no disk of the VM: whether it ever came into use. */
static bool never_came_into_use(const struct link *link, const struct image *image)
{
    struct err err;
    bool empty;

    if (!image || !image->made || link->active || link->named || link->node != NODE_ABSENT)
        return false;
    /* who has it open takes long to find out, and what was seen before that is no proof */
    if (qcow2_is_empty(link->path, &empty, &err) < 0 || !empty)
        return false;
    return reach_check_unused(link->path, link->vdev, &err) == 0 && qcow2_is_empty(link->path, &empty, &err) == 0 &&
           empty;
}

/* Nobody may have come to its end with making it. */
static bool is_in_the_making(const struct image *image)
{
    return image && image->made &&
           (image->role == IMAGE_MADE || (image->role == IMAGE_RETIRED && image->why == WHY_UNUSED));
}

/* Claimed and never made: there is nothing to read. */
static bool is_no_image_yet(const struct link *link, const struct image *image)
{
    return is_in_the_making(image) && !qcow2_is_image(link->path);
}

/* What it stands on is added behind it and looked at in its turn. */
static int add_below(struct chain *chain, size_t n, const char *path, const char *format, struct err *err)
{
    struct link *below;
    char vdev[VDEV_SIZE];

    memcpy(vdev, chain->item[n].vdev, sizeof vdev);
    below = chain_add(chain, path, format, vdev);
    if (!below)
        return chain_out_of_memory(err);
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

/* qemu-img makes an image that stands on nothing, and puts it on another one then. */
static bool is_half_made(const struct link *link, const struct image *image)
{
    return is_in_the_making(image) && !*link->backing;
}

/* Somebody has put another file in its place, or has it stand on another one.  A disk can be made larger; what is a
 * snapshot's content cannot. */
int chain_check_header(const struct link *link, const struct images *images, struct err *err)
{
    const struct image *image = &images->item[link->entry];
    const char *backing = *link->backing ? link->backing : IMAGE_ON_NONE;

    if (*image->backing && !is_half_made(link, image) && !is_same_image(backing, image->backing) &&
        !is_merged_into(images, image->backing, backing))
        return err_set(err, ERR_CORRUPT, "it stands on %s, and has to stand on %s", for_people(backing),
                       for_people(image->backing));
    if (image->size && link->size != image->size && image->role == IMAGE_CONTENT)
        return err_set(err, ERR_CORRUPT, "it is a snapshot's content and had %lld bytes; now it has %lld", image->size,
                       link->size);
    return 0;
}

/* What it is like is of no concern any more, but on what it stands. */
static bool was_released(const struct image *image)
{
    return image && image_is_handed_over(image);
}

/* As it was when it could be read.  1: that is known. */
static int add_noted_below(struct chain *chain, size_t n, const struct image *image, struct err *err)
{
    if (!was_released(image) || !*image->backing)
        return 0;
    return *image->backing == '/' && add_below(chain, n, image->backing, "", err) < 0 ? -1 : 1;
}

static int look_into(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    struct image_info info;
    struct err other;

    if (image_info(link->path, link->format, NULL, &info, w->control, err) < 0)
        return err_context(err, "%s%s", *link->vdev ? "disk " : "image ", *link->vdev ? link->vdev : link->path);
    link->read = true;
    link->tags = info.tags;
    snprintf(link->format, sizeof link->format, "%s", info.format);
    snprintf(link->backing, sizeof link->backing, "%s", info.backing);
    link->size = info.virtual_size;
    if (link->entry >= 0 && !was_released(&images->item[link->entry]) && chain_check_header(link, images, &other) < 0) {
        err_context(&other, "%s", link->path);
        way_out_accept(&other, w->begun.order.vm, "if that is right");
        chain_set_unknown(chain, &other);
    }
    return *info.backing == '/' ? add_below(chain, n, info.backing, info.backing_format, err) : 0;
}

/* Whether there is an image to be read. */
static bool is_there(struct chain *chain, struct link *link, const struct image *image, struct err *err)
{
    link->there = access(link->path, F_OK) == 0;
    if (!link->there && errno != ENOENT) {
        err_errno(err, "%s", link->path);
        chain_set_unknown(chain, err);
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
        chain_set_unknown(chain, err);
    }
    return 0;
}

static int look_at(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];
    struct err below_err;
    int rc;

    if (!is_there(chain, link, image, err))
        return link->there ? 0 : look_at_absent(chain, n, image, err);
    link->empty = never_came_into_use(link, image);
    if (look_into(chain, n, images, w, err) == 0)
        return 0;
    if (err->code == ERR_QEMU && (rc = add_noted_below(chain, n, image, &below_err)) != 0)
        return rc > 0 ? 0 : chain_out_of_memory(err);
    if (image && err->code == ERR_QEMU)
        way_out_of_image(err, w->begun.order.vm, image, link->active || link->named);
    chain_set_unknown(chain, err);
    return err->code == ERR_QEMU ? 0 : -1; /* qemu-img cannot read it; else it was not even asked */
}

static int look_at_head(struct chain *chain, size_t n, const struct images *images, struct work *w, struct err *err)
{
    struct link *link = &chain->item[n];
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];
    struct qcow2_head head;
    struct err below_err;

    (void)w;
    if (!is_there(chain, link, image, err))
        return link->there ? 0 : look_at_absent(chain, n, image, err);
    if (strcmp(link->format, "qcow2") != 0)
        return 0;
    if (qcow2_read_head(link->path, &head, err) < 0) {
        int rc = add_noted_below(chain, n, image, &below_err);

        if (rc == 0)
            chain_set_unknown(chain, err);
        return rc < 0 ? chain_out_of_memory(err) : 0;
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
        chain_set_unknown(chain, &err);
    }
}

static bool backing_is_noted(const struct images *images, const struct link *link)
{
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];

    return image && (image->role == IMAGE_HEAD || image->role == IMAGE_CONTENT) && *image->backing;
}

/* What one that is not there stood on is needed by what stands on it, whatever became of it; and nobody knows what that
 * is.  Behind everything else, for an image is looked at before what stands on it has said so. */
static void check_absent(struct chain *chain, const struct images *images)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i], *above;
        struct err err;

        if (chain_above(chain, link, &above) == 0 || backing_is_noted(images, link) || access(link->path, F_OK) == 0)
            continue;
        err_set(&err, ERR_CORRUPT, "%.200s stands on %.200s, which is not there; is its file system mounted?",
                above->path, link->path);
        chain_set_unknown(chain, &err);
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
    check_absent(chain, images);
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
