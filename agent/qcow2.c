/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qcow2.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* QEMU's docs/interop/qcow2.txt; all numbers are big-endian. */
enum { MAGIC = 0x514649fb, SNAPSHOTS_MAX = 65536, EXTRA_MAX = 1024, NAME_BYTES = 256, L1_MAX = 4 << 20 };

struct __attribute__((packed)) header {
    uint32_t magic, version;
    uint64_t below_offset;
    uint32_t below_size, cluster_bits;
    uint64_t size;
    uint32_t encryption, l1_size;
    uint64_t l1_offset;
    uint64_t refcounts_offset;
    uint32_t refcounts_clusters;
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

/* Of a name that is too long for one of ours "". */
struct snapshot {
    char name[NAME_BYTES];
    long long size;
};

static bool read_snapshot(int fd, const struct entry *entry, uint64_t offset, struct snapshot *snapshot)
{
    size_t length = be16toh(entry->name_size);
    uint32_t extra_size = be32toh(entry->extra_size);
    struct extra extra = { 0 };

    *snapshot = (struct snapshot){ .size = 0 };
    if (length >= sizeof snapshot->name)
        length = 0;
    if (!read_at(fd, snapshot->name, length, offset + extra_size + be16toh(entry->id_size)) ||
        (extra_size >= sizeof extra && !read_at(fd, &extra, sizeof extra, offset)))
        return false;
    snapshot->size = (long long)be64toh(extra.disk_size);
    return true;
}

/* Until VISIT returns true.  1: it has; 0: it has not; -1: the table cannot be read. */
static int each_snapshot(int fd, bool (*visit)(void *data, const struct snapshot *snapshot), void *data)
{
    struct header header;
    uint64_t offset;

    if (!read_at(fd, &header, sizeof header, 0) || be32toh(header.magic) != MAGIC ||
        be32toh(header.snapshot_count) > SNAPSHOTS_MAX)
        return -1;
    offset = be64toh(header.snapshots_offset);
    for (uint32_t i = 0; i < be32toh(header.snapshot_count); i++) {
        struct snapshot snapshot;
        struct entry entry;

        if (!read_at(fd, &entry, sizeof entry, offset) || be32toh(entry.extra_size) > EXTRA_MAX)
            return -1;
        offset += sizeof entry;
        if (!read_snapshot(fd, &entry, offset, &snapshot))
            return -1;
        if (visit(data, &snapshot))
            return 1;
        offset += be32toh(entry.extra_size) + be16toh(entry.id_size) + be16toh(entry.name_size);
        offset = (offset + 7) & ~(uint64_t)7;
    }
    return 0;
}

struct wanted {
    const char *name;
    long long size;
};

static bool is_wanted(void *data, const struct snapshot *snapshot)
{
    struct wanted *wanted = data;

    wanted->size = snapshot->size;
    return strcmp(snapshot->name, wanted->name) == 0;
}

int qcow2_snapshot_size(const char *image, const char *name, long long *size, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    struct wanted wanted = { .name = name };
    int found;

    *size = 0;
    if (fd < 0)
        return err_errno(err, "cannot open the image");
    found = each_snapshot(fd, is_wanted, &wanted);
    if (found > 0)
        *size = wanted.size;
    if (found > 0 && *size >= 0)
        return 0;
    return err_set(err, ERR_CORRUPT, found == 0 ? "the image no longer holds this snapshot"
                                                : "the image's list of snapshots cannot be read");
}

struct visit {
    void (*name)(void *data, const char *name);
    void *data;
};

static bool tell_name(void *data, const struct snapshot *snapshot)
{
    const struct visit *visit = data;

    visit->name(visit->data, snapshot->name);
    return false;
}

int qcow2_each_snapshot(const char *image, void (*name)(void *data, const char *name), void *data, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, "cannot open the image");
    if (each_snapshot(fd, tell_name, &(struct visit){ name, data }) < 0)
        return err_set(err, ERR_CORRUPT, "the image's list of snapshots cannot be read");
    return 0;
}

static bool read_header(int fd, struct header *header)
{
    return fd >= 0 && read_at(fd, header, sizeof *header, 0) && be32toh(header->magic) == MAGIC;
}

bool qcow2_is_image(const char *file)
{
    _cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct header header;

    return read_header(fd, &header);
}

/* Each allocated cluster has a table to which the first one refers. */
int qcow2_is_empty(const char *image, bool *empty, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    struct header header;
    uint64_t entry = 0;
    uint32_t count;

    if (!read_header(fd, &header))
        return err_set(err, ERR_CORRUPT, "%s cannot be read as a qcow2 image", image);
    count = be32toh(header.l1_size);
    for (uint32_t i = 0; i < count && count <= L1_MAX && !entry; i++)
        if (!read_at(fd, &entry, sizeof entry, be64toh(header.l1_offset) + 8 * (uint64_t)i))
            return err_set(err, ERR_CORRUPT, "%s cannot be read as a qcow2 image", image);
    *empty = count <= L1_MAX && !entry && header.snapshot_count == 0;
    return 0;
}

/* ---- what it stands on ----------------------------------------------------------------------------------- */

enum { V2_LENGTH = 72, LENGTH_AT = 100, FORMAT_EXTENSION = (int)0xe2792aca, EXTENSIONS_MAX = 64,
       FORMAT_BYTES = 16 };

/* In which format a header extension says that what is below is.  Where none says anything it is not guessed. */
static void read_below_format(int fd, const struct header *header, char *format, size_t size)
{
    uint32_t length = V2_LENGTH, extension[2];
    uint64_t offset;

    memset(format, 0, size);
    if (be32toh(header->version) >= 3 && read_at(fd, &length, sizeof length, LENGTH_AT))
        length = be32toh(length);
    offset = length;
    for (int i = 0; i < EXTENSIONS_MAX && read_at(fd, extension, sizeof extension, offset) && extension[0]; i++) {
        offset += sizeof extension;
        length = be32toh(extension[1]);
        if (be32toh(extension[0]) == (uint32_t)FORMAT_EXTENSION) {
            if (length >= size || !read_at(fd, format, length, offset))
                *format = '\0';
            return;
        }
        offset += ((uint64_t)length + 7) & ~(uint64_t)7;
    }
}

/* Its path, which a header may give as seen from the image. */
static bool read_below(int fd, const char *image, const struct header *header, char below[PATH_SIZE])
{
    const char *slash = strrchr(image, '/');
    char name[PATH_SIZE] = "";
    uint32_t size = be32toh(header->below_size);

    if (size == 0 || size >= sizeof name || !read_at(fd, name, size, be64toh(header->below_offset)))
        return false;
    if (*name == '/' || !slash)
        return snprintf(below, PATH_SIZE, "%s", name) < PATH_SIZE;
    return snprintf(below, PATH_SIZE, "%.*s/%s", (int)(slash - image), image, name) < PATH_SIZE;
}

/* ---- whether QEMU would open it, and what it would find ----------------------------------------------------- */

/* QEMU's limits, of block/qcow2.h and qcow2_do_open(). */
enum { DIRTY = 1, CORRUPT = 2, CLUSTER_BITS_MIN = 9, CLUSTER_BITS_MAX = 21, REFCOUNT_ORDER_MAX = 6, BELOW_MAX = 1023,
       REFCOUNTS_MAX = 8 << 20, FEATURE_NAMES = 0x6803f857,
       SECTOR = 512, FORMAT_BYTES_MAX = sizeof ((struct qcow2_head *)0)->below_format };

/* Of version 3, behind the header; of the last only what LENGTH comes to. */
struct __attribute__((packed)) features {
    uint64_t incompatible, compatible, autoclear;
    uint32_t refcount_order, length;
    uint8_t compression;
};

/* Whether the table begins with a cluster, and lies in the file. */
static bool is_table(uint64_t offset, uint64_t bytes, uint64_t cluster, uint64_t file)
{
    return offset % cluster == 0 && offset <= file && bytes <= file - offset;
}

static bool has_plain_tables(int fd, const struct header *header, uint64_t cluster)
{
    off_t file = lseek(fd, 0, SEEK_END);
    uint64_t covers = cluster * (cluster / 8), size = be64toh(header->size), l1 = be32toh(header->l1_size);
    uint64_t counts = be32toh(header->refcounts_clusters) * cluster;

    return file > 0 && size <= INT64_MAX && size % SECTOR == 0 && l1 <= L1_MAX &&
           l1 >= size / covers + (size % covers != 0) &&
           counts > 0 && counts <= REFCOUNTS_MAX &&
           is_table(be64toh(header->l1_offset), 8 * l1, cluster, (uint64_t)file) &&
           is_table(be64toh(header->refcounts_offset), counts, cluster, (uint64_t)file) &&
           is_table(be64toh(header->snapshots_offset), 0, cluster, (uint64_t)file);
}

/* Other extensions tell of bitmaps, of a data file, of encryption, or of what is not known yet. */
static bool has_plain_extensions(int fd, uint64_t offset, uint64_t end)
{
    uint32_t extension[2];

    while (offset < end) {
        uint32_t kind, length;

        if (end - offset < sizeof extension || !read_at(fd, extension, sizeof extension, offset))
            return false;
        kind = be32toh(extension[0]);
        length = be32toh(extension[1]);
        offset += sizeof extension;
        if (length > end - offset)
            return false;
        if (!kind)
            return true;
        if (kind != FEATURE_NAMES && (kind != (uint32_t)FORMAT_EXTENSION || length >= FORMAT_BYTES_MAX))
            return false;
        offset += ((uint64_t)length + 7) & ~(uint64_t)7;
    }
    return true;
}

/* Where a colon comes before any slash it is a protocol, or QEMU's options in JSON. */
static bool stands_on_file(int fd, const struct header *header, uint64_t cluster)
{
    uint64_t offset = be64toh(header->below_offset), size = be32toh(header->below_size);
    char name[BELOW_MAX + 1] = "";

    if (offset == 0)
        return true;
    return offset < cluster && size > 0 && size <= BELOW_MAX && size <= cluster - offset &&
           read_at(fd, name, size, offset) && strlen(name) == size && name[strcspn(name, ":/")] != ':';
}

static bool ignore(void *data, const struct snapshot *snapshot)
{
    (void)data, (void)snapshot;
    return false;
}

static bool is_plain(int fd, const struct header *header)
{
    struct features features = { .length = htobe32(V2_LENGTH) };
    uint32_t bits = be32toh(header->cluster_bits), version = be32toh(header->version), length;
    uint64_t cluster;

    if ((version != 2 && version != 3) || bits < CLUSTER_BITS_MIN || bits > CLUSTER_BITS_MAX || header->encryption)
        return false;
    if (version == 3 && !read_at(fd, &features, sizeof features, V2_LENGTH))
        return false;
    cluster = 1ULL << bits;
    length = be32toh(features.length);
    if ((be64toh(features.incompatible) & ~(uint64_t)DIRTY) || be32toh(features.refcount_order) > REFCOUNT_ORDER_MAX ||
        (version == 3 && length < V2_LENGTH + offsetof(struct features, compression)) || length % 8 ||
        (length > V2_LENGTH + offsetof(struct features, compression) && features.compression) || length > cluster)
        return false;
    return has_plain_tables(fd, header, cluster) && stands_on_file(fd, header, cluster) &&
           has_plain_extensions(fd, length, header->below_offset ? be64toh(header->below_offset) : cluster) &&
           each_snapshot(fd, ignore, NULL) == 0;
}

static bool is_usual_format(const char *format)
{
    return !*format || strcmp(format, "qcow2") == 0 || strcmp(format, "raw") == 0;
}

int qcow2_read_head(const char *image, struct qcow2_head *head, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    struct header header;

    *head = (struct qcow2_head){ .snapshots = 0 };
    if (!read_header(fd, &header) || (header.below_offset && !read_below(fd, image, &header, head->below)))
        return err_set(err, ERR_CORRUPT, "%s cannot be read as a qcow2 image", image);
    head->snapshots = be32toh(header.snapshot_count);
    head->size = (long long)be64toh(header.size);
    if (*head->below)
        read_below_format(fd, &header, head->below_format, sizeof head->below_format);
    head->plain = is_plain(fd, &header) && is_usual_format(head->below_format);
    return 0;
}

size_t qcow2_depth(const char *image, size_t most)
{
    struct qcow2_head head;
    char path[PATH_SIZE];
    struct err err;
    size_t depth = 1;

    snprintf(path, sizeof path, "%s", image);
    while (depth < most && qcow2_read_head(path, &head, &err) == 0 && strcmp(head.below_format, "qcow2") == 0) {
        memcpy(path, head.below, sizeof path);
        depth++;
    }
    return depth;
}

/* The table of what is where once for either, the list of snapshots, the counts of all these clusters, and some that
 * QEMU does not put where there is room. */
int qcow2_snapshot_room(const char *image, long long *bytes, struct err *err)
{
    enum { SOME = 8, ENTRY_BYTES = 512 };
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    struct header header;
    long long cluster, table, list;

    if (fd < 0 || !read_at(fd, &header, sizeof header, 0))
        return err_errno(err, "cannot read %.120s", image);
    if (be32toh(header.magic) != MAGIC || be32toh(header.cluster_bits) < CLUSTER_BITS_MIN ||
        be32toh(header.cluster_bits) > CLUSTER_BITS_MAX)
        return err_set(err, ERR_CORRUPT, "the image is no qcow2 image any more");
    cluster = 1LL << be32toh(header.cluster_bits);
    table = 8LL * be32toh(header.l1_size);
    list = (be32toh(header.snapshot_count) + 1LL) * ENTRY_BYTES;
    *bytes = 2 * table + list + SOME * cluster;
    return 0;
}

/* ---- whether it is whole --------------------------------------------------------------------------------- */

enum { FEATURES_AT = 72 };
#define OFFSET_BITS 0x00fffffffffffe00ULL /* of an entry of the first table */

/* The first byte behind which the image must not end: its tables, and what the first one refers to. */
static int find_end(int fd, const struct header *header, uint64_t *end)
{
    uint64_t tables[] = { be64toh(header->l1_offset) + 8 * (uint64_t)be32toh(header->l1_size),
                          be64toh(header->snapshots_offset) };
    uint64_t entry;

    *end = tables[0] > tables[1] ? tables[0] : tables[1];
    if (be32toh(header->l1_size) > L1_MAX)
        return -1;
    for (uint32_t i = 0; i < be32toh(header->l1_size); i++) {
        if (!read_at(fd, &entry, sizeof entry, be64toh(header->l1_offset) + 8 * (uint64_t)i))
            return -1;
        entry = be64toh(entry) & OFFSET_BITS;
        if (entry >= *end)
            *end = entry + 1;
    }
    return 0;
}

int qcow2_look(const char *image, struct qcow2_state *state, struct err *err)
{
    _cleanup_(closep) int fd = open(image, O_RDONLY | O_CLOEXEC);
    char format[FORMAT_BYTES];
    struct header header;
    uint64_t features = 0, end = 0;
    off_t length;

    *state = (struct qcow2_state){ .dirty = false };
    if (fd < 0)
        return err_errno(err, "cannot open the image");
    if (!read_header(fd, &header))
        return err_set(err, ERR_CORRUPT, "it does not begin as a qcow2 image does");
    if (be32toh(header.version) >= 3 && !read_at(fd, &features, sizeof features, FEATURES_AT))
        return err_set(err, ERR_CORRUPT, "its header is cut off");
    features = be64toh(features);
    state->dirty = features & DIRTY;
    state->corrupt = features & CORRUPT;
    read_below_format(fd, &header, format, sizeof format);
    state->guessed = header.below_offset && !*format;
    if (find_end(fd, &header, &end) < 0)
        end = INT64_MAX;
    length = lseek(fd, 0, SEEK_END); /* behind all else, for it may grow */
    state->cut_off = (uint64_t)length < end;
    return 0;
}
