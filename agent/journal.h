/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef JOURNAL_H
#define JOURNAL_H

/* VM/journal: which operation is being done on a VM, and how far it got.  One JSON object a line: first
 * the order, then each step just before it is taken, last the outcome.  A worker holds a lock on the file
 * as long as it lives, so there is one operation per VM: a journal that nobody locks is what a crash left. */

#include "msg.h"

struct store;
struct journal;

/* Whether a step must be on disk before it is taken.  The steps between suspend and resume are not: an
 * fsync there could wait for the memory image behind it, and the guest with it.  What they do can be
 * undone without knowing how far they got, and after a power cut there is no guest to resume. */
enum durability { JOURNAL_DURABLE, JOURNAL_QUICK };

struct journal_order {
    struct order order;
    char snapshot[UUID_LENGTH + 1]; /* the one that is made, deleted or gone back to */
};

struct journal_state {
    struct journal_order begun;     /* order.vm is empty where not even the order was written whole */
    char step[24];                  /* the last that was begun, "" = none */
    char steps[256];                /* all that were begun, each once, with a blank behind each */
    bool suspended, paused;         /* the operation may have done that to the guest, and has not let it go since */
    bool let_go;                    /* the guest was let go on: if it stands still that is somebody else's doing */
    bool others;                    /* somebody else has started the VM meanwhile */
    bool foreign;                   /* another version's: not all of the order could be understood */
    bool ended;
    struct err outcome;             /* if ended */
    int downtime_ms;
    long long written;              /* seconds since the epoch: its last line */
};

/* Begins; ERR_BUSY where another operation runs or was left behind. */
int journal_begin(struct journal **out, struct store *store, const struct journal_order *order, struct err *err);
/* Begins all the same where one was left behind that cannot be put right: LEFT is what it tells, and that is over from
 * here on, but for the guest that it may have made stand still.  LEFT->step is "" and LEFT->begun.order.vm, too, where
 * there was none.  ERR_BUSY where another operation runs. */
int journal_take_over(struct journal **out, struct store *store, const struct journal_order *order,
                      struct journal_state *left, struct err *err);
/* For recovery: waits for the lock, and for the journal to go: *OUT stays NULL where there is none. */
int journal_take(struct journal **out, struct store *store, const char *vm, struct journal_state *state,
                 struct err *err);
int journal_step(struct journal *journal, const char *step, enum durability durability, struct err *err);
/* Writes down that the guest was let go on: if it stands still from now on that is somebody else's doing. */
void journal_let_go(struct journal *journal);
/* Writes down that somebody else has started the VM, once; what he does to its disks is his. */
int journal_note_others(struct journal *journal, struct err *err);
/* Writes the outcome down; with that the operation has ended, whoever hears of it. */
void journal_end(struct journal *journal, const struct err *outcome, int downtime_ms);
/* Removes the journal: the outcome has been heard. */
void journal_remove(struct journal *journal);
/* The descriptor whose lock says that an operation is under way, for children that must have ended before anybody else
 * goes on; the journal's own, -1 of NULL. */
int journal_lock(const struct journal *journal);
/* Lets go of the file and leaves it. */
struct journal *journal_close(struct journal *journal);

/* What stands in it, without a lock and without waiting.  1: read; 0: there is none; -1: it cannot be read. */
int journal_look(struct store *store, const char *vm, struct journal_state *state, struct err *err);
/* The order alone, without a lock: for the agent, to know whose work it takes up. */
void journal_peek(struct store *store, const char *vm, struct order *order);

#endif
