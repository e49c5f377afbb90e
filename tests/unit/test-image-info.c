/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read from a header is what qemu-img says, of every image of which a header is taken for the whole story; and
 * QEMU can open it. */
#include "image_info.h"

#include <stdio.h>

#include "qcow2.h"
#include "scratch.h"

static struct scratch scratch;
static char what[64]; /* is being compared */

/* Runs the words behind "qemu-img" in the directory. */
static void qemu_img(const char *words)
{
    char command[1024];

    snprintf(command, sizeof command, "cd %s && qemu-img %s > /dev/null", scratch.path, words);
    if (system(command) != 0)
        CHECK_STR(command, "can be run");
}

static bool is_plain(const char *path)
{
    struct qcow2_head head;
    struct err err;

    return qcow2_read_head(path, &head, &err) == 0 && head.plain;
}

static void same(const char *path, const char *format, const char *tag)
{
    struct image_info ours = { 0 }, theirs = { 0 };
    struct err err = { 0 };

    if (qemu_img_info(path, format, tag, &theirs, NULL, &err) < 0)
        CHECK_STR(err.text, what);
    CHECK_INT(image_info(path, format, tag, &ours, NULL, &err), 0);
    CHECK_STR(ours.format, theirs.format);
    CHECK_STR(ours.backing, theirs.backing);
    CHECK_STR(ours.backing_format, theirs.backing_format);
    CHECK(ours.virtual_size == theirs.virtual_size);
    CHECK(ours.bitmaps == theirs.bitmaps);
    CHECK(ours.tags == theirs.tags);
    CHECK(ours.has_tag == theirs.has_tag);
    CHECK(ours.corrupt == theirs.corrupt);
}

/* NAME as it is: whether its header is the whole story, and that it says what qemu-img says. */
static void told(const char *name, const char *format, bool plain)
{
    const char *path = scratch_path(&scratch, name);

    CHECK(is_plain(path) == plain);
    same(path, format, NULL);
    same(path, format, "one");
    same(path, format, "another");
}

static void plain_images(void)
{
    qemu_img("create -q -f raw r 1000");
    told("r", "raw", false);
    qemu_img("create -q -f qcow2 a 1M");
    told("a", "qcow2", true);
    qemu_img("snapshot -c one a");
    qemu_img("snapshot -c two a");
    told("a", "qcow2", true);
    qemu_img("create -q -f qcow2 -o compat=0.10,cluster_size=4k old 5G");
    qemu_img("snapshot -c one old");
    told("old", "qcow2", true);
    qemu_img("create -q -f qcow2 -o cluster_size=512,refcount_bits=1 small 3M");
    told("small", "qcow2", true);
    qemu_img("create -q -f qcow2 -b a -F qcow2 relative");
    told("relative", "qcow2", true);
    qemu_img("create -q -f qcow2 -b $PWD/r -F raw absolute 8M");
    told("absolute", "qcow2", true);
    qemu_img("create -q -f qcow2 -u -b /nowhere -F qcow2 gone 8M");
    told("gone", "qcow2", true);
    qemu_img("create -q -f qcow2 -o lazy_refcounts=on lazy 8M");
    told("lazy", "qcow2", true);
}

static void other_images(void)
{
    qemu_img("create -q -f qcow2 -o compression_type=zstd zstd 1M");
    told("zstd", "qcow2", false);
    qemu_img("create -q -f qcow2 bitmaps 1M && qemu-img bitmap --add bitmaps b");
    told("bitmaps", "qcow2", false);
    qemu_img("create -q -f qcow2 -o data_file=data,data_file_raw=on outside 1M");
    told("outside", "qcow2", false);
    qemu_img("create -q -f qcow2 -u -b nbd://localhost/x -F raw net 1M");
    told("net", "qcow2", false);
    qemu_img("create -q -f qcow2 -u -b 'json:{\"driver\":\"file\",\"filename\":\"/x\"}' -F raw options 1M");
    told("options", "qcow2", false);
    qemu_img("create -q -f qcow2 -u -b nbd:unix:/x -F raw socket 1M");
    told("socket", "qcow2", false);
}

static void tags_begin_alike(void)
{
    char ours[4][TAG_SIZE] = { "" }, theirs[4][TAG_SIZE] = { "" };
    const char *path = scratch_path(&scratch, "tags");
    struct err err = { 0 };

    qemu_img("create -q -f qcow2 tags 1M");
    for (const char *const *tag = (const char *const[]){ "x-1", "y-1", "x-2", NULL }; *tag; tag++) {
        char words[64];

        snprintf(words, sizeof words, "snapshot -c %s tags", *tag);
        qemu_img(words);
    }
    CHECK_INT(qemu_img_tags(path, "qcow2", "x-", theirs, 4, NULL, &err), 2);
    CHECK_INT(image_tags(path, "qcow2", "x-", ours, 4, NULL, &err), 2);
    CHECK(memcmp(ours, theirs, sizeof ours) == 0);
    CHECK_INT(image_tags(path, "qcow2", "x-", ours, 1, NULL, &err), 1);
    CHECK_INT(image_tags(scratch_path(&scratch, "none"), "qcow2", "x-", ours, 4, NULL, &err), -1);
}

/* Each byte of the header, and of what stands behind it, is set to other values, one at a time. */
static void damaged_headers(void)
{
    enum { HEAD = 600 };
    const unsigned char values[] = { 0x00, 0x01, 0x7f, 0xff };
    char path[512];
    int fd, plain = 0;

    qemu_img("create -q -f qcow2 -b a -F qcow2 damaged");
    qemu_img("snapshot -c one damaged");
    snprintf(path, sizeof path, "%s", scratch_path(&scratch, "damaged"));
    fd = open(path, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; at < HEAD; at += at < 120 ? 1 : 7) {
        unsigned char was;

        CHECK_INT(pread(fd, &was, 1, at), 1);
        for (size_t i = 0; i < sizeof values; i++) {
            if (values[i] == was || pwrite(fd, &values[i], 1, at) != 1 || !is_plain(path))
                continue;
            plain++;
            snprintf(what, sizeof what, "byte %d set to %#x", (int)at, values[i]);
            same(path, "qcow2", "one");
        }
        CHECK_INT(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
    CHECK(plain > 50);
}

static void cut_off(void)
{
    qemu_img("create -q -f qcow2 short 1M");
    for (off_t length = 0; length < 4 * 65536; length += 5000) {
        CHECK_INT(truncate(scratch_path(&scratch, "short"), length), 0);
        if (is_plain(scratch_path(&scratch, "short")))
            same(scratch_path(&scratch, "short"), "qcow2", NULL);
    }
}

static const struct check_test tests[] = {
    { "a plain image's header says what qemu-img says", plain_images },
    { "of any other qemu-img is asked", other_images },
    { "so are the tags that begin alike", tags_begin_alike },
    { "a damaged header is not believed where QEMU would not", damaged_headers },
    { "nor is one of a file that is cut off", cut_off },
};

int main(void)
{
    int failed;

    scratch = scratch_make();
    failed = check_run(tests, sizeof tests / sizeof *tests);
    scratch_remove(&scratch);
    return failed;
}
