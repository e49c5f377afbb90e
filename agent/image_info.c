/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_info.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "qcow2.h"

enum { SECTOR = 512 };

/* A qemu-img that waits for storage which does not answer can be given up. */
static bool can_be_read(const char *image)
{
    struct stat st;

    return file_is_local(image) && stat(image, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool is_plain(const char *image, const char *format, struct qcow2_head *head)
{
    struct err err;

    return strcmp(format, "qcow2") == 0 && can_be_read(image) && qcow2_read_head(image, head, &err) == 0 && head->plain;
}

struct tags {
    const char *prefix;
    char (*names)[TAG_SIZE];
    int count, max;
};

static void add_tag(void *data, const char *name)
{
    struct tags *tags = data;

    if (tags->count < tags->max && strncmp(name, tags->prefix, strlen(tags->prefix)) == 0 && strlen(name) < TAG_SIZE)
        snprintf(tags->names[tags->count++], TAG_SIZE, "%s", name);
}

struct wanted {
    const char *tag;
    bool found;
};

static void compare(void *data, const char *name)
{
    struct wanted *wanted = data;

    wanted->found |= strcmp(name, wanted->tag) == 0;
}

static bool from_header(const char *image, const char *format, const char *tag, struct image_info *info)
{
    struct wanted wanted = { .tag = tag };
    struct qcow2_head head;
    struct err err;

    if (!is_plain(image, format, &head) || (tag && qcow2_each_snapshot(image, compare, &wanted, &err) < 0))
        return false;
    snprintf(info->format, sizeof info->format, "qcow2");
    memcpy(info->backing, head.below, sizeof info->backing);
    memcpy(info->backing_format, head.below_format, sizeof info->backing_format);
    info->virtual_size = head.size;
    info->tags = head.snapshots;
    info->has_tag = wanted.found;
    return true;
}

/* QEMU counts in sectors.  Of a device its size is not that of its node. */
static bool from_file(const char *image, const char *format, struct image_info *info)
{
    struct stat st;

    if (strcmp(format, "raw") != 0 || access(image, R_OK) < 0 || stat(image, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    snprintf(info->format, sizeof info->format, "raw");
    info->virtual_size = ((long long)st.st_size + SECTOR - 1) / SECTOR * SECTOR;
    return true;
}

int image_info(const char *image, const char *format, const char *tag, struct image_info *info,
               struct control *control, struct err *err)
{
    *info = (struct image_info){ 0 };
    if (from_header(image, format, tag, info) || from_file(image, format, info))
        return 0;
    return qemu_img_info(image, format, tag, info, control, err);
}

int image_tags(const char *image, const char *format, const char *prefix, char names[][TAG_SIZE], int max,
               struct control *control, struct err *err)
{
    struct tags tags = { .prefix = prefix, .names = names, .max = max };
    struct qcow2_head head;

    if (is_plain(image, format, &head) && qcow2_each_snapshot(image, add_tag, &tags, err) == 0)
        return tags.count;
    return qemu_img_tags(image, format, prefix, names, max, control, err);
}
