/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGES_NOTE_H
#define IMAGES_NOTE_H

/* Single changes of the ledger: each loads it, changes it and saves it, and is durable when it returns. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "images.h"
#include "names.h"
#include "record.h"

struct store;

/* An image that is going to be made: qcow2, ours. */
int images_note_made(struct store *store, const char *vm, const char *path, struct err *err);
/* The same for an external disk's overlay, and that the disk has gone on in the image below it until now, which has
 * SIZE bytes and stands on BACKING ("" = nothing). */
int images_note_overlay(struct store *store, const char *vm, const struct record_disk *disk, long long size,
                        const char *backing, struct err *err);
/* Each of RECORD's external disks may go on in its overlay from now on. */
int images_note_heads(struct store *store, const struct record *record, struct err *err);
/* The disk goes on in it, or may; one that is not ours is added.  Does nothing where that is known. */
int images_note_head(struct store *store, const char *vm, const char *vdev, const char *path, const char *format,
                     struct err *err);
/* Each image that RECORD has outside, as its content, or as given up with it. */
int images_note_content(struct store *store, const struct record *record, struct err *err);
int images_retire_content(struct store *store, const struct record *record, bool waits, struct err *err);
/* It is the administrator's: image_release(). */
int images_release(struct store *store, const char *vm, const char *path, struct err *err);
/* A revert: VDEVS of the disks that it replaces are in these images now ("leaving"); nothing else is leaving.  COUNT 0:
 * it was given up. */
struct images_disk {
    char vdev[VDEV_SIZE];
    char path[PATH_SIZE];
};
int images_note_leaving(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                        struct err *err);
/* The domain is going to run in these: each that was made for it is the disk's. */
int images_note_next(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                     struct err *err);
/* It is there: what was leaving and is none of these was replaced. */
int images_retire_left(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                       struct err *err);
/* It is there for good, and the content of these was put back in place: each is whole, and a head, whatever was on its
 * way into it before. */
int images_note_whole(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                      struct err *err);
/* It is not going to be there: what was replaced and is one of these is a disk again, and nothing leaves. */
int images_note_back(struct store *store, const char *vm, const struct images_disk *disks, size_t count,
                     struct err *err);
int images_retire(struct store *store, const char *vm, const char *path, enum image_why why, bool waits,
                  struct err *err);
int images_forget(struct store *store, const char *vm, const char *path, struct err *err);
/* "merging"; NULL: no more.  The image must be in it.  ARRIVED: all that UPPER holds.  Else this
 * run of the host is noted, too. */
int images_set_merging(struct store *store, const char *vm, const char *path, const char *upper, bool arrived,
                       struct err *err);

/* What NOW says of their flags; images that only one of the two has are left alone. */
int images_note_guards(struct store *store, const char *vm, const struct images *now, struct err *err);
/* Our flag is not on it any more.  Before the file goes: of one that is not there nobody could tell. */
int images_note_lifted(struct store *store, const char *vm, const char *path, struct err *err);

/* The internal snapshot is to be removed as soon as that can be done, or has been.  ERR_BUSY where too many wait. */
int images_add_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err);
int images_remove_tag(struct store *store, const char *vm, const char *path, const char *tag, struct err *err);

#endif
