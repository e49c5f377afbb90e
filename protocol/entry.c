/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"

void entry_format(const struct entry *entry, struct pairs *pairs)
{
    pairs_add(pairs, "id", "%s", entry->id);
    pairs_add(pairs, "name", "%s", entry->name);
    pairs_add(pairs, "created", "%lld", entry->created);
    pairs_add(pairs, "state", "%s", entry->state);
    pairs_add(pairs, "memory", "%s", entry->memory ? "yes" : "no");
    pairs_add(pairs, "type", "%s", entry->type);
    pairs_add(pairs, "consistency", "%s", entry->consistency);
    pairs_add(pairs, "disks", "%s", entry->disks);
    pairs_add(pairs, "size", "%lld", entry->size);
    if (*entry->parent)
        pairs_add(pairs, "parent", "%s", entry->parent);
    pairs_add(pairs, "current", "%d", entry->current);
    if (*entry->description)
        pairs_add(pairs, "description", "%s", entry->description);
}

#define COPY(field, key) snprintf(field, sizeof field, "%s", pairs_get(pairs, key))

void entry_parse(struct entry *entry, const struct pairs *pairs)
{
    COPY(entry->id, "id");
    COPY(entry->name, "name");
    COPY(entry->description, "description");
    COPY(entry->state, "state");
    COPY(entry->type, "type");
    COPY(entry->consistency, "consistency");
    COPY(entry->disks, "disks");
    COPY(entry->parent, "parent");
    entry->created = atoll(pairs_get(pairs, "created"));
    entry->size = atoll(pairs_get(pairs, "size"));
    entry->memory = strcmp(pairs_get(pairs, "memory"), "yes") == 0;
    entry->current = strcmp(pairs_get(pairs, "current"), "1") == 0;
}
