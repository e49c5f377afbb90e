/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REVERSION_H
#define REVERSION_H

/* The disks of one revert: for each the image that it is going to be, made ready while the domain still runs,
 * and what it replaces, kept until the new one does.
 *
 * external: a new, empty overlay on the image that the snapshot has frozen.
 * internal: the image itself, whose content is put back; but where something stands on that content, or is
 *           another snapshot, a copy is made of the internal snapshot instead.
 * not in the snapshot: the image that it is now.
 *
 * VM/next.json holds the configuration with all that, from "prepare" until nothing is kept any more. */

#include "op.h"
#include "reach.h"

struct reversion {
    struct record record;
    struct xl_config *config; /* of the snapshot; with the new images once they are ready */
    struct reach reach;       /* the domain that is to be replaced */
    int memory;
    char mark[UUID_LENGTH + 1]; /* the operation's, once the images are ready; "" where an older version began */
};

void reversion_deinit(struct reversion *reversion);

/* Each disk's snapshot is there. */
int reversion_check_disks(struct work *work, struct reversion *reversion, struct err *err);
/* Makes the images, reserves some space and writes next.json. */
int reversion_make_images(struct work *work, struct reversion *reversion, struct err *err);
/* After a crash: CONFIG as it was written. */
int reversion_read_next(struct work *work, struct reversion *reversion, struct err *err);
/* Whether a disk of the new domain was written to more than a moment after that time (seconds since the epoch). */
bool reversion_written_since(const struct reversion *reversion, long long then);
/* Whether the image that holds DISK's snapshot is put back itself; SPELLED is DISK, with the image's name as CONFIG has
 * it. */
bool reversion_is_in_place(const struct reversion *reversion, const struct record_disk *disk,
                           struct record_disk *spelled);
/* ERR_BUSY where an image that is to be written to itself is not there: behind a start of the host its file system may
 * not be mounted yet. */
int reversion_check_there(const struct reversion *reversion, struct err *err);
/* Puts back the content of the images that are to be used themselves, and keeps what they held when it was first done.
 * Nobody has them open. */
int reversion_apply(struct work *work, struct reversion *reversion, struct err *err);
/* The other way: what such images held before.  It can be done again.  BEFORE is the VM's configuration then. */
int reversion_put_back(struct work *work, struct reversion *reversion, const struct xl_config *before, struct err *err);
/* The revert has come to one of its ends: what was kept for the other is of no use any more.  Where that cannot
 * be written down it stays. */
int reversion_end(struct work *work, struct err *err);
/* The new domain is there, and the configuration is going to be its: what it replaces is given up, in the ledger. */
int reversion_give_up_replaced(struct work *work, struct reversion *reversion, struct err *err);
/* The domain goes on, and there is no way back any more: what was put back in place is whole, in the ledger.  Not
 * before, for with the way back a half-merged image is again what it was. */
int reversion_note_whole(struct work *work, struct reversion *reversion, struct err *err);
/* Gives the reserved space back, for what has to be written now. */
void reversion_give_space(struct work *work);
/* The new domain runs: removes what was kept of the state that it replaces.  WAIT: for a guest that boots to give up
 * its emulated disks; else what lies in their images is left to reversion_drop_late(). */
int reversion_drop_replaced(struct work *work, bool wait, struct err *err);
/* If an earlier revert had to leave something: tries again, for which REACH is closed and opened anew. */
int reversion_drop_late(struct work *work, struct reach *reach, struct err *err);
/* 1: one was begun and has not given back yet what it kept; 0: not so. */
int reversion_is_begun(struct work *work, struct err *err);
/* It is not finished any more: what it was going to do is forgotten.  No image is removed, and what it has kept inside
 * images stays there. */
int reversion_give_up(struct work *work, struct err *err);
/* Nothing was replaced: removes the new images. */
int reversion_forget(struct work *work, struct err *err);

#endif
