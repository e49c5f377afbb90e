/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CREATION_H
#define CREATION_H

/* What one creation of a snapshot has in its hands, and taking all of it back. */

#include "fdsets.h"
#include "op.h"
#include "reach.h"
#include "settle.h"

struct creation {
    struct reach reach;
    struct xl_config *config;
    struct record record;
    int draft, memory;
    struct xl_saved saved;
    struct fdsets fdsets;     /* before it was saved */
    enum settle how;          /* what a failure now would leave of the domain */
    bool paused_by_us;
    bool freezes;             /* the guest is to be asked to be quiet, and can be */
    struct quiet *quiet;      /* while it is */
    long long stood_still_ms; /* clock_ms() since when; 0: it runs */
};

void creation_deinit(struct creation *creation);

/* The domain that the record is about, as it is to be left. */
struct settle_domain settle_domain_of(const struct work *work, const struct record *record);
/* The domain alone: it goes on as it was, and libxl knows in which images, as far as the draft tells of any.
 * PAUSED: it may be paused, by us. */
int creation_let_go(struct work *work, enum settle how, bool paused, struct err *err);
/* Takes back whatever the draft tells of, wherever it was broken off: the domain goes on, its disks are the images
 * they were, tags, overlays and draft are gone.  PAUSED: the domain may be paused, by us. */
int creation_undo(struct work *work, enum settle how, bool paused, struct err *err);

#endif
