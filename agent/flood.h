/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FLOOD_H
#define FLOOD_H

/* How much of the agent one guest may take: what it causes is counted, and leaks away; more than a measure full, and
 * it is not listened to for a while, each time for longer.  Pure: the caller says what time it is, in milliseconds of
 * a clock that never goes back.  All zeros is a guest that has done nothing. */

#include <stdbool.h>

enum {
    FLOOD_FULL = 512,      /* events of its request node at once; a request is about ten */
    FLOOD_PER_SECOND = 8,  /* that are forgotten */
    FLOOD_REJECTED = 16,   /* what a request that is refused counts, beside its events */
    FLOOD_CONTENDED = 64,  /* a look in vain: it wrote each time while its requests were to be taken */
    FLOOD_BROKEN = 16,     /* a look in vain: its request node had to be made anew */
    FLOOD_GAP_MS = 50,     /* between two looks into its request node */
    FLOOD_VAIN = 10,       /* times what a look in vain has taken, until the next */
    FLOOD_VAIN_MAX_S = 30, /* but no longer */
    FLOOD_MUTE_S = 30,     /* the first time; doubled each time */
    FLOOD_MUTE_MAX_S = 480,
    FLOOD_CALM_S = 600,    /* after which the next time is a first one */
};

struct flood {
    long long count_ms;    /* what has been counted, in milliseconds that it takes to be forgotten */
    long long counted_at;  /* forgotten is what has passed since */
    long long next_at;     /* not to be looked at before */
    long long muted_until; /* 0: it never was */
    int times;             /* that it was muted without calm between */
};

/* True: that was too much. */
bool flood_charge(struct flood *flood, int events, long long now);

/* Begins to ignore it; for how many seconds.  The count begins anew. */
int flood_mute(struct flood *flood, long long now);
bool flood_muted(const struct flood *flood, long long now);

/* A look is over. */
void flood_served(struct flood *flood, long long now);
/* It had begun at BEGAN and was in vain, which counts EVENTS.  Others have waited meanwhile: so the next has to wait
 * for many times as long.  In neither time anything is forgotten: a slow host must not forget faster than it counts. */
bool flood_vain(struct flood *flood, int events, long long began, long long now);
/* From when on it may be served again, be it that it is muted or that it was served just now. */
long long flood_next(const struct flood *flood);

#endif
