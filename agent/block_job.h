/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

/* QEMU's block-commit: the data of an overlay goes into the image below it while the guest runs.
 * Jobs of ours are never finalized or dismissed by QEMU itself, so that their outcome can be read after a lost
 * connection; one that was left pending holds the guest. */

#include <stdbool.h>

#include "errors.h"

struct control;
struct node;
struct qmp;

/* Whether there is one that an earlier worker left: 1 or 0. */
int block_job_is_there(struct qmp *qmp, struct err *err);
/* Ends and removes what an earlier worker left.  The disk is whole afterwards, on either image. */
int block_job_settle(struct qmp *qmp, struct err *err);

struct block_commit {
    const struct node *upper, *lower;
    const char *upper_path, *lower_path;
    bool by_path;  /* the images have other nodes too, of a device that is never used: names would not tell which */
    bool may_stop; /* half-way, if somebody asks for it */
    bool begun;    /* set: QEMU has taken it, so that LOWER may have been written to */
    bool ended;    /* set: and nothing of it is left there.  Else it may hold the guest, or do so later */
    /* Called while both images are equal and the guest cannot write, only if UPPER is the device's image. */
    int (*at_pivot)(void *data, struct err *err);
    void *data;
};
/* ERR_CANCELLED: the domain goes on as it did, but LOWER's content is no longer what it was. */
int block_job_commit(struct qmp *qmp, struct block_commit *commit, struct control *control, struct err *err);

#endif
