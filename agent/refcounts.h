/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REFCOUNTS_H
#define REFCOUNTS_H

/* A qcow2 image counts the users of each cluster, and an internal snapshot changes all of these counts.  QEMU keeps
 * four clusters of them in memory, which is enough for 8 GiB of image; beyond that, in a fragmented one, it reads and
 * writes counts for minutes, and the disk stands still meanwhile. */

struct reach;

/* Has QEMU keep all counts of an image to which a running domain writes.  Where that is not possible all goes on as it
 * would without, and the log says so.  Takes milliseconds. */
void refcounts_keep(const struct reach *reach, const char *image);

#endif
