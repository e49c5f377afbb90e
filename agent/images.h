/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGES_H
#define IMAGES_H

/* VM/images.json: the image files of a VM that are ours to remove or to merge.  Overlays and copies that we
 * made, images whose snapshot was deleted while others still stand on them, and internal snapshots that wait for
 * their removal.  What is not in it is never unlinked, whoever refers to it. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"
#include "record.h"

struct store;

enum { IMAGE_TAGS_MAX = 32 };

struct image {
    char path[PATH_SIZE];
    bool made;                  /* by us: may be unlinked when nothing needs it.  Else it may only be merged into */
    char merging[PATH_SIZE];    /* the image above it whose data is on its way into this one, or "" */
    size_t tag_count;           /* internal snapshots that are deleted but could not be removed yet, for the running */
    char tags[IMAGE_TAGS_MAX][TAG_SIZE]; /* domain stands on the image */
};

struct images {
    struct image *item;
    size_t count;
};

/* No file is an empty list. */
int images_load(struct images *images, struct store *store, const char *vm, struct err *err);
int images_save(const struct images *images, struct store *store, const char *vm, struct err *err);
void images_deinit(struct images *images);

struct image *images_find(const struct images *images, const char *path);
/* Adds it, or finds it and leaves it as it is. */
struct image *images_add(struct images *images, const char *path, bool made);
void images_remove(struct images *images, const char *path);

/* Load, add, save: durable when it returns. */
int images_note(struct store *store, const char *vm, const char *path, bool made, struct err *err);
/* Load, remove, save. */
int images_forget(struct store *store, const char *vm, const char *path, struct err *err);
/* Load, set the image's "merging" ("" where UPPER is NULL), save; adds the image, not made by us, if need be. */
int images_set_merging(struct store *store, const char *vm, const char *path, const char *upper, struct err *err);

/* The internal snapshot is to be removed as soon as that can be done, or has been.  ERR_BUSY where too many wait. */
int images_add_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err);
int images_remove_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err);

#endif
