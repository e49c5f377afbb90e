/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images_note.h"

#include <stdio.h>
#include <string.h>

#include "boot.h"
#include "files.h"
#include "images.h"

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_IO, "out of memory");
}

/* CHANGE returns 1 where there is nothing to write. */
static int change_images(struct store *store, const char *vm,
                         int (*change)(struct images *images, const void *data, struct err *err), const void *data,
                         struct err *err)
{
    struct images images;
    int rc = images_load(&images, store, vm, err);

    if (rc == 0)
        rc = change(&images, data, err);
    if (rc == 0)
        rc = images_save(&images, store, vm, err);
    images_deinit(&images);
    return rc < 0 ? -1 : 0;
}

/* The entry of that file, whatever it is called there, or a new one; NULL: out of memory. */
static struct image *find_or_add(struct images *images, const char *path, const char *format)
{
    struct image *image = images_find_file(images, path);

    return image ? image : images_add(images, path, format, false);
}

static int add_made(struct images *images, const void *path, struct err *err)
{
    return images_add(images, path, "qcow2", true) ? 0 : out_of_memory(err);
}

int images_note_made(struct store *store, const char *vm, const char *path, struct err *err)
{
    return change_images(store, vm, add_made, path, err);
}

struct head {
    const char *vdev, *path, *format;
};

static int add_head(struct images *images, const void *data, struct err *err)
{
    const struct head *head = data;
    struct image *image = find_or_add(images, head->path, head->format);

    if (!image)
        return out_of_memory(err);
    if (image->role == IMAGE_HEAD && strcmp(image->vdev, head->vdev) == 0)
        return 1;
    image_head(image, head->vdev);
    return 0;
}

int images_note_head(struct store *store, const char *vm, const char *vdev, const char *path, const char *format,
                     struct err *err)
{
    return change_images(store, vm, add_head, &(struct head){ vdev, path, format }, err);
}

struct overlay {
    const struct record_disk *disk;
    long long size;
    const char *backing; /* of the image below it */
};

static int add_overlay(struct images *images, const void *data, struct err *err)
{
    const struct overlay *overlay = data;
    const struct record_disk *disk = overlay->disk;
    const struct head base = { disk->vdev, disk->target, disk->format };
    struct image *image;

    if (add_head(images, &base, err) < 0)
        return -1;
    image_header(find_or_add(images, disk->target, disk->format), overlay->size, overlay->backing);
    image = images_add(images, disk->overlay, "qcow2", true);
    if (!image)
        return out_of_memory(err);
    image_header(image, overlay->size, disk->target);
    return 0;
}

int images_note_overlay(struct store *store, const char *vm, const struct record_disk *disk, long long size,
                        const char *backing, struct err *err)
{
    return change_images(store, vm, add_overlay, &(struct overlay){ disk, size, backing }, err);
}

static int add_heads(struct images *images, const void *data, struct err *err)
{
    const struct record *record = data;
    int rc = 1;

    for (size_t i = 0; i < record->disk_count && rc >= 0; i++) {
        const struct record_disk *disk = &record->disks[i];
        const struct head head = { disk->vdev, disk->overlay, "qcow2" };

        if (disk->place == PLACE_EXTERNAL)
            rc = add_head(images, &head, err) < 0 ? -1 : 0;
    }
    return rc;
}

int images_note_heads(struct store *store, const struct record *record, struct err *err)
{
    return change_images(store, record->vm, add_heads, record, err);
}

static int add_content(struct images *images, const void *data, struct err *err)
{
    const struct record *record = data;
    int rc = 1;

    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        struct image *image;

        if (disk->place != PLACE_EXTERNAL)
            continue;
        image = find_or_add(images, disk->target, disk->format);
        if (!image)
            return out_of_memory(err);
        image_content(image, record->id);
        rc = 0;
    }
    return rc;
}

int images_note_content(struct store *store, const struct record *record, struct err *err)
{
    return change_images(store, record->vm, add_content, record, err);
}

struct gone {
    const struct record *record;
    bool waits;
};

static int retire_content(struct images *images, const void *data, struct err *err)
{
    const struct gone *gone = data;
    int rc = 1;

    for (size_t i = 0; i < gone->record->disk_count; i++) {
        const struct record_disk *disk = &gone->record->disks[i];
        struct image *image;

        if (disk->place != PLACE_EXTERNAL)
            continue;
        image = find_or_add(images, disk->target, disk->format);
        if (!image)
            return out_of_memory(err);
        image_retire(image, WHY_DELETED, gone->waits);
        rc = 0;
    }
    return rc;
}

int images_retire_content(struct store *store, const struct record *record, bool waits, struct err *err)
{
    return change_images(store, record->vm, retire_content, &(struct gone){ record, waits }, err);
}

static int release_one(struct images *images, const void *path, struct err *err)
{
    struct image *image = images_find(images, path);

    (void)err;
    if (image)
        image_release(image);
    return image ? 0 : 1;
}

int images_release(struct store *store, const char *vm, const char *path, struct err *err)
{
    return change_images(store, vm, release_one, path, err);
}

struct disks {
    const struct images_disk *item;
    size_t count;
};

/* The disk that is in that image, whatever it is called, or NULL. */
static const struct images_disk *disk_in(const struct disks *disks, const struct image *image)
{
    for (size_t i = 0; i < disks->count; i++)
        if (strcmp(disks->item[i].path, image->path) == 0 || same_file(disks->item[i].path, image->path))
            return &disks->item[i];
    return NULL;
}

static int note_leaving(struct images *images, const void *data, struct err *err)
{
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < images->count; i++) {
        struct image *image = &images->item[i];
        bool leaving = image->role == IMAGE_HEAD && disk_in(data, image);

        rc = leaving == image->leaving ? rc : 0;
        image->leaving = leaving;
    }
    return rc;
}

int images_note_leaving(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                        struct err *err)
{
    return change_images(store, vm, note_leaving, &(struct disks){ disks, count }, err);
}

static int note_next(struct images *images, const void *data, struct err *err)
{
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < images->count; i++) {
        struct image *image = &images->item[i];
        const struct images_disk *disk = image->role == IMAGE_MADE ? disk_in(data, image) : NULL;

        if (!disk)
            continue;
        image_head(image, disk->vdev);
        rc = 0;
    }
    return rc;
}

int images_note_next(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                     struct err *err)
{
    return change_images(store, vm, note_next, &(struct disks){ disks, count }, err);
}

static int retire_left(struct images *images, const void *data, struct err *err)
{
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < images->count; i++) {
        struct image *image = &images->item[i];

        if (!image->leaving)
            continue;
        image->leaving = false;
        if (!disk_in(data, image))
            image_retire(image, WHY_REPLACED, false);
        rc = 0;
    }
    return rc;
}

int images_retire_left(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                       struct err *err)
{
    return change_images(store, vm, retire_left, &(struct disks){ disks, count }, err);
}

static int note_whole(struct images *images, const void *data, struct err *err)
{
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < images->count; i++) {
        struct image *image = &images->item[i];
        const struct images_disk *disk = disk_in(data, image);

        if (!disk || (image->role == IMAGE_HEAD && !*image->merging))
            continue;
        image_head(image, disk->vdev);
        *image->merging = '\0';
        image->arrived = false;
        rc = 0;
    }
    return rc;
}

int images_note_whole(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                      struct err *err)
{
    return change_images(store, vm, note_whole, &(struct disks){ disks, count }, err);
}

static int note_back(struct images *images, const void *data, struct err *err)
{
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < images->count; i++) {
        struct image *image = &images->item[i];
        const struct images_disk *disk = disk_in(data, image);

        rc = image->leaving ? 0 : rc;
        image->leaving = false;
        if (!disk || image->role != IMAGE_RETIRED || image->why != WHY_REPLACED)
            continue;
        image_head(image, disk->vdev);
        rc = 0;
    }
    return rc;
}

int images_note_back(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                     struct err *err)
{
    return change_images(store, vm, note_back, &(struct disks){ disks, count }, err);
}

struct change {
    const char *path;
    enum image_why why;
    bool waits;
    const char *upper; /* "merging" */
    bool arrived;
    const char *tag;   /* to be added, or taken away if UNTAG */
    bool untag;
};

static int retire_one(struct images *images, const void *data, struct err *err)
{
    const struct change *change = data;
    struct image *image = images_find(images, change->path);

    (void)err;
    if (image)
        image_retire(image, change->why, change->waits);
    return image ? 0 : 1;
}

int images_retire(struct store *store, const char *vm, const char *path, enum image_why why, bool waits,
                  struct err *err)
{
    return change_images(store, vm, retire_one, &(struct change){ .path = path, .why = why, .waits = waits }, err);
}

static int forget(struct images *images, const void *path, struct err *err)
{
    (void)err;
    images_remove(images, path);
    return 0;
}

int images_forget(struct store *store, const char *vm, const char *path, struct err *err)
{
    return change_images(store, vm, forget, path, err);
}

static int set_merging(struct images *images, const void *data, struct err *err)
{
    const struct change *change = data;
    struct image *image = images_find(images, change->path);

    if (!image)
        return err_set(err, ERR_INTERNAL, "%s is not in images.json", change->path);
    snprintf(image->merging, sizeof image->merging, "%s", change->upper ? change->upper : "");
    if (change->upper && !change->arrived && !image->arrived) /* else that it had arrived is taken back */
        boot_read(image->boot);
    image->arrived = change->arrived;
    return 0;
}

int images_set_merging(struct store *store, const char *vm, const char *path, const char *upper, bool arrived,
                       struct err *err)
{
    const struct change change = { .path = path, .upper = upper, .arrived = arrived };

    return change_images(store, vm, set_merging, &change, err);
}

static int note_guards(struct images *images, const void *data, struct err *err)
{
    const struct images *now = data;
    int rc = 1;

    (void)err;
    for (size_t i = 0; i < now->count; i++) {
        struct image *image = images_find(images, now->item[i].path);

        if (!image || image->guard == now->item[i].guard)
            continue;
        image->guard = now->item[i].guard;
        rc = 0;
    }
    return rc;
}

int images_note_guards(struct store *store, const char *vm, const struct images *now, struct err *err)
{
    return change_images(store, vm, note_guards, now, err);
}

static int note_lifted(struct images *images, const void *path, struct err *err)
{
    struct image *image = images_find(images, path);

    (void)err;
    if (!image || image->guard != GUARD_OURS)
        return 1;
    image->guard = GUARD_NONE;
    return 0;
}

int images_note_lifted(struct store *store, const char *vm, const char *path, struct err *err)
{
    return change_images(store, vm, note_lifted, path, err);
}

/* An image of the VM's own that is in the list for that alone is a disk of which nothing else is known. */
static int change_tags(struct images *images, const void *data, struct err *err)
{
    const struct change *change = data;
    size_t known = images->count;
    struct image *image = find_or_add(images, change->path, "qcow2");
    size_t at = 0;

    if (!image)
        return out_of_memory(err);
    if (images->count > known)
        image_head(image, "");
    while (at < image->tag_count && strcmp(image->tags[at], change->tag) != 0)
        at++;
    if (change->untag && at < image->tag_count)
        memmove(image->tags[at], image->tags[--image->tag_count], TAG_SIZE);
    if (change->untag || at < image->tag_count)
        return 0;
    if (image->tag_count == IMAGE_TAGS_MAX)
        return err_set(err, ERR_BUSY, "too many deleted snapshots wait in this image for the domain to stop");
    snprintf(image->tags[image->tag_count++], TAG_SIZE, "%s", change->tag);
    return 0;
}

int images_add_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err)
{
    return change_images(store, vm, change_tags, &(struct change){ .path = path, .tag = tag }, err);
}

int images_remove_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err)
{
    return change_images(store, vm, change_tags, &(struct change){ .path = path, .tag = tag, .untag = true }, err);
}
