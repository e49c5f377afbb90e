/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qcow2.h"

#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"

/* QEMU's docs/interop/qcow2.txt; all numbers are big-endian. */
enum { MAGIC = 0x514649fb, SNAPSHOTS_MAX = 65536, EXTRA_MAX = 1024, NAME_BYTES = 256 };

struct __attribute__((packed)) header {
    uint32_t magic, version;
    uint64_t backing_offset;
    uint32_t backing_size, cluster_bits;
    uint64_t size;
    uint32_t encryption, l1_size;
    uint64_t l1_offset, refcount_offset;
    uint32_t refcount_clusters;
    uint32_t snapshot_count;
    uint64_t snapshots_offset;
};

/* Then: extra data, id, name, and padding to 8 bytes. */
struct __attribute__((packed)) entry {
    uint64_t l1_offset;
    uint32_t l1_size;
    uint16_t id_size, name_size;
    uint32_t seconds, nanoseconds;
    uint64_t clock;
    uint32_t state_size, extra_size;
};

struct __attribute__((packed)) extra {
    uint64_t state_size, disk_size;
};

static bool read_at(int fd, void *data, size_t size, uint64_t offset)
{
    return pread(fd, data, size, (off_t)offset) == (ssize_t)size;
}

/* 1: it has that name. */
static int look_at(int fd, const struct entry *entry, uint64_t offset, const char *name, long long *size)
{
    char text[NAME_BYTES] = "";
    size_t length = be16toh(entry->name_size);
    uint32_t extra_size = be32toh(entry->extra_size);
    struct extra extra = { 0 };

    if (length != strlen(name) || length >= sizeof text)
        return 0;
    if (!read_at(fd, text, length, offset + extra_size + be16toh(entry->id_size)))
        return -1;
    if (strcmp(text, name) != 0)
        return 0;
    if (extra_size >= sizeof extra && !read_at(fd, &extra, sizeof extra, offset))
        return -1;
    *size = (long long)be64toh(extra.disk_size);
    return 1;
}

/* 1: found; 0: none of that name; -1: the table cannot be read. */
static int find(int fd, const char *name, long long *size)
{
    struct header header;
    uint64_t offset;

    if (!read_at(fd, &header, sizeof header, 0) || be32toh(header.magic) != MAGIC ||
        be32toh(header.snapshot_count) > SNAPSHOTS_MAX)
        return -1;
    offset = be64toh(header.snapshots_offset);
    for (uint32_t i = 0; i < be32toh(header.snapshot_count); i++) {
        struct entry entry;
        int rc;

        if (!read_at(fd, &entry, sizeof entry, offset) || be32toh(entry.extra_size) > EXTRA_MAX)
            return -1;
        offset += sizeof entry;
        rc = look_at(fd, &entry, offset, name, size);
        if (rc != 0)
            return rc;
        offset += be32toh(entry.extra_size) + be16toh(entry.id_size) + be16toh(entry.name_size);
        offset = (offset + 7) & ~(uint64_t)7;
    }
    return 0;
}

int qcow2_snapshot_size(const char *image, const char *name, long long *size, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    int found;

    *size = 0;
    if (fd < 0)
        return err_errno(err, "cannot open the image");
    found = find(fd, name, size);
    if (found > 0 && *size >= 0)
        return 0;
    return err_set(err, ERR_CORRUPT, found == 0 ? "the image no longer holds this snapshot"
                                                : "the image's list of snapshots cannot be read");
}

/* The table of what is where once for either, the list of snapshots, the counts of all these clusters, and some that
 * QEMU does not put where there is room. */
int qcow2_snapshot_room(const char *image, long long *bytes, struct err *err)
{
    enum { SOME = 8, ENTRY_BYTES = 512, BITS_MIN = 9, BITS_MAX = 21 };
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    struct header header;
    long long cluster, table, list;

    if (fd < 0 || !read_at(fd, &header, sizeof header, 0))
        return err_errno(err, "cannot read %.120s", image);
    if (be32toh(header.magic) != MAGIC || be32toh(header.cluster_bits) < BITS_MIN ||
        be32toh(header.cluster_bits) > BITS_MAX)
        return err_set(err, ERR_CORRUPT, "the image is no qcow2 image any more");
    cluster = 1LL << be32toh(header.cluster_bits);
    table = 8LL * be32toh(header.l1_size);
    list = (be32toh(header.snapshot_count) + 1LL) * ENTRY_BYTES;
    *bytes = 2 * table + list + SOME * cluster;
    return 0;
}
