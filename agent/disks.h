/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DISKS_H
#define DISKS_H

/* The disks of a snapshot, and the internal snapshots in their images: through QMP where a running QEMU has
 * the image open, with qemu-img where nobody has. */

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

struct control;
struct qmp;
struct xl_config;

/* Fills RECORD's disks from the configuration: every writable disk, with the tag for snapshot RECORD->id.
 * CD-ROMs and read-only disks are left out; a disk that cannot be snapshotted is ERR_UNSUPPORTED, by name. */
int disks_plan(struct record *record, const struct xl_config *config, struct err *err);

/* Block nodes of the running QEMU, one for each of the record's disks. */
enum { NODE_NAME_SIZE = 32 };
struct nodes {
    char name[RECORD_DISKS_MAX][NODE_NAME_SIZE];
    bool tagged[RECORD_DISKS_MAX]; /* the image holds the disk's tag */
};

/* Finds them by the file behind them.  ERR_UNSUPPORTED where two devices can write to one image: the
 * emulated disk of an HVM guest that has not loaded its PV drivers, or never will. */
int disks_find_nodes(struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err);

/* Tags all of them at one instant; all or none. */
int disks_tag(const struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err);
/* Removes the tags that are there.  Goes on after an error and reports the first. */
int disks_untag(const struct nodes *nodes, const struct record *record, struct qmp *qmp, struct err *err);

/* The same for images that nobody has open. */
int disks_check_offline(const struct record *record, struct control *control, struct err *err);
int disks_untag_offline(const struct record *record, struct control *control, struct err *err);
int disks_apply_offline(const struct record *record, struct control *control, struct err *err);

#endif
