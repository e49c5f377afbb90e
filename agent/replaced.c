/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replaced.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "disks.h"
#include "image_info.h"
#include "log.h"
#include "op.h"
#include "owed.h"
#include "qemu_img.h"
#include "reach.h"
#include "xl.h"

#define REPLACED "xensnap-replaced"

/* Who looks at an image, as a backup's qemu-img info does, locks it for a moment. */
enum { LOCKED_SECONDS = 120, LOOK_MS = 250, TAGS_MAX = 32 };

void replaced_tag(const char *mark, char tag[TAG_SIZE])
{
    snprintf(tag, TAG_SIZE, REPLACED "%s%.*s", *mark ? "-" : "", UUID_LENGTH, mark);
}

/* The domain is gone, and a revert that fails now costs what it had in its memory. */
static int write_unlocked(struct work *w, int (*write)(const char *image, const char *tag, struct err *err),
                          const char *image, const char *tag, struct err *err)
{
    long long deadline = clock_ms() + LOCKED_SECONDS * 1000;
    int rc;

    while ((rc = write(image, tag, err)) < 0 && err->code == ERR_BUSY && clock_ms() < deadline) {
        log_info("%s is locked: %s", image, err->text);
        if (xl_let_pass(w->xl, LOOK_MS, err) < 0)
            return -1;
    }
    return rc;
}

static int has_tag(struct work *w, const struct record_disk *disk, const char *tag, struct err *err)
{
    struct image_info info;

    return image_info(disk->target, disk->format, tag, &info, w->control, err) < 0 ? -1 : info.has_tag;
}

int replaced_keep(struct work *w, const struct record_disk *disk, const char *mark, struct err *err)
{
    char tag[TAG_SIZE];
    int kept;

    replaced_tag(mark, tag);
    kept = has_tag(w, disk, tag, err);
    return kept ? (kept < 0 ? -1 : 0) : write_unlocked(w, qemu_img_tag, disk->target, tag, err);
}

int replaced_apply(struct work *w, const struct record_disk *disk, struct err *err)
{
    return write_unlocked(w, qemu_img_apply, disk->target, disk->tag, err);
}

int replaced_put_back(struct work *w, const struct record_disk *disk, const char *mark, struct err *err)
{
    char tag[TAG_SIZE];
    int kept;

    replaced_tag(mark, tag);
    kept = has_tag(w, disk, tag, err);
    return kept > 0 ? write_unlocked(w, qemu_img_apply, disk->target, tag, err) : kept;
}

static int is_left_alone(const struct record_disk *disk, const struct reach *reach, struct err *err)
{
    struct node node;

    if (reach_find(reach, disk->target, disk->tag, &node, err) < 0)
        return -1;
    return node.role == NODE_TOP && node.writers > 1 && node.tagged;
}

/* The tag's operation has come to no end, and it may be the only copy of what the disk held. */
static int is_owed(struct work *w, const char *tag, struct err *err)
{
    const char *mark = tag + strlen(REPLACED);

    return *mark == '-' ? owed_has(w, mark + 1, err) : 0;
}

int replaced_drop(struct work *w, const struct record_disk *disk, const struct reach *reach, struct err *err)
{
    _cleanup_(freep) struct record *one = calloc(1, sizeof *one);
    char tags[TAGS_MAX][TAG_SIZE];
    int count, alone, owed;

    if (!one)
        return err_set(err, ERR_IO, "out of memory");
    if (access(disk->target, F_OK) < 0 && errno == ENOENT)
        return 1;
    count = image_tags(disk->target, disk->format, REPLACED, tags, TAGS_MAX, w->control, err);
    if (count < 0)
        return -1;
    memcpy(one->vm, w->begun.order.vm, sizeof one->vm);
    one->disks[0] = *disk;
    one->disk_count = 1;
    for (int i = 0; i < count; i++) {
        memcpy(one->disks[0].tag, tags[i], TAG_SIZE);
        owed = is_owed(w, tags[i], err);
        if (owed < 0)
            return -1;
        if (owed)
            continue;
        alone = is_left_alone(&one->disks[0], reach, err);
        if (alone != 0)
            return alone < 0 ? -1 : 0;
        if (disks_untag(one, reach, w->store, w->control, err) < 0)
            return -1;
    }
    return 1;
}
