/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's work: counts rounds in memory, writes each round's stamp to every disk, and says `tick N`.
 *     blockwriter [-t MILLISECONDS] [-b BLOCKS] [-p PAGES] DISK...
 *
 * It trusts nothing it did before: each round it compares its memory pages with what it put there, and
 * what the disks hold with what memory says they must hold. Memory and disks that are not of one
 * instant, as after a bad restore, show as a line `memory-corrupt ...` or `disk-mismatch ...`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "stamp.h"

#define DISKS_MAX 16

struct writer {
    uint64_t boot;
    uint64_t blocks;
    uint64_t page_count;
    unsigned char *pages;
    unsigned char *block, *expected; /* aligned for O_DIRECT */
    int disks[DISKS_MAX];
    unsigned disk_count;
};

static void die(const char *what)
{
    printf("writer-failed %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *pages_new(size_t count)
{
    void *pages = mmap(NULL, count * BLOCK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (pages == MAP_FAILED)
        die("memory");
    return pages;
}

/* A guest this young has little entropy, and two boots must differ: the cycle counter helps. */
static uint64_t boot_id(void)
{
    uint64_t id = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, &id, sizeof id) != sizeof id)
        die("/dev/urandom");
    close(fd);
    return stamp_mix(id ^ __rdtsc());
}

static off_t offset_of(const struct writer *writer, enum stamp_kind kind, uint64_t sequence)
{
    return kind == STAMP_SUPER ? 0 : (off_t)(1 + sequence % writer->blocks) * BLOCK_SIZE;
}

static void write_stamp(struct writer *writer, unsigned disk, enum stamp_kind kind, uint64_t sequence)
{
    struct stamp stamp = stamp_of(kind, writer->boot, disk, writer->blocks, sequence);

    stamp_fill(writer->block, &stamp);
    if (pwrite(writer->disks[disk], writer->block, BLOCK_SIZE,
               offset_of(writer, kind, sequence)) != BLOCK_SIZE)
        die("write");
}

static void check_stamp(struct writer *writer, unsigned disk, enum stamp_kind kind, uint64_t sequence)
{
    struct stamp stamp = stamp_of(kind, writer->boot, disk, writer->blocks, sequence), found;
    enum stamp_state state;

    stamp_fill(writer->expected, &stamp);
    if (pread(writer->disks[disk], writer->block, BLOCK_SIZE,
              offset_of(writer, kind, sequence)) != BLOCK_SIZE)
        die("read");
    if (memcmp(writer->block, writer->expected, BLOCK_SIZE) == 0)
        return;
    state = stamp_read(writer->block, &found);
    printf("disk-mismatch disk %u %s: expected %" PRIu64 ", found %s %" PRIu64 "\n", disk,
           kind == STAMP_SUPER ? "superblock" : "block", sequence,
           state == STAMP_NONE ? "no stamp" : state == STAMP_TORN ? "torn" : "stamp",
           state == STAMP_NONE ? 0 : found.sequence);
}

/* Before round n, disks must hold round n-1 as the last, and in n's place the round that was there before. */
static void check_disks(struct writer *writer, uint64_t n)
{
    for (unsigned disk = 0; disk < writer->disk_count; disk++) {
        check_stamp(writer, disk, STAMP_SUPER, n - 1);
        if (n > writer->blocks)
            check_stamp(writer, disk, STAMP_DATA, n - writer->blocks);
    }
}

static void write_disks(struct writer *writer, uint64_t n)
{
    for (unsigned disk = 0; disk < writer->disk_count; disk++) {
        write_stamp(writer, disk, STAMP_DATA, n);
        write_stamp(writer, disk, STAMP_SUPER, n);
    }
}

/* Page p holds the largest round m <= n with m % page_count == p. */
static void check_memory(struct writer *writer, uint64_t n)
{
    uint64_t first = n > writer->page_count ? n - writer->page_count + 1 : 1;

    for (uint64_t m = first; m <= n; m++) {
        struct stamp stamp = stamp_of(STAMP_DATA, writer->boot, 0, writer->page_count, m);

        stamp_fill(writer->expected, &stamp);
        if (memcmp(writer->pages + m % writer->page_count * BLOCK_SIZE, writer->expected,
                   BLOCK_SIZE) != 0)
            printf("memory-corrupt page %" PRIu64 " is not of round %" PRIu64 "\n",
                   m % writer->page_count, m);
    }
}

static void write_memory(struct writer *writer, uint64_t n)
{
    struct stamp stamp = stamp_of(STAMP_DATA, writer->boot, 0, writer->page_count, n);

    stamp_fill(writer->pages + n % writer->page_count * BLOCK_SIZE, &stamp);
}

static void open_disks(struct writer *writer, char **names)
{
    for (; *names; names++) {
        int fd = open(*names, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
        off_t size;

        if (fd < 0 || (size = lseek(fd, 0, SEEK_END)) < 2 * BLOCK_SIZE)
            die(*names);
        if (writer->blocks > (uint64_t)size / BLOCK_SIZE - 1)
            writer->blocks = size / BLOCK_SIZE - 1;
        if (writer->disk_count == DISKS_MAX)
            break;
        writer->disks[writer->disk_count++] = fd;
    }
}

int main(int argc, char **argv)
{
    struct writer writer = { .blocks = 1024, .page_count = 256 };
    long pause_ms = 200;
    int option;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((option = getopt(argc, argv, "t:b:p:")) != -1) {
        switch (option) {
        case 't': pause_ms = strtol(optarg, NULL, 10); break;
        case 'b': writer.blocks = strtoull(optarg, NULL, 10); break;
        case 'p': writer.page_count = strtoull(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    open_disks(&writer, argv + optind);
    writer.pages = pages_new(writer.page_count);
    writer.block = pages_new(2);
    writer.expected = writer.block + BLOCK_SIZE;
    writer.boot = boot_id();
    printf("boot %016" PRIx64 "\n", writer.boot);

    for (unsigned disk = 0; disk < writer.disk_count; disk++)
        write_stamp(&writer, disk, STAMP_SUPER, 0);
    for (uint64_t n = 1;; n++) {
        struct timespec pause = { .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 };

        check_disks(&writer, n);
        write_memory(&writer, n);
        write_disks(&writer, n);
        check_memory(&writer, n);
        printf("tick %" PRIu64 "\n", n);
        nanosleep(&pause, NULL);
    }
}
