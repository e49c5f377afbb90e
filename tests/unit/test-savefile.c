/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "savefile.h"

#include <endian.h>
#include <stdint.h>

#include "scratch.h"

/* As tools/xl/xl.h has it: magic, byte order, mandatory flags (JSON, stream version 2), optional flags and
 * the length of what follows: the length of the configuration, and the configuration with its NUL. */
static const unsigned char magic[32] = "Xen saved domain, xl format\n \0 \r";
enum { HEADER = 48, CONFIG_AT = HEADER + 4 };

static const char config[] = "{\"c_info\": {}}";

static int new_file(const struct scratch *scratch)
{
    int fd = openat(scratch->dir, "memory", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct err err = { 0 };

    CHECK(fd >= 0);
    CHECK_INT(savefile_write_header(fd, config, &err), 0);
    return fd;
}

static uint32_t number_at(const unsigned char *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

static void bytes_of_the_header(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_file(&scratch);
    unsigned char bytes[256];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);

    CHECK_INT(n, CONFIG_AT + (long long)sizeof config);
    CHECK(memcmp(bytes, magic, sizeof magic) == 0);
    CHECK_INT(number_at(bytes + 32), 0x01020304);
    CHECK_INT(number_at(bytes + 36), 3);
    CHECK_INT(number_at(bytes + 40), 0);
    CHECK_INT(number_at(bytes + 44), 4 + (long long)sizeof config);
    CHECK_INT(number_at(bytes + HEADER), (long long)sizeof config);
    CHECK(memcmp(bytes + CONFIG_AT, config, sizeof config) == 0);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), n);
#if __BYTE_ORDER == __LITTLE_ENDIAN
    CHECK(memcmp(bytes + 32, "\4\3\2\1\3\0\0\0\0\0\0\0", 12) == 0);
#endif
}

static void stream_follows(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_file(&scratch);
    struct err err = { 0 };
    char stream[16] = "";

    CHECK(write(fd, "stream", 6) == 6);
    CHECK_INT(savefile_skip_header(fd, &err), 0); /* from wherever it stands */
    CHECK(read(fd, stream, sizeof stream) == 6);
    CHECK_STR(stream, "stream");
    CHECK_INT(lseek(fd, 7, SEEK_SET), 7);
    CHECK_INT(savefile_skip_header(fd, &err), 0);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), CONFIG_AT + (long long)sizeof config);
}

static void empty_config(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = openat(scratch.dir, "memory", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct err err = { 0 };

    CHECK_INT(savefile_write_header(fd, "", &err), 0);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), CONFIG_AT + 1);
    CHECK_INT(savefile_skip_header(fd, &err), 0);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), CONFIG_AT + 1);
}

static void damaged(void)
{
    static const struct {
        const char *what;
        int at;
        unsigned char byte;
    } rows[] = {
        { "first byte of the magic", 0, 'x' },   { "last byte of the magic", 31, 'x' },
        { "the NUL in the magic", 29, 'x' },     { "byte order", 32, 0x05 },
        { "no stream version 2", 36, 1 },        { "no JSON", 36, 2 },
        { "a flag that nobody knows", 36, 7 },   { "a high flag that nobody knows", 39, 0x80 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(closep) int fd = new_file(&scratch);
        struct err err = { 0 };

        check_row = rows[i].what;
        CHECK(pwrite(fd, &rows[i].byte, 1, rows[i].at) == 1);
        CHECK_INT(savefile_skip_header(fd, &err), -1);
        CHECK_INT(err.code, ERR_CORRUPT);
    }
}

static void cut_off(void)
{
    static const off_t lengths[] = { 0, 1, 31, 32, HEADER - 1 };
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_file(&scratch);
    struct err err = { 0 };

    for (size_t i = sizeof lengths / sizeof *lengths; i-- > 0;) {
        CHECK_INT(ftruncate(fd, lengths[i]), 0);
        CHECK_INT(savefile_skip_header(fd, &err), -1);
        CHECK_INT(err.code, ERR_CORRUPT);
    }
}

static void cut_off_in_the_configuration(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_file(&scratch);
    struct err err = { 0 };

    CHECK_INT(ftruncate(fd, CONFIG_AT + 3), 0);
    CHECK_INT(savefile_skip_header(fd, &err), -1);
    CHECK_INT(err.code, ERR_CORRUPT);
}

static void cannot_be_written(void)
{
    _cleanup_(closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct err err = { 0 };

    CHECK_INT(savefile_write_header(full, config, &err), -1);
    CHECK_INT(err.code, ERR_NO_SPACE);
    CHECK_INT(savefile_write_header(-1, config, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(savefile_skip_header(-1, &err), -1);
}

static const struct check_test tests[] = {
    { "the header is xl's, byte by byte", bytes_of_the_header },
    { "after the header stands the stream", stream_follows },
    { "an empty configuration is its NUL", empty_config },
    { "a header that is damaged or of another kind is refused", damaged },
    { "a header that is cut off is refused", cut_off },
    { "a file that ends in the configuration is refused", cut_off_in_the_configuration },
    { "a header that cannot be written says why", cannot_be_written },
};

CHECK_MAIN(tests)
