/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DISKS_H
#define DISKS_H

/* The disks of one record: making and removing their snapshots, internal and external, through QMP where the
 * domain runs and with qemu-img where nobody has the images open. */

#include "record.h"

struct control;
struct reach;
struct store;

/* Every disk of the record can be written to through exactly one node, or by us alone. */
int disks_check(const struct record *record, const struct reach *reach, struct err *err);
/* While the guest still runs: what makes disks_snapshot() short. */
void disks_make_ready(const struct record *record, const struct reach *reach);
/* Makes the overlays, empty, each after it was noted in images.json; and notes that the disks may go on in them. */
int disks_make_overlays(const struct record *record, struct store *store, struct control *control,
                        struct err *err);
/* Takes the snapshot of all of them at one instant; all or none. */
int disks_snapshot(const struct record *record, const struct reach *reach, struct err *err);

/* Whether the record's internal snapshots could be removed now, or at least when the domain has stopped. */
int disks_check_untag(const struct record *record, const struct reach *reach, struct err *err);
/* Removes those that are there; one in an image on which the running domain stands is noted in images.json for
 * later.  Goes on after an error and reports the first. */
int disks_untag(const struct record *record, const struct reach *reach, struct store *store, struct control *control,
                struct err *err);
/* For a snapshot that is deleted.  -1: none could be removed, it is as it was.  0: it is none any more, and what could
 * not be removed with the rest is noted in images.json for later.  1: nor could that be noted, and it has to be done
 * again.  BEGUN: some may have gone before. */
int disks_give_up(const struct record *record, bool begun, const struct reach *reach, struct store *store,
                  struct control *control, struct err *err);
/* The same as disks_untag() for one of them: 1 removed or not there, 0 not possible now. */
int disks_untag_one(const struct record_disk *disk, const char *vm, const struct reach *reach, struct store *store,
                    struct control *control, struct err *err);

#endif
