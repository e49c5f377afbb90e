/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Says whether raw disk images hold exactly what blockwriter had written at one instant.
 *     blockcheck [--disk FIRST] IMAGE...
 *
 * The images are disks FIRST, FIRST+1, ... of one guest, FIRST being 0 unless given. For each, prints
 *     disk=I boot=ID super=N max=M
 * and exits 0 if round N is complete and no later one has begun, except that the block of round N+1 may
 * be there already; several disks must be of the same instant: they are written in order, so that a
 * disk is at the same round as the one before it or one behind. Else a sentence tells, and it exits 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stamp.h"

struct image {
    const char *name;
    int fd;
    struct stamp super;
    uint64_t max;
    int bad;
};

static void complain(struct image *image, const char *format, ...)
{
    va_list args;

    printf("%s: ", image->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    image->bad++;
}

static int read_block(struct image *image, uint64_t index, void *block)
{
    if (pread(image->fd, block, BLOCK_SIZE, (off_t)index * BLOCK_SIZE) == BLOCK_SIZE)
        return 0;
    complain(image, "block %" PRIu64 " cannot be read", index);
    return -1;
}

static int read_super(struct image *image, uint32_t disk)
{
    uint64_t block[BLOCK_SIZE / 8];

    if (read_block(image, 0, block) < 0)
        return -1;
    switch (stamp_read(block, &image->super)) {
    case STAMP_NONE:
        complain(image, "no superblock: nothing was ever written");
        return -1;
    case STAMP_TORN:
        complain(image, "the superblock is torn");
        return -1;
    case STAMP_GOOD:
        break;
    }
    if (image->super.kind != STAMP_SUPER || image->super.disk != disk || !image->super.blocks) {
        complain(image, "the superblock is not one of disk %" PRIu32, disk);
        return -1;
    }
    return 0;
}

/* The largest round m <= n that wrote data block `slot`, 0 if none. */
static uint64_t last_round(uint64_t n, uint64_t slot, uint64_t blocks)
{
    uint64_t back = (n % blocks + blocks - slot) % blocks;

    return n >= back ? n - back : 0;
}

static void check_slot(struct image *image, uint64_t slot)
{
    const struct stamp *super = &image->super;
    uint64_t block[BLOCK_SIZE / 8], expected = last_round(super->sequence, slot, super->blocks);
    uint64_t next = super->sequence + 1;
    struct stamp found;
    enum stamp_state state;

    if (read_block(image, 1 + slot, block) < 0)
        return;
    state = stamp_read(block, &found);
    if (state == STAMP_TORN) {
        complain(image, "block %" PRIu64 " is torn (round %" PRIu64 ")", slot, found.sequence);
        return;
    }
    if (state == STAMP_NONE || found.boot != super->boot) { /* left by an earlier boot, or never written */
        if (expected)
            complain(image, "block %" PRIu64 " lacks round %" PRIu64, slot, expected);
        return;
    }
    if (found.kind != STAMP_DATA || found.disk != super->disk || found.sequence % super->blocks != slot) {
        complain(image, "block %" PRIu64 " holds a stamp of another place", slot);
        return;
    }
    if (found.sequence > image->max)
        image->max = found.sequence;
    if (found.sequence != expected && found.sequence != next)
        complain(image, "block %" PRIu64 " holds round %" PRIu64 ", expected %" PRIu64, slot,
                 found.sequence, expected);
}

static void check_image(struct image *image, uint32_t disk)
{
    image->fd = open(image->name, O_RDONLY | O_CLOEXEC);
    if (image->fd < 0) {
        complain(image, "%s", strerror(errno));
        return;
    }
    if (read_super(image, disk) < 0)
        return;
    for (uint64_t slot = 0; slot < image->super.blocks; slot++)
        check_slot(image, slot);
    printf("disk=%" PRIu32 " boot=%016" PRIx64 " super=%" PRIu64 " max=%" PRIu64 "\n", disk,
           image->super.boot, image->super.sequence, image->max);
}

static void check_pair(const struct image *first, struct image *image)
{
    uint64_t lead = first->super.sequence - image->super.sequence;

    if (first->super.boot != image->super.boot)
        complain(image, "is of another boot than %s", first->name);
    else if (lead > 1)
        complain(image, "is at round %" PRIu64 ", while %s is at %" PRIu64, image->super.sequence,
                 first->name, first->super.sequence);
    else if (lead == 1 && first->max > first->super.sequence)
        complain(image, "%s began a round before this disk had finished the one before", first->name);
}

int main(int argc, char **argv)
{
    uint32_t first_disk = 0;
    int bad = 0, arg = 1;

    if (argc > 2 && strcmp(argv[1], "--disk") == 0) {
        first_disk = strtoul(argv[2], NULL, 10);
        arg = 3;
    }
    if (arg >= argc) {
        fprintf(stderr, "usage: blockcheck [--disk FIRST] IMAGE...\n");
        return 2;
    }
    struct image first = { .name = argv[arg] }, image = first;

    for (int i = arg; i < argc; i++) {
        image = (struct image){ .name = argv[i] };
        check_image(&image, first_disk + (i - arg));
        if (i == arg)
            first = image;
        else if (!bad && !image.bad)
            check_pair(&first, &image);
        bad += image.bad;
        if (image.fd >= 0)
            close(image.fd);
    }
    return bad ? 1 : 0;
}
