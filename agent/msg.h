/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MSG_H
#define MSG_H

/* What the agent and a worker say to each other: whole records over one SEQPACKET pair.
 * Both are of one build (the first record carries a build mark), so a record is the struct itself. */

#include <stdbool.h>
#include <stdint.h>

#include "request.h"
#include "status.h"

enum msg_kind {
    MSG_ORDER,    /* agent: do this.  worker, when it recovers: this is what had been begun */
    MSG_CANCEL,   /* agent: stop if you still can */
    MSG_GO,       /* agent: the last RESTORED or RESULT has been published */
    MSG_PROGRESS, /* worker: stage and per cent */
    MSG_SETTLED,  /* worker, in a recovery: nobody stands still, and the rest is done in a running domain's QEMU */
    MSG_RESTORED, /* worker: a new domain exists, paused; waits for GO */
    MSG_RESULT,   /* worker: this came of it; waits for GO */
};

/* One operation on one VM. */
struct order {
    bool recover;                 /* undo or finish what the VM's journal tells; only vm is set */
    bool protect;                 /* see to the VM's images (protect.h) and do nothing else; only vm is set */
    bool again;                   /* with recover: it has failed before, and nobody has asked for another try */
    char vm[UUID_LENGTH + 1];
    int domid;                    /* -1: the VM is not running */
    unsigned home;                /* the domain below whose ~ the request was made and is answered */
    struct request request;
};

struct msg {
    enum msg_kind kind;
    uint32_t build;
    struct order order;
    char stage[24];
    int progress;                 /* per cent, -1 unknown */
    int domid;                    /* RESTORED: the new domain */
    int downtime_ms;
    char snapshot[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1];
    int freeze_ms;                /* RESULT of a create, as in struct status */
    char warning[STATUS_WARNING_SIZE];
    char plan[STATUS_PLAN_SIZE];  /* RESULT of a dry run */
    bool by_hand;                 /* RESULT: what is left is not to be tried again without a person */
    struct err error;             /* RESULT: ERR_NONE is success */
};

int msg_send(int fd, const struct msg *msg);
/* 1: a record, 0: the other side has gone, -1: errno (EAGAIN where fd does not block and has none). */
int msg_receive(int fd, struct msg *msg);

#endif
