/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REPLACED_H
#define REPLACED_H

/* What an image held before a revert put the snapshot's content back into it: an internal snapshot beside it, with the
 * mark of the operation (kept.h) in its name.  What one revert has kept another never takes for its own, for the VM may
 * have run in between. */

#include "errors.h"
#include "record.h"

struct reach;
struct work;

/* Its name; MARK is "" where an older version began. */
void replaced_tag(const char *mark, char tag[TAG_SIZE]);
/* Keeps what DISK's image holds, unless that was done before. */
int replaced_keep(struct work *work, const struct record_disk *disk, const char *mark, struct err *err);
/* Puts it back: 0, also where nothing was kept, for then the image was not written to.  Can be done again.  ERR_BUSY
 * where another process keeps the image locked and does not end. */
int replaced_put_back(struct work *work, const struct record_disk *disk, const char *mark, struct err *err);
/* Makes the snapshot that DISK names the content of its image. */
int replaced_apply(struct work *work, const struct record_disk *disk, struct err *err);
/* Removes from DISK's image all that reverts have kept, but for what is owed (owed.h).  1: it is gone; 0: the guest
 * still has the emulated disk beside the PV one, and the image must be left alone. */
int replaced_drop(struct work *work, const struct record_disk *disk, const struct reach *reach, struct err *err);

#endif
