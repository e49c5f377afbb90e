/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "savefile.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BYTE_ORDER_MARK = 0x01020304,
    MANDATORY_JSON = 1,
    MANDATORY_STREAM_V2 = 2,
};

struct header {
    char magic[32];
    uint32_t byte_order;
    uint32_t mandatory_flags; /* xl refuses a file with one it does not know */
    uint32_t optional_flags;
    uint32_t optional_length; /* of what follows the header: a length and the configuration */
};

_Static_assert(sizeof(struct header) == 48, "xl's header has no padding");

static const char magic[] = "Xen saved domain, xl format\n \0 \r";

_Static_assert(sizeof magic == sizeof((struct header *)0)->magic + 1, "xl's magic has 32 bytes");

int savefile_write_header(int fd, const char *config, struct err *err)
{
    uint32_t length = (uint32_t)strlen(config) + 1; /* xl takes it as a C string: with its NUL */
    struct header header = {
        .byte_order = BYTE_ORDER_MARK,
        .mandatory_flags = MANDATORY_JSON | MANDATORY_STREAM_V2,
        .optional_length = (uint32_t)sizeof length + length,
    };

    memcpy(header.magic, magic, sizeof header.magic);
    if (write(fd, &header, sizeof header) != sizeof header || write(fd, &length, sizeof length) != sizeof length ||
        write(fd, config, length) != (ssize_t)length)
        return err_errno(err, "cannot write the memory image");
    return 0;
}

int savefile_skip_header(int fd, struct err *err)
{
    struct header header;
    struct stat st;

    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0 || read(fd, &header, sizeof header) != sizeof header ||
        memcmp(header.magic, magic, sizeof header.magic) != 0 || header.byte_order != BYTE_ORDER_MARK ||
        header.mandatory_flags != (MANDATORY_JSON | MANDATORY_STREAM_V2) ||
        st.st_size < (off_t)sizeof header + header.optional_length ||
        lseek(fd, header.optional_length, SEEK_CUR) < 0)
        return err_set(err, ERR_CORRUPT, "the memory image is not a save file");
    return 0;
}
