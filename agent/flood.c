/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flood.h"

bool flood_charge(struct flood *flood, int events, long long now)
{
    long long since = now > flood->counted_at ? now - flood->counted_at : 0;
    long long left = flood->count_ms - since;

    flood->counted_at += since;
    flood->count_ms = (left > 0 ? left : 0) + events * (1000LL / FLOOD_PER_SECOND);
    return flood->count_ms > FLOOD_FULL * (1000LL / FLOOD_PER_SECOND);
}

int flood_mute(struct flood *flood, long long now)
{
    int seconds = FLOOD_MUTE_S;

    if (now - flood->muted_until > FLOOD_CALM_S * 1000LL)
        flood->times = 0;
    for (int i = 0; i < flood->times && seconds < FLOOD_MUTE_MAX_S; i++)
        seconds *= 2;
    flood->times++;
    flood->count_ms = 0;
    flood->muted_until = now + seconds * 1000LL;
    return seconds;
}

bool flood_muted(const struct flood *flood, long long now)
{
    return now < flood->muted_until;
}

void flood_served(struct flood *flood, long long now)
{
    flood->next_at = now + FLOOD_GAP_MS;
}

static long long between(long long least, long long value, long long most)
{
    return value < least ? least : value > most ? most : value;
}

bool flood_vain(struct flood *flood, int events, long long began, long long now)
{
    bool full = flood_charge(flood, events, began);

    flood->next_at = now + between(FLOOD_GAP_MS, FLOOD_VAIN * (now - began), FLOOD_VAIN_MAX_S * 1000LL);
    flood->counted_at = flood->next_at;
    return full;
}

long long flood_next(const struct flood *flood)
{
    return flood->next_at > flood->muted_until ? flood->next_at : flood->muted_until;
}
