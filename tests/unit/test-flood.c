/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flood.h"

#include "check.h"

enum { START = 1000000 };

static void quiet(void)
{
    struct flood flood = { 0 };

    for (int request = 0; request < 50; request++)
        CHECK(!flood_charge(&flood, 10, START));
    CHECK(!flood_muted(&flood, START));
    CHECK(flood_next(&flood) <= START);
}

static void too_much(void)
{
    struct flood flood = { 0 };
    int events = 1;

    while (!flood_charge(&flood, 1, START) && events < 100000)
        events++;
    CHECK_INT(events, FLOOD_FULL + 1);
}

static void leaks(void)
{
    struct flood flood = { 0 };
    bool full = false;

    /* as fast as it leaks, for an hour */
    for (int s = 0; s < 3600; s++)
        full |= flood_charge(&flood, FLOOD_PER_SECOND, START + s * 1000LL);
    CHECK(!full);
    /* twice as fast */
    for (int s = 0; s < 3600 && !full; s++)
        full = flood_charge(&flood, 2 * FLOOD_PER_SECOND, START + (3600 + s) * 1000LL);
    CHECK(full);
    /* and after a pause there is room again */
    CHECK(!flood_charge(&flood, FLOOD_FULL, START + 10000 * 1000LL));
}

static void muted(void)
{
    struct flood flood = { 0 };
    static const int seconds[] = { 30, 60, 120, 240, 480, 480 };
    long long now = START;

    flood_charge(&flood, 2 * FLOOD_FULL, now);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        CHECK_INT(flood_mute(&flood, now), seconds[i]);
        CHECK(flood_muted(&flood, now + seconds[i] * 1000LL - 1));
        CHECK_INT(flood_next(&flood), now + seconds[i] * 1000LL);
        now += seconds[i] * 1000LL;
        CHECK(!flood_muted(&flood, now));
    }
    CHECK(!flood_charge(&flood, 1, now)); /* the count has begun anew */
    now += FLOOD_CALM_S * 1000LL;
    CHECK_INT(flood_mute(&flood, now), 480);
    now += 480 * 1000LL + FLOOD_CALM_S * 1000LL + 1;
    CHECK_INT(flood_mute(&flood, now), 30);
}

static void gaps(void)
{
    struct flood flood = { 0 };

    flood_served(&flood, START);
    CHECK_INT(flood_next(&flood), START + FLOOD_GAP_MS);
    flood_mute(&flood, START);
    CHECK_INT(flood_next(&flood), START + FLOOD_MUTE_S * 1000);
}

/* However slow the host is, so many looks in vain close the node, and are a small part of the time. */
static void vain(void)
{
    static const int takes_ms[] = { 1, 200, 1500 };

    for (size_t i = 0; i < sizeof takes_ms / sizeof *takes_ms; i++) {
        struct flood flood = { 0 };
        long long now = START;
        int looks = 0;
        bool full = false;

        while (!full && looks++ < 100) {
            full = flood_vain(&flood, FLOOD_CONTENDED, now, now + takes_ms[i]);
            CHECK(flood_next(&flood) - now >= (FLOOD_VAIN + 1) * takes_ms[i]);
            CHECK(flood_next(&flood) - now >= FLOOD_GAP_MS);
            now = flood_next(&flood);
        }
        CHECK_INT(looks, FLOOD_FULL / FLOOD_CONTENDED + 1);
    }
}

/* Dom0 stood still for an hour in a look: the guest is no flood for that, and is soon looked at again. */
static void stalled(void)
{
    struct flood flood = { 0 };
    long long now = START + 3600 * 1000LL;

    CHECK(!flood_charge(&flood, 1, START));
    CHECK(!flood_vain(&flood, FLOOD_CONTENDED, START, now));
    CHECK_INT(flood_next(&flood), now + FLOOD_VAIN_MAX_S * 1000LL);
    CHECK(!flood_charge(&flood, FLOOD_FULL - FLOOD_CONTENDED - 1, flood_next(&flood)));
    CHECK(flood_charge(&flood, 1, flood_next(&flood)));
}

static const struct check_test tests[] = {
    { "fifty requests at once are no flood", quiet },
    { "there is an end to what is taken at once", too_much },
    { "what is counted leaks away, as fast as it should", leaks },
    { "who is muted is so for longer each time, until there was calm", muted },
    { "there is a gap between two looks", gaps },
    { "after a look in vain the gap is longer", vain },
    { "but not by any length, and a stall closes nothing", stalled },
};

CHECK_MAIN(tests)
