/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QEMU_IMG_H
#define QEMU_IMG_H

/* Images that no QEMU has open: qemu-img as a child.  It never writes to one that is open elsewhere; nothing
 * would stop it, as Xen's QEMU takes no lock.  Callers make sure with holders.h. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"
#include "record.h"

struct control;

/* Every qemu-img started from now on inherits this descriptor, which is -1 or stays the caller's: a flock() that
 * it holds ends when the last of them has ended, too.  A worker that is killed leaves a qemu-img behind that goes on
 * writing, and who recovers may find it before it has opened its image. */
void qemu_img_keeps_open(int lock);

struct image_info {
    char format[12];
    char backing[PATH_SIZE];  /* absolute; "" = none */
    char backing_format[12];  /* "" = the image does not say */
    long long virtual_size;
    size_t bitmaps;           /* dirty bitmaps, of a backup program: with them qemu-img applies no internal snapshot */
    size_t tags;              /* internal snapshots, whoever made them */
    bool has_tag;             /* the one that was asked for */
    bool corrupt;
};

/* FORMAT is what the image is known to be; "" has it probed, which a guest could mislead if it is raw.  TAG may
 * be NULL.  Safe on an image that is in use. */
int qemu_img_info(const char *image, const char *format, const char *tag, struct image_info *info,
                  struct control *control, struct err *err);

/* Which of its internal snapshots have names that begin with PREFIX, MAX of them at most: how many, or -1.  Safe on an
 * image that is in use. */
int qemu_img_tags(const char *image, const char *format, const char *prefix, char tags[][TAG_SIZE], int max,
                  struct control *control, struct err *err);

/* Opens IMAGE and all that it stands on, by the names that stand there, as the QEMU of a new domain will; ERR_QEMU with
 * qemu-img's words where that fails.  Safe on an image that is in use. */
int qemu_img_open(const char *image, const char *format, struct control *control, struct err *err);

struct image_check {
    long long corruptions;
    long long leaks; /* clusters that take up room and belong to nothing */
};
/* Reads all tables of a qcow2 image, which nobody must be writing to, and changes nothing. */
int qemu_img_check(const char *image, struct image_check *check, struct control *control, struct err *err);

/* An empty qcow2 image of SIZE bytes on BASE.  OVERLAY is overwritten: claim the name first (files.h). */
int qemu_img_create_overlay(const char *overlay, const char *base, const char *format, long long size,
                            struct control *control, struct err *err);
/* Writes what OVERLAY holds into the image that it stands on.  The overlay stays as it is. */
int qemu_img_commit(const char *overlay, struct control *control, struct err *err);
/* 0: OVERLAY and IMAGE hold the same.  Reads all of both. */
int qemu_img_compare(const char *overlay, const char *image, const char *format, struct control *control,
                     struct err *err);
/* IMAGE stands on BASE from now on, whose content is that of the one before. */
int qemu_img_rebase(const char *image, const char *base, const char *format, struct control *control,
                    struct err *err);
/* A new image TO with the content of IMAGE's internal snapshot TAG, as large as IMAGE is now.  INFO is the
 * image's, and says in which format it is what it stands on; TO is overwritten. IMAGE may be in use. */
int qemu_img_copy(const char *image, const char *tag, const struct image_info *info, const char *to,
                  struct control *control, struct err *err);

/* Cuts a qcow2 image that nobody has open down to SIZE bytes. */
int qemu_img_shrink(const char *image, long long size, struct control *control, struct err *err);

/* Internal snapshots: makes one, makes it the image's content, deletes it.  A cancel does not cut these short.
 * ERR_BUSY where another process keeps the image locked. */
int qemu_img_tag(const char *image, const char *tag, struct err *err);
int qemu_img_apply(const char *image, const char *tag, struct err *err);
int qemu_img_delete(const char *image, const char *tag, struct err *err);

#endif
