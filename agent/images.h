/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGES_H
#define IMAGES_H

/* VM/images.json, the ledger: an entry for each image of a VM that is ours, or on which something of ours stands, and
 * what it is.  What is not in it is never unlinked, whoever refers to it; what is in it is unlinked only for one of the
 * reasons of enum image_why, which is written down before. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"
#include "record.h"

struct store;

enum { IMAGE_TAGS_MAX = 32 };
#define IMAGE_ON_NONE "-"

enum image_role {
    IMAGE_MADE,    /* it exists, and nothing has gone on in it yet */
    IMAGE_HEAD,    /* a disk of the VM goes on in it, or went on in it */
    IMAGE_CONTENT, /* it is the state of a snapshot */
    IMAGE_RETIRED, /* it was given up */
};

enum image_why {
    WHY_MERGED,   /* its data went into the image below it */
    WHY_REPLACED, /* by a revert that was asked for */
    WHY_DELETED,  /* it was the content of a snapshot that was deleted */
    WHY_UNUSED,   /* it never came into use */
    WHY_RELEASED, /* somebody has asked for that: forget, or release, whose images are not ours any more */
};

/* Whose its immutable flag is (immutable.h, protect.h). */
enum image_guard {
    GUARD_NONE,   /* it has none, as far as we know */
    GUARD_OURS,   /* we have set it, or are about to */
    GUARD_THEIRS, /* it was there before: never cleared by us */
    GUARD_CANNOT, /* it should have one, and there is no such flag there, or we may not set it */
};

struct image {
    char path[PATH_SIZE];     /* as it was written by whoever named it first */
    char format[12];          /* qcow2 or raw; "" = nobody has written it down */
    long long size;           /* virtual, in bytes; 0 = not known */
    char backing[PATH_SIZE];  /* on what it stands, absolute; IMAGE_ON_NONE; "" = not known */
    bool made;                /* by us: may be unlinked.  Else it may only be merged into */
    enum image_role role;
    char vdev[VDEV_SIZE];     /* IMAGE_HEAD: of which disk; "" = not known */
    char snapshot[UUID_LENGTH + 1]; /* IMAGE_CONTENT */
    enum image_why why;       /* IMAGE_RETIRED */
    bool apart;               /* IMAGE_HEAD: it was set apart by release or accept; nothing is merged into it */
    bool waits;               /* IMAGE_RETIRED: the VM has not run without it yet */
    bool leaving;             /* IMAGE_HEAD: a revert that is under way replaces it */
    char merging[PATH_SIZE];  /* the image above it whose data is on its way into this one, or "" */
    char boot[UUID_LENGTH + 1]; /* in which run of the host that was begun; "" = not known */
    bool this_boot;           /* not in the file: it is this one */
    bool arrived;             /* and all of it is here; until then no disk may go on in this one */
    enum image_guard guard;
    size_t tag_count;         /* internal snapshots that are deleted but could not be removed yet, for the running */
    char tags[IMAGE_TAGS_MAX][TAG_SIZE]; /* domain stands on the image */
    bool later;               /* not in the file: nothing can be done with it now */
};

struct images {
    struct image *item;
    size_t count;
    bool old; /* read from a file of the first version: roles have to be learnt (images_next.h) */
};

/* Strict: ERR_CORRUPT where anything in it is not understood.  No file is an empty list. */
int images_load(struct images *images, struct store *store, const char *vm, struct err *err);
/* One that cannot be read is images.json.damaged from then on, so that another can be begun. */
int images_set_aside(struct store *store, const char *vm, struct err *err);
/* Durable when it returns; an empty list removes the file. */
int images_save(const struct images *images, struct store *store, const char *vm, struct err *err);
void images_deinit(struct images *images);

/* By its path as it is written; NULL where there is none. */
struct image *images_find(const struct images *images, const char *path);
/* By the file; NULL where there is none. */
struct image *images_find_file(const struct images *images, const char *path);
/* Adds it as IMAGE_MADE, or finds it and leaves it as it is; NULL: out of memory.  Others may move. */
struct image *images_add(struct images *images, const char *path, const char *format, bool made);
void images_remove(struct images *images, const char *path);
/* What it is from now on. */
void image_head(struct image *image, const char *vdev);
void image_content(struct image *image, const char *snapshot);
/* What its header says is written down when it is first seen, and checked from then on (chain.h); but a disk of the VM
 * can be made larger.  BACKING "": it stands on nothing.  Whether that changed anything. */
bool image_header(struct image *image, long long size, const char *backing);
void image_retire(struct image *image, enum image_why why, bool waits);
/* It is the administrator's from now on, and never removed by us.  As long as its file is there it stays in the ledger,
 * so that what it stands on is kept for him. */
void image_release(struct image *image);
bool image_is_handed_over(const struct image *image);
/* For people. */
const char *image_why_word(enum image_why why);

#endif
