/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TORN_H
#define TORN_H

/* What a merge has left that was broken off or has failed: a job in QEMU, which may hold the guest, and a ledger and
 * configurations that are ahead of QEMU, for they have to say first that the lower image is the disk. */

#include "errors.h"

struct reach;
struct work;

/* Where the domain's disk still is the upper image, ledger and configurations say so again, and only then the job ends
 * and the guest goes on: what it does next may be a reboot.  -1: not all of that could be done, WORK is torn, and the
 * guest is still held if libxl would start the domain from the wrong image. */
int torn_mend(struct work *work, struct reach *reach, struct err *err);
/* UPPER has not arrived in LOWER after all; nothing is written where the ledger does not say that it has. */
int torn_take_back(struct work *work, const char *lower, const char *upper, struct err *err);

#endif
