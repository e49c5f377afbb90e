/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "pairs.h"
#include "request.h"
#include "request_disks.h"

/* Also with an empty value, which pairs_get() does not tell from none. */
static const struct pair *find(const struct pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->item[i].key, key) == 0)
            return &pairs->item[i];
    return NULL;
}

static void add(struct pairs *pairs, const char *key, const char *value)
{
    if (value)
        pairs_add(pairs, key, "%s", value);
}

static const char *plain(const char *value)
{
    return strcmp(value, "1") == 0 ? "yes" : strcmp(value, "0") == 0 ? "no" : value;
}

int settings_of_options(const struct options *options, struct pairs *pairs, struct err *err)
{
    if (options->disk_only && options->memory && strcmp(plain(options->memory), "no") != 0)
        return err_set(err, ERR_INVALID, "--disk-only and --memory %s contradict each other", options->memory);
    add(pairs, "operation", operation_word(OPERATION_CREATE));
    add(pairs, "domain", options->domain);
    add(pairs, "name", options->name);
    add(pairs, "description", options->description);
    add(pairs, "memory", options->disk_only ? "no" : options->memory);
    add(pairs, "type", options->external ? "external" : NULL);
    add(pairs, "disks", options->disks);
    add(pairs, "quiesce", options->quiesce);
    add(pairs, "dry-run", options->dry_run ? "yes" : NULL);
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static int contradiction(const struct options *options, const struct pair *said, const struct pair *file,
                         const char *path, struct err *err)
{
    if (options->disk_only && strcmp(said->key, "memory") == 0)
        return err_set(err, ERR_INVALID, "--disk-only contradicts memory=\"%s\" in %s", file->value, path);
    if (strcmp(said->key, "type") == 0)
        return err_set(err, ERR_INVALID, "--external contradicts type=\"%s\" in %s", file->value, path);
    return err_set(err, ERR_INVALID, "--%s %.80s contradicts %s=\"%.80s\" in %s", said->key, said->value, file->key,
                   file->value, path);
}

/* As requests, so that lists are compared as what they mean. */
static int check_disks(const struct options *options, const struct pairs *file, const char *path, struct err *err)
{
    struct request said = { 0 }, filed = { 0 };

    if (request_parse_pairs(&filed, file, err) < 0)
        return err_context(err, "%s", path);
    for (size_t i = 0; options->external && i < filed.disk_count; i++)
        if (filed.disks[i].place == PLACE_INTERNAL)
            return err_set(err, ERR_INVALID, "--external contradicts the internal disk %s in %s", filed.disks[i].vdev,
                           path);
    if (!options->disks || filed.disk_count == 0)
        return 0;
    if (request_disks_set(&said, options->disks, err) < 0)
        return -1;
    for (size_t i = 0; i < filed.disk_count; i++)
        if (!request_disk_find(&said, filed.disks[i].vdev))
            return err_set(err, ERR_INVALID, "--disks %.80s contradicts the disk %s in %s", options->disks,
                           filed.disks[i].vdev, path);
    for (size_t i = 0; i < said.disk_count; i++)
        if (!request_disk_find(&filed, said.disks[i].vdev))
            return err_set(err, ERR_INVALID, "--disks %.80s contradicts %s, where disk %s is not listed",
                           options->disks, path, said.disks[i].vdev);
    return 0;
}

int settings_add_file(struct pairs *pairs, const struct options *options, const struct pairs *file, const char *path,
                      struct err *err)
{
    struct pairs alone = { 0 };

    add(&alone, "operation", operation_word(OPERATION_CREATE));
    for (size_t i = 0; i < file->count; i++) {
        const struct pair *own = &file->item[i], *said = find(pairs, own->key);

        if (strcmp(own->key, "creationtime") == 0)
            continue;
        add(&alone, own->key, own->value);
        if (said && strcmp(plain(said->value), plain(own->value)) != 0)
            return contradiction(options, said, own, path, err);
        if (!said)
            add(pairs, own->key, own->value);
    }
    return check_disks(options, &alone, path, err);
}

/* ---- the domain's UUID --------------------------------------------------------------------------------- */

static bool has_path(const struct pair *pair)
{
    return strcmp(pair->key, "memory") == 0 || strncmp(pair->key, DISK_KEY, strlen(DISK_KEY)) == 0;
}

bool settings_need_uuid(const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (has_path(&pairs->item[i]) && strstr(pairs->item[i].value, UUID_MARK))
            return true;
    return false;
}

/* A value that grows too long for a pair is cut there, which is far beyond what the parser takes for a path. */
void settings_put_uuid(struct pairs *pairs, const char *uuid)
{
    for (size_t i = 0; i < pairs->count; i++) {
        char value[PAIR_VALUE_SIZE];
        char *own = pairs->item[i].value;
        const char *mark;

        while (has_path(&pairs->item[i]) && (mark = strstr(own, UUID_MARK))) {
            snprintf(value, sizeof value, "%.*s%s%s", (int)(mark - own), own, uuid, mark + strlen(UUID_MARK));
            memcpy(own, value, sizeof value);
        }
    }
}
