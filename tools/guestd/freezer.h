/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FREEZER_H
#define FREEZER_H

/* The guest's file systems, frozen and thawed: FIFREEZE and FITHAW.  Each is held by a descriptor that is opened
 * before, so that nothing has to be looked up while they are frozen. */

#include "mounts.h"

struct err;

struct freezer {
    size_t count;        /* in the order in which they were mounted: what lies in a file of another comes behind it */
    int fds[MOUNTS_MAX]; /* -1: cannot be frozen */
    size_t from;         /* those from here on are frozen, or just about to be */
    size_t frozen;       /* so many are */
};

/* Opens them all.  Ends with freezer_close(), also after an error. */
int freezer_open(struct freezer *freezer, struct err *err);
/* Freezes them, the last first; those that cannot be, FAT above all, are written out and left out.  After an error, and
 * also if DEADLINE has passed on clock_ms(), some may be frozen. */
int freezer_freeze(struct freezer *freezer, long long deadline, struct err *err);
/* Thaws what freezer_freeze() has frozen, and not what somebody else has; any number of times, and from any process
 * that has the descriptors and shares the memory. */
void freezer_thaw(const struct freezer *freezer);
void freezer_close(struct freezer *freezer);

#endif
