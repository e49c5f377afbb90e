/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "store.h"

#define FILE_NAME "images.json"

enum { LEDGER_VERSION = 2, LEDGER_WITH_WAYS_OUT = 3 };

static const char *const roles[] = { [IMAGE_MADE] = "made", [IMAGE_HEAD] = "head", [IMAGE_CONTENT] = "content",
                                     [IMAGE_RETIRED] = "retired" };
static const char *const whys[] = { [WHY_MERGED] = "merged", [WHY_REPLACED] = "replaced",
                                    [WHY_DELETED] = "deleted", [WHY_UNUSED] = "unused",
                                    [WHY_RELEASED] = "released" };
static const char *const guards[] = { [GUARD_NONE] = "", [GUARD_OURS] = "ours", [GUARD_THEIRS] = "theirs",
                                      [GUARD_CANNOT] = "cannot" };
enum { GUARDS = sizeof guards / sizeof *guards };
enum { ROLES = sizeof roles / sizeof *roles, WHYS = sizeof whys / sizeof *whys };

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

struct image *images_find_file(const struct images *images, const char *path)
{
    struct image *image = images_find(images, path);

    for (size_t i = 0; !image && i < images->count; i++)
        if (same_file(images->item[i].path, path))
            image = &images->item[i];
    return image;
}

struct image *images_add(struct images *images, const char *path, const char *format, bool made)
{
    struct image *image = images_find(images, path), *grown;

    if (image)
        return image;
    grown = reallocarray(images->item, images->count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    images->item = grown;
    image = &grown[images->count++];
    *image = (struct image){ .made = made, .role = IMAGE_MADE };
    snprintf(image->path, sizeof image->path, "%s", path);
    snprintf(image->format, sizeof image->format, "%s", format);
    return image;
}

void images_remove(struct images *images, const char *path)
{
    struct image *image = images_find(images, path);

    if (image)
        *image = images->item[--images->count];
}

/* ---- roles ---------------------------------------------------------------------------------------------- */

static void set_role(struct image *image, enum image_role role)
{
    image->role = role;
    image->waits = image->leaving = image->apart = false;
    *image->vdev = *image->snapshot = '\0';
}

void image_head(struct image *image, const char *vdev)
{
    set_role(image, IMAGE_HEAD);
    snprintf(image->vdev, sizeof image->vdev, "%s", vdev);
}

void image_content(struct image *image, const char *snapshot)
{
    set_role(image, IMAGE_CONTENT);
    snprintf(image->snapshot, sizeof image->snapshot, "%s", snapshot);
}

bool image_header(struct image *image, long long size, const char *backing)
{
    bool grown = size != image->size && (!image->size || image->role == IMAGE_HEAD);
    bool changed = grown || !*image->backing;

    if (grown)
        image->size = size;
    if (!*image->backing)
        snprintf(image->backing, sizeof image->backing, "%s", *backing ? backing : IMAGE_ON_NONE);
    return changed;
}

void image_retire(struct image *image, enum image_why why, bool waits)
{
    set_role(image, IMAGE_RETIRED);
    image->why = why;
    image->waits = waits;
}

void image_release(struct image *image)
{
    image_retire(image, WHY_RELEASED, false);
    image->made = false;
}

bool image_is_handed_over(const struct image *image)
{
    return image->role == IMAGE_RETIRED && image->why == WHY_RELEASED && !image->made;
}

const char *image_why_word(enum image_why why)
{
    return whys[why];
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static int broken(struct err *err)
{
    return err_set(err, ERR_CORRUPT, FILE_NAME " cannot be read; it says which images are ours; bring it back, or do "
                   "without it, with no image ours: xensnap accept DOMAIN");
}

static bool parse_tags(struct image *image, const struct json *tags)
{
    for (size_t i = 0; i < json_count(tags); i++) {
        const char *tag = json_string(json_at(tags, i));

        if (!tag || strlen(tag) >= TAG_SIZE || image->tag_count == IMAGE_TAGS_MAX)
            return false;
        memcpy(image->tags[image->tag_count++], tag, strlen(tag) + 1);
    }
    return true;
}

/* The index of that word, or -1. */
static int find_word(const struct json *word, const char *const *words, int count)
{
    const char *text = json_string(word);

    for (int i = 0; text && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return -1;
}

static bool parse_role(struct image *image, const struct json *json)
{
    int role = find_word(json_get(json, "role"), roles, ROLES), why = find_word(json_get(json, "why"), whys, WHYS);

    if (role < 0)
        return false;
    image->role = (enum image_role)role;
    image->waits = json_true(json_get(json, "waits"));
    image->leaving = json_true(json_get(json, "leaving"));
    image->apart = json_true(json_get(json, "apart"));
    switch (image->role) {
    case IMAGE_HEAD: return json_copy(json, "vdev", image->vdev, sizeof image->vdev);
    case IMAGE_CONTENT:
        return json_copy(json, "snapshot", image->snapshot, sizeof image->snapshot) && uuid_valid(image->snapshot);
    case IMAGE_RETIRED: image->why = why < 0 ? WHY_UNUSED : (enum image_why)why; return why >= 0;
    case IMAGE_MADE: break;
    }
    return true;
}

/* Of an image that nobody has looked at yet nothing is said. */
static bool parse_guard(struct image *image, const struct json *json)
{
    int guard = find_word(json_get(json, "protected"), guards, GUARDS);

    image->guard = guard < 0 ? GUARD_NONE : (enum image_guard)guard;
    return guard >= 0 || !json_get(json, "protected");
}

static bool is_format(const char *format)
{
    return !*format || strcmp(format, "qcow2") == 0 || strcmp(format, "raw") == 0;
}

/* A member that may be missing. */
static bool copy_if_there(const struct json *json, const char *key, char *into, size_t size)
{
    return json_copy(json, key, into, size) || !json_get(json, key);
}

static bool parse_merging(struct image *image, const struct json *json)
{
    char now[UUID_LENGTH + 1];

    if (!copy_if_there(json, "merging", image->merging, sizeof image->merging) ||
        !copy_if_there(json, "boot", image->boot, sizeof image->boot))
        return false;
    image->arrived = json_true(json_get(json, "arrived"));
    if (!*image->merging)
        return true;
    boot_read(now);
    image->this_boot = uuid_valid(now) && strcmp(image->boot, now) == 0;
    return true;
}

static struct image *parse_path(struct images *images, const struct json *json)
{
    const char *path = json_string(json_get(json, "path"));

    if (!path || !path_valid(path) || images_find(images, path))
        return NULL;
    return images_add(images, path, "", json_true(json_get(json, "made")));
}

static bool parse_size(struct image *image, const struct json *json)
{
    image->size = json_integer(json_get(json, "size"), 0);
    return image->size >= 0;
}

static bool parse_image(struct images *images, const struct json *json)
{
    struct image *image = parse_path(images, json);

    return image && copy_if_there(json, "format", image->format, sizeof image->format) &&
           is_format(image->format) && copy_if_there(json, "backing", image->backing, sizeof image->backing) &&
           parse_size(image, json) && parse_merging(image, json) && parse_role(image, json) &&
           parse_guard(image, json) && parse_tags(image, json_get(json, "remove"));
}

/* The first version had no roles.  What it made may be a disk of the VM, whatever else it is; what it did not make is
 * listed because its snapshot was deleted while something still stood on it.  That a merge had come to its end it told
 * from the upper image being named nowhere. */
static bool parse_old_image(struct images *images, const struct json *json)
{
    struct image *image = parse_path(images, json);

    if (!image || !copy_if_there(json, "merging", image->merging, sizeof image->merging) ||
        !parse_tags(image, json_get(json, "remove")))
        return false;
    image->arrived = *image->merging;
    if (!image->made) {
        image_retire(image, WHY_DELETED, false);
        return true;
    }
    image_head(image, "");
    snprintf(image->format, sizeof image->format, "qcow2");
    return true;
}

static bool is_version(long long version)
{
    return version == LEDGER_VERSION || version == LEDGER_WITH_WAYS_OUT;
}

static int parse(struct images *images, const char *text, struct err *err)
{
    _cleanup_(json_freep) struct json *json = json_parse(text);
    const struct json *list = json_get(json, "ledger");

    images->old = json_is_array(json_get(json, "images"));
    if (images->old)
        list = json_get(json, "images");
    else if (!is_version(json_integer(json_get(json, "version"), 0)))
        return broken(err);
    if (!json_is_array(list))
        return broken(err);
    for (size_t i = 0; i < json_count(list); i++)
        if (!(images->old ? parse_old_image : parse_image)(images, json_at(list, i)))
            return broken(err);
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

int images_set_aside(struct store *store, const char *vm, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);

    if (dir < 0)
        return -1;
    if (renameat(dir, FILE_NAME, dir, FILE_NAME ".damaged") < 0 && errno != ENOENT)
        return err_errno(err, "cannot rename " FILE_NAME);
    return dir_sync(dir, err);
}

static void put_flag(struct json_writer *w, const char *key, bool value)
{
    if (value)
        json_put_bool(w, key, true);
}

static void put_image(struct json_writer *w, const struct image *image)
{
    json_object(w, NULL);
    json_put_string(w, "path", image->path);
    json_put_string(w, "format", image->format);
    if (image->size)
        json_put_integer(w, "size", image->size);
    if (*image->backing)
        json_put_string(w, "backing", image->backing);
    json_put_bool(w, "made", image->made);
    json_put_string(w, "role", roles[image->role]);
    if (image->role == IMAGE_HEAD)
        json_put_string(w, "vdev", image->vdev);
    if (image->role == IMAGE_CONTENT)
        json_put_string(w, "snapshot", image->snapshot);
    if (image->role == IMAGE_RETIRED)
        json_put_string(w, "why", whys[image->why]);
    put_flag(w, "waits", image->waits);
    put_flag(w, "leaving", image->leaving);
    put_flag(w, "apart", image->apart);
    if (*image->merging)
        json_put_string(w, "merging", image->merging);
    if (*image->merging && *image->boot)
        json_put_string(w, "boot", image->boot);
    put_flag(w, "arrived", image->arrived);
    if (image->guard != GUARD_NONE)
        json_put_string(w, "protected", guards[image->guard]);
    if (image->tag_count)
        json_array(w, "remove");
    for (size_t i = 0; i < image->tag_count; i++)
        json_put_string(w, NULL, image->tags[i]);
    if (image->tag_count)
        json_end_array(w);
    json_end_object(w);
}

/* Who does not know what is set apart would merge into it: he is to refuse the file. */
static int version_of(const struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->item[i].apart || (images->item[i].role == IMAGE_RETIRED && images->item[i].why == WHY_RELEASED))
            return LEDGER_WITH_WAYS_OUT;
    return LEDGER_VERSION;
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
    json_put_integer(w, "version", version_of(images));
    json_array(w, "ledger"); /* the first version looks for "images", and refuses the file */
    for (size_t i = 0; i < images->count; i++)
        put_image(w, &images->item[i]);
    json_end_array(w);
    json_end_object(w);
    return file_replace(dir, FILE_NAME, json_text(w), err);
}
