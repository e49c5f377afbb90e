/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QCOW2_H
#define QCOW2_H

/* What stands in a qcow2 image and qemu-img does not tell. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"

/* Whether the file begins as a qcow2 image does; false where it cannot be read. */
bool qcow2_is_image(const char *file);
/* Whether the image has never held anything of its own: no cluster is allocated, and no snapshot in it. */
int qcow2_is_empty(const char *image, bool *empty, struct err *err);

/* What its header tells: what it stands on, in which format that is, and how many internal snapshots it holds. */
struct qcow2_head {
    char below[PATH_SIZE];   /* as seen from where we are; "" = nothing */
    char below_format[12];   /* "" = it does not say */
    size_t snapshots;
    long long size;          /* of the disk */
    bool plain;              /* QEMU would open it, and find no more in it than this: it is not encrypted, not marked as
                                corrupt, has no bitmaps, no data file, stands on a file; and so on */
};
int qcow2_read_head(const char *image, struct qcow2_head *head, struct err *err);

/* How many images there are from that qcow2 image down: itself, what its header names, and so on, as far as headers say
 * that it is qcow2.  Not more than MOST. */
size_t qcow2_depth(const char *image, size_t most);

/* How large the disk was when the snapshot with that name was made.  0 where the image does not say: then it has
 * had one size all along (QEMU resizes none in which there is such a snapshot).  ERR_CORRUPT where it is not to be
 * found. */
int qcow2_snapshot_size(const char *image, const char *name, long long *size, struct err *err);

/* Calls NAME with the name of each internal snapshot, whoever made it. */
int qcow2_each_snapshot(const char *image, void (*name)(void *data, const char *name), void *data, struct err *err);

struct qcow2_state {
    bool dirty;    /* its counts may be behind: it was not closed, or is open for writing now */
    bool corrupt;  /* QEMU has found it damaged */
    bool cut_off;  /* the file ends before what its first table refers to */
    bool guessed;  /* it stands on another image and does not say in which format that is */
};
/* Its header and its first table, no data; ERR_CORRUPT where it is no qcow2 image. */
int qcow2_look(const char *image, struct qcow2_state *state, struct err *err);

/* Bytes that the file may grow by when one more internal snapshot is made in it and another becomes its content. */
int qcow2_snapshot_room(const char *image, long long *bytes, struct err *err);

#endif
