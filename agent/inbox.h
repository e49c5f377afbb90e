/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef INBOX_H
#define INBOX_H

/* Takes requests out of ~/snapshot/request: reads each once, in the transaction that removes it and begins its
 * status, so that nobody can change it afterwards, and no restart loses it or sees it twice. */

#include "request.h"

struct xenstore;

/* One thing that was asked below domain HOME's ~. */
struct letter {
    unsigned home;
    bool guest_may_write;  /* so it has no more authority than that guest */
    bool cancelled;        /* it came with cancel=1: nothing but that, if request.operation is NONE */
    struct err error;      /* not ERR_NONE: this is no request, and why */
    struct request request; /* its id is never empty */
};

enum inbox {
    INBOX_TAKEN,
    INBOX_BROKEN,    /* the node is missing or cannot be listed: it has to be made anew */
    INBOX_CONTENDED, /* whoever writes there was faster each time; nothing was taken */
};

/* Calls ON_LETTER(DATA, letter) for those that wait below HOME, but not for more than a handful: our own removal of
 * these is an event again, which brings us back for the rest. */
enum inbox inbox_collect(struct xenstore *xs, unsigned home,
                   void (*on_letter)(void *data, const struct letter *letter), void *data);

#endif
