/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATUS_H
#define STATUS_H

/* How one request is doing: what stands in ~/snapshot/status/ID.  Pure. */

#include "errors.h"
#include "request.h"

struct pairs;

enum state {
    STATE_QUEUED,
    STATE_RUNNING,
    STATE_CANCELLING,
    STATE_RECOVERING, /* its worker died: what it had begun is being undone or finished */
    STATE_DONE,
    STATE_FAILED,
    STATE_CANCELLED,
    STATE_REJECTED, /* never begun: the request itself could not be taken */
    STATES
};

enum { STATUS_PLAN_SIZE = 4096, STATUS_WARNING_SIZE = 320 };

struct status {
    enum operation operation;
    enum state state;
    char stage[24];             /* the step of the operation; "" before the first */
    int progress;               /* per cent of the stage; -1 where nobody knows */
    struct err error;           /* of failed, cancelled and rejected */
    char vm[UUID_LENGTH + 1];   /* whom it is about, once that is known */
    char snapshot[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    long long started, finished; /* seconds since the epoch; 0 = not yet */
    int downtime_ms;             /* how long the guest stood still; -1 = it did not, or nobody knows */
    int freeze_ms;               /* how long its file systems stood still; -1 = they did not */
    char warning[STATUS_WARNING_SIZE]; /* of one that is done: what it went without, and why */
    char plan[STATUS_PLAN_SIZE]; /* of a dry run: a sentence a line */
    bool returned_by_revert;     /* the guest that asked has been brought back to this moment */
};

extern const struct status status_initial;

bool state_final(enum state state);
const char *state_word(enum state state);

void status_format(const struct status *status, struct pairs *pairs);
/* Takes what it understands and leaves the rest at its initial value. */
void status_parse(struct status *status, const struct pairs *pairs);

#endif
