/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGES_NEXT_H
#define IMAGES_NEXT_H

/* What is to be done next with the images of a VM, from the ledger and from what was seen of images, records,
 * configuration and QEMU.  Decides and does nothing: no file is touched here.  merge.h does it. */

#include "chain.h"
#include "images.h"

enum images_act {
    IMAGES_NOTHING,
    IMAGES_UNTAG,  /* the internal snapshots in IMAGE that wait can be removed now, perhaps */
    IMAGES_HEAD,   /* a disk goes on in IMAGE after all: write that down */
    IMAGES_RETIRE, /* IMAGE never came into use: write that down */
    IMAGES_UNLINK, /* nothing needs IMAGE any more, and it is ours */
    IMAGES_FORGET, /* IMAGE is not ours, or not there, and nothing of ours stands on it: out of the ledger */
    IMAGES_MERGE,  /* what UPPER holds goes down into IMAGE, or the rest of that is to be done */
};

struct images_step {
    enum images_act act;
    size_t image; /* of the ledger */
    size_t upper; /* IMAGES_MERGE: of the ledger */
};

/* MERGES: whether data may be moved now; else things are only removed.  Images that are marked "later" are left out. */
struct images_step images_next(const struct images *images, const struct chain *chain, bool merges);

/* Whether image N of the ledger has to be immutable: it is a snapshot's content, or something stands on it that may be
 * needed; and it is not what a disk is in. */
enum images_guard { IMAGES_GUARD_KEEP, IMAGES_GUARD_SET, IMAGES_GUARD_CLEAR }; /* KEEP: not all is known */
enum images_guard images_guard(const struct images *images, const struct chain *chain, size_t n);

/* Brings the ledger in line with records, configuration and headers: which image is a snapshot's content, which disk
 * goes on in which, formats, on what each stands.  After a crash behind a commit, and for a file of the first version.
 * Whether anything was changed; then the links' ledger entries may have moved. */
bool images_learn(struct images *images, const struct chain *chain);

#endif
