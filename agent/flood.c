/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flood.h"

bool flood_charge(struct flood *flood, int events, long long now)
{
    long long left = flood->count_ms - (now - flood->counted_at);

    flood->counted_at = now;
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

bool flood_vain(struct flood *flood, int events, long long began, long long now)
{
    long long pause = FLOOD_VAIN * (now - began);

    flood->next_at = now + (pause > FLOOD_GAP_MS ? pause : FLOOD_GAP_MS);
    flood->count_ms += flood->next_at - began;
    return flood_charge(flood, events, now);
}

long long flood_next(const struct flood *flood)
{
    return flood->next_at > flood->muted_until ? flood->next_at : flood->muted_until;
}
