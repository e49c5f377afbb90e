/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LOOK_H
#define LOOK_H

/* One look of a check at a VM: all that the store, libxl and QEMU say of it, by the readers that the operations have,
 * and what is wrong with it.  Nothing is written, nothing is locked, and nothing waits for an operation. */

#include <stdbool.h>
#include <time.h>

#include "chain.h"
#include "control.h"
#include "images.h"
#include "journal.h"
#include "op.h"
#include "problems.h"
#include "reach.h"
#include "store.h"

struct look {
    struct work work;          /* what the readers ask for: the store, libxl (or NULL), the VM */
    struct control control;
    struct problems *problems;
    bool protect;              /* images are to be immutable: protect in xensnap.conf */
    bool opened;               /* else there is nothing of it */
    struct snapshots snapshots;
    struct images images;
    bool ledger_read;
    struct reach reach;        /* without its QEMU, once that has said what it has open */
    bool has_qemu;             /* and it had one */
    struct chain chain;        /* empty where it could not be made */
    bool listed;               /* it could: each image that something needs is in it */
    bool current;              /* what the VM's disks are now is known: of images that no disk is in it can be said */
    bool under_way;            /* an operation is being done; what it changes is not looked at */
    bool left;                 /* one was begun, and nobody does it */
    bool owed;                 /* a revert came to no end, and what it has kept may be the only copy */
    bool owed_told;            /* and an image has been told of in which it is */
    bool replaced_told;        /* an image has been told of in which is what a revert has replaced */
    bool unsettled;            /* a revert has not given back yet what it kept: next.json is there */
    struct journal_state journal;
    struct look_stamp {        /* what changes with every change in the VM's directory */
        struct timespec dir, journal;
        long long size;
    } stamp;
    struct vm_disks *disks;    /* of the configuration that counts, as it was first read */
};

/* Reads everything.  -1: the VM's directory cannot be opened. */
int look_begin(struct look *look, struct store *store, struct xl *xl, struct problems *problems, struct err *err);
void look_end(struct look *look);
/* Nothing of the VM was changed since LOOK was begun, neither in its directory nor by whoever starts it, stops it or
 * attaches a disk: what was seen belongs together. */
bool look_is_steady(struct look *look);

/* An operation is being done or was left: what only such a one may leave behind is not there by mistake. */
static inline bool look_in_between(const struct look *look)
{
    return look->under_way || look->left;
}

const char *look_vm(const struct look *look);
/* The directory of snapshot ID is there, be it readable, not readable, or set aside. */
bool look_has_snapshot(const struct look *look, const char *id);
/* 1: VM is another one of the store that has a snapshot of that id; 0: none has; -1: that is not known. */
int look_find_owner(const struct look *look, const char *id, char vm[UUID_LENGTH + 1]);
/* For a command: a word that means this snapshot and no other, and is no option. */
const char *look_word(const struct look *look, const struct record *record);
/* Ledger, records, images, configuration and what runs were read: what none of them names nobody of this VM needs. */
bool look_knows_all(const struct look *look);

#endif
