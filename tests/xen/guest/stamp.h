/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The blocks that blockwriter writes and blockcheck knows: every byte follows from the header, so that
 * one memcmp tells a good block from a torn or misplaced one.
 *
 * A disk holds one superblock (block 0) with the number of the last finished round, and `blocks` data
 * blocks behind it; round n = 1, 2, 3... writes data block n % blocks, then the superblock.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE 4096

enum stamp_kind { STAMP_SUPER = 1, STAMP_DATA = 2 };

struct stamp {
    char magic[8];
    uint64_t boot;     /* random, new at every start of the writer */
    uint64_t sequence; /* the round that wrote the block */
    uint32_t kind;
    uint32_t disk;
    uint64_t blocks;
};

static const char stamp_magic[8] = "XENSTAMP";

static inline uint64_t stamp_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Writes the header and, behind it, words that follow from it, up to the end of the block. */
static inline void stamp_fill(void *block, const struct stamp *stamp)
{
    uint64_t *words = block;
    uint64_t seed = stamp_mix(stamp->boot ^ stamp_mix(stamp->sequence ^ stamp_mix(stamp->kind ^
                              ((uint64_t)stamp->disk << 32))));

    memcpy(block, stamp, sizeof *stamp);
    for (size_t i = sizeof *stamp / sizeof *words; i < BLOCK_SIZE / sizeof *words; i++)
        words[i] = seed + i * 0x9e3779b97f4a7c15u;
}

static inline struct stamp stamp_of(enum stamp_kind kind, uint64_t boot, uint32_t disk,
                                    uint64_t blocks, uint64_t sequence)
{
    struct stamp stamp = { .boot = boot, .sequence = sequence, .kind = kind, .disk = disk,
                           .blocks = blocks };

    memcpy(stamp.magic, stamp_magic, sizeof stamp.magic);
    return stamp;
}

enum stamp_state { STAMP_NONE, STAMP_GOOD, STAMP_TORN };

/* Reads the header of a block into *stamp, unless the block never was one of ours. */
static inline enum stamp_state stamp_read(const void *block, struct stamp *stamp)
{
    char good[BLOCK_SIZE] __attribute__((aligned(8)));

    if (memcmp(block, stamp_magic, sizeof stamp_magic) != 0)
        return STAMP_NONE;
    memcpy(stamp, block, sizeof *stamp);
    stamp_fill(good, stamp);
    return memcmp(block, good, BLOCK_SIZE) == 0 ? STAMP_GOOD : STAMP_TORN;
}

#endif
