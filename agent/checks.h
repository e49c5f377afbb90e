/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHECKS_H
#define CHECKS_H

/* What a check looks for, by what it is about.  Each adds what it finds to the look's problems. */

#include <stdbool.h>

struct image;
struct link;
struct look;

/* problems_add() and problems_way_out() */
#define found(look, ...) problems_add((look)->problems, __VA_ARGS__)
#define way_out(look, ...) problems_way_out((look)->problems, __VA_ARGS__)

void check_records(struct look *look); /* snapshot.json, configuration and memory image of each snapshot; current */
void check_images(struct look *look);  /* headers, how they stand on each other */
void check_tags(struct look *look, const struct link *link); /* the snapshots inside that one */
void check_ledger(struct look *look);  /* images.json beside records, headers and what the VM's disks are */
void check_files(struct look *look);   /* the VM's directory, and what an operation has left in it */
void check_config(struct look *look);  /* libxl's configuration, ours, and QEMU */
void check_protect(struct look *look); /* which images are immutable, and which have to be */
/* Last: what operations refuse to go on with, where nothing more precise has been said. */
void check_unknown(struct look *look);
/* Reads memory images whole, and the tables of images that nobody writes to. */
void check_data(struct look *look);

/* Its entry in the ledger; NULL where it has none. */
const struct image *image_of(const struct look *look, const struct link *link);
/* Xen's QEMU takes no lock: a command that writes to an image is not said where somebody has it open.  Whether that was
 * said instead. */
bool say_in_use(struct look *look, const struct link *link);
/* What to do about an image that is not to be read, or not there. */
void say_backup(struct look *look, const struct link *link);

#endif
