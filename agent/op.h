/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OP_H
#define OP_H

/* The operations of a worker: each one blocking function that is read from top to bottom, and the function
 * that undoes or finishes what a run of it left that was killed. */

#include "control.h"
#include "journal.h"
#include "record.h"

struct store;
struct xl;

struct work {
    struct store *store;
    const char *run; /* /run/xensnap */
    bool protect;    /* what snapshots need is made immutable */
    struct control *control;
    struct xl *xl;
    struct journal *journal;
    const struct op *op;
    struct journal_order begun;
    bool unsettled;  /* something is left that only a later recovery can put right: the journal stays */
    bool stepped;    /* something may have been done */
    bool recovery;   /* it takes up what another worker has left */
    bool torn;       /* ledger, configurations or QEMU could not be brought in line after a merge (torn.h) */
    bool by_hand;    /* it is not to be tried again without a person */
    bool foreign;    /* another version has begun it */
    bool over;       /* a recovery has failed where no other could do better: the journal goes */
    int downtime_ms;
    char snapshot[UUID_LENGTH + 1]; /* for the result */
    char name[NAME_MAX_BYTES + 1];
    char plan[STATUS_PLAN_SIZE];    /* of a dry run */
    char warning[STATUS_WARNING_SIZE]; /* for the result, of what is no error; "" = none */
};

struct op {
    enum operation operation;
    const char *const *steps; /* in their order, NULL at the end; the tests kill it at each of them */
    const char *last;         /* of them, where nothing fails: what stands behind is for failures.  NULL: the last */
    int (*run)(struct work *work, struct err *err);
    /* 0: it is finished now.  -1: it is undone, or err says what could not be. */
    int (*recover)(struct work *work, const struct journal_state *state, struct err *err);
};

extern const struct op op_create, op_delete, op_revert, op_release, op_accept, op_forget;

/* NULL for what no worker does. */
const struct op *op_find(enum operation operation);
extern const struct op *const ops[];
/* Whether the journal is one of this version's: OP (or NULL) has all of its steps, and its order was understood. */
bool op_knows(const struct op *op, const struct journal_state *state);

/* Writes the journal's first line: from here on something of the operation may be left behind. */
int work_begin(struct work *work, const char *snapshot, struct err *err);
/* The same where what was left behind is to be over: LEFT is what it tells. */
int work_take_over(struct work *work, struct journal_state *left, struct err *err);
/* What is no error and somebody has to know: into the log, and behind what was said before it into the result. */
void work_warn(struct work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of what is left and takes space, and no more: a recovery tries it once more, and if that is to no avail it
 * is left to the next operation, for nothing else has to wait for it. */
void work_try_once_more(struct work *work, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nobody stands still any more: where the domain runs, the agent need not wait for what is left, which is done through
 * its QEMU. */
void work_settled(struct work *work);
/* The next step is about to be taken: refuses after a cancel, journals, reports. */
int work_step(struct work *work, const char *step, enum durability durability, struct err *err);

#endif
