/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "store.h"

#define FILE_NAME "images.json"

void images_deinit(struct images *images)
{
    free(images->item);
    *images = (struct images){ 0 };
}

struct image *images_find(const struct images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (strcmp(images->item[i].path, path) == 0)
            return &images->item[i];
    return NULL;
}

struct image *images_add(struct images *images, const char *path, bool made)
{
    struct image *image = images_find(images, path), *grown;

    if (image)
        return image;
    grown = reallocarray(images->item, images->count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    images->item = grown;
    image = &grown[images->count++];
    *image = (struct image){ .made = made };
    snprintf(image->path, sizeof image->path, "%s", path);
    return image;
}

void images_remove(struct images *images, const char *path)
{
    struct image *image = images_find(images, path);

    if (image)
        *image = images->item[--images->count];
}

static void parse_tags(struct image *image, const struct json *tags)
{
    for (size_t i = 0; i < json_count(tags) && image->tag_count < IMAGE_TAGS_MAX; i++) {
        const char *tag = json_string(json_at(tags, i));

        if (tag && strlen(tag) < TAG_SIZE)
            memcpy(image->tags[image->tag_count++], tag, strlen(tag) + 1);
    }
}

static int parse(struct images *images, const char *text, struct err *err)
{
    _cleanup_(json_freep) struct json *json = json_parse(text);
    const struct json *list = json_get(json, "images");

    if (!json_is_array(list))
        return err_set(err, ERR_CORRUPT, FILE_NAME " cannot be read; it says which images are ours");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *item = json_at(list, i);
        const char *path = json_string(json_get(item, "path"));
        struct image *image = path && path_valid(path) ? images_add(images, path, false) : NULL;

        if (!image)
            return err_set(err, ERR_CORRUPT, FILE_NAME " names no path");
        image->made = json_true(json_get(item, "made"));
        if (!json_copy(item, "merging", image->merging, sizeof image->merging) && *image->merging)
            return err_set(err, ERR_CORRUPT, FILE_NAME " names no path");
        parse_tags(image, json_get(item, "remove"));
    }
    return 0;
}

int images_load(struct images *images, struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    _cleanup_(freep) char *text = NULL;

    *images = (struct images){ 0 };
    if (dir < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    text = file_read(dir, FILE_NAME);
    if (!text)
        return errno == ENOENT ? 0 : err_errno(err, "cannot read " FILE_NAME);
    return parse(images, text, err);
}

static void put_image(struct json_writer *w, const struct image *image)
{
    json_object(w, NULL);
    json_put_string(w, "path", image->path);
    json_put_bool(w, "made", image->made);
    if (*image->merging)
        json_put_string(w, "merging", image->merging);
    if (image->tag_count)
        json_array(w, "remove");
    for (size_t i = 0; i < image->tag_count; i++)
        json_put_string(w, NULL, image->tags[i]);
    if (image->tag_count)
        json_end_array(w);
    json_end_object(w);
}

/* An empty list is no file, so that a VM of which nothing is left leaves nothing. */
int images_save(const struct images *images, struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(true);

    if (dir < 0)
        return images->count ? -1 : 0;
    if (images->count == 0) {
        unlinkat(dir, FILE_NAME, 0);
        return dir_sync(dir, err);
    }
    json_object(w, NULL);
    json_array(w, "images");
    for (size_t i = 0; i < images->count; i++)
        put_image(w, &images->item[i]);
    json_end_array(w);
    json_end_object(w);
    return file_replace(dir, FILE_NAME, json_text(w), err);
}

/* ---- one change, durable ------------------------------------------------------------------------------- */

struct change {
    const char *path;
    bool made;         /* of an image that is added */
    bool forget;
    const char *upper; /* "merging", or NULL for no change */
    const char *tag;   /* to be added, or taken away if UNTAG */
    bool untag;
};

static int change_tags(struct image *image, const struct change *change, struct err *err)
{
    size_t at = 0;

    while (at < image->tag_count && strcmp(image->tags[at], change->tag) != 0)
        at++;
    if (change->untag && at < image->tag_count)
        memcpy(image->tags[at], image->tags[--image->tag_count], TAG_SIZE);
    if (change->untag || at < image->tag_count)
        return 0;
    if (image->tag_count == IMAGE_TAGS_MAX)
        return err_set(err, ERR_BUSY, "too many deleted snapshots wait in this image for the domain to stop");
    snprintf(image->tags[image->tag_count++], TAG_SIZE, "%s", change->tag);
    return 0;
}

static int apply(struct images *images, const struct change *change, struct err *err)
{
    struct image *image;

    if (change->forget) {
        images_remove(images, change->path);
        return 0;
    }
    image = images_add(images, change->path, change->made);
    if (!image)
        return err_set(err, ERR_IO, "out of memory");
    if (change->upper)
        snprintf(image->merging, sizeof image->merging, "%s", change->upper);
    return change->tag ? change_tags(image, change, err) : 0;
}

static int change_images(struct store *store, const char *vm, const struct change *change, struct err *err)
{
    struct images images;
    int rc = images_load(&images, store, vm, err);

    if (rc == 0)
        rc = apply(&images, change, err);
    if (rc == 0)
        rc = images_save(&images, store, vm, err);
    images_deinit(&images);
    return rc;
}

int images_note(struct store *store, const char *vm, const char *path, bool made, struct err *err)
{
    return change_images(store, vm, &(struct change){ .path = path, .made = made }, err);
}

int images_forget(struct store *store, const char *vm, const char *path, struct err *err)
{
    return change_images(store, vm, &(struct change){ .path = path, .forget = true }, err);
}

int images_set_merging(struct store *store, const char *vm, const char *path, const char *upper, struct err *err)
{
    return change_images(store, vm, &(struct change){ .path = path, .upper = upper ? upper : "" }, err);
}

int images_add_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err)
{
    return change_images(store, vm, &(struct change){ .path = path, .tag = tag }, err);
}

int images_remove_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err)
{
    return change_images(store, vm, &(struct change){ .path = path, .tag = tag, .untag = true }, err);
}
