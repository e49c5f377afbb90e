/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"

#define DETAIL_KEY "disk-"

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
    if (*entry->left_out)
        pairs_add(pairs, "left-out", "%s", entry->left_out);
    if (*entry->description)
        pairs_add(pairs, "description", "%s", entry->description);
    for (size_t i = 0; i < entry->detail_count; i++) {
        char key[PAIR_KEY_SIZE];

        snprintf(key, sizeof key, DETAIL_KEY "%s", entry->detail[i].vdev);
        pairs_add(pairs, key, "%s", entry->detail[i].text);
    }
}

static void parse_details(struct entry *entry, const struct pairs *pairs)
{
    entry->detail_count = 0;
    for (size_t i = 0; i < pairs->count && entry->detail_count < DISKS_MAX; i++) {
        const char *key = pairs->item[i].key;

        if (strncmp(key, DETAIL_KEY, strlen(DETAIL_KEY)) != 0 || !vdev_valid(key + strlen(DETAIL_KEY)))
            continue;
        snprintf(entry->detail[entry->detail_count].vdev, VDEV_SIZE, "%s", key + strlen(DETAIL_KEY));
        snprintf(entry->detail[entry->detail_count].text, sizeof entry->detail[0].text, "%s",
                 pairs->item[i].value);
        entry->detail_count++;
    }
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
    COPY(entry->left_out, "left-out");
    COPY(entry->parent, "parent");
    entry->created = atoll(pairs_get(pairs, "created"));
    entry->size = atoll(pairs_get(pairs, "size"));
    entry->memory = strcmp(pairs_get(pairs, "memory"), "yes") == 0;
    entry->current = strcmp(pairs_get(pairs, "current"), "1") == 0;
    parse_details(entry, pairs);
}
