/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qcow2.h"

#include <stdint.h>

#include "scratch.h"

#define MIB (1 << 20)

/* An image as QEMU writes it, but for the content: byte for byte, and where its list of snapshots begins. */
struct image {
    struct scratch scratch;
    unsigned char bytes[4096];
    size_t used;
    struct err err;
};

static void put(struct image *image, unsigned long long value, int size)
{
    for (int i = size - 1; i >= 0; i--)
        image->bytes[image->used++] = (unsigned char)(value >> (8 * i));
}

static void put_text(struct image *image, const char *text)
{
    memcpy(image->bytes + image->used, text, strlen(text));
    image->used += strlen(text);
}

static void image_begin(struct image *image, unsigned count)
{
    *image = (struct image){ .scratch = scratch_make() };
    put(image, 0x514649fb, 4);
    put(image, 3, 4);
    image->used = 60;
    put(image, count, 4);
    put(image, 1024, 8);
    image->used = 1024;
}

static void add_snapshot(struct image *image, const char *id, const char *name, long long size, unsigned extra)
{
    size_t began;

    put(image, 0x50000, 8);
    put(image, 1, 4);
    put(image, strlen(id), 2);
    put(image, strlen(name), 2);
    image->used += 20; /* when, and what the guest had of the machine */
    put(image, extra, 4);
    began = image->used;
    if (extra >= 16) {
        put(image, 0, 8);
        put(image, (unsigned long long)size, 8);
    }
    image->used = began + extra;
    put_text(image, id);
    put_text(image, name);
    image->used = (image->used + 7) / 8 * 8;
}

static int size_of(struct image *image, const char *name, long long *size)
{
    FILE *f = fopen(scratch_path(&image->scratch, "i.qcow2"), "w");

    CHECK(f && fwrite(image->bytes, 1, image->used, f) == image->used);
    fclose(f);
    return qcow2_snapshot_size(scratch_path(&image->scratch, "i.qcow2"), name, size, &image->err);
}

static void image_remove(struct image *image)
{
    scratch_remove(&image->scratch);
}

static void each_has_its_own(void)
{
    static const struct {
        const char *name;
        long long size;
    } rows[] = { { "first", 64 * MIB }, { "firs", 32 * MIB }, { "third", 3LL << 40 }, { "old", 0 } };
    _cleanup_(image_remove) struct image image;

    image_begin(&image, 5);
    add_snapshot(&image, "1", "first", 64 * MIB, 24);
    add_snapshot(&image, "2", "firs", 32 * MIB, 16);
    add_snapshot(&image, "third", "a third", 1, 24); /* an id is no name */
    add_snapshot(&image, "4", "third", 3LL << 40, 40);
    add_snapshot(&image, "5", "old", 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long long size = -1;

        check_row = rows[i].name;
        CHECK_INT(size_of(&image, rows[i].name, &size), 0);
        CHECK_INT(size, rows[i].size);
    }
}

static void not_there(void)
{
    _cleanup_(image_remove) struct image image;
    long long size;

    image_begin(&image, 1);
    add_snapshot(&image, "1", "first", MIB, 24);
    CHECK_INT(size_of(&image, "second", &size), -1);
    CHECK_INT(image.err.code, ERR_CORRUPT);
    CHECK_INT(qcow2_snapshot_size("/none", "first", &size, &image.err), -1);
    CHECK_INT(image.err.code, ERR_IO);
}

static void broken(void)
{
    _cleanup_(image_remove) struct image image;
    long long size;

    image_begin(&image, 2); /* but one is there */
    add_snapshot(&image, "1", "first", MIB, 24);
    CHECK_INT(size_of(&image, "second", &size), -1);
    CHECK_HAS(image.err.text, "cannot be read");
    image.bytes[60] = 0xff; /* four thousand million */
    CHECK_INT(size_of(&image, "second", &size), -1);
    image.bytes[60] = 0;
    image.bytes[0] = 'X';
    CHECK_INT(size_of(&image, "first", &size), -1);
    image.used = 30;
    CHECK_INT(size_of(&image, "first", &size), -1);
    CHECK_INT(image.err.code, ERR_CORRUPT);
}

static const struct check_test tests[] = {
    { "each snapshot has the size that the disk had, those of old QEMUs none", each_has_its_own },
    { "a snapshot that is not there is corrupt, an image that is not there an error of its own", not_there },
    { "a list that is cut off or no list is told as such", broken },
};

CHECK_MAIN(tests)
