/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "maps.h"
#include "options.h"

#define DISK_KEY "disk-"

static const char *plain(const char *value)
{
    return strcmp(value, "1") == 0 ? "yes" : strcmp(value, "0") == 0 ? "no" : value;
}

int settings_of_options(const struct options *options, struct xensnap_map *request, struct xensnap_error *error)
{
    if (options->disk_only && options->memory && strcmp(plain(options->memory), "no") != 0)
        return xensnap_error_set(error, XENSNAP_INVALID, "--disk-only and --memory %s contradict each other",
                                 options->memory);
    map_put(request, "operation", "create");
    map_put(request, "domain", options->domain);
    map_put(request, "name", options->name);
    map_put(request, "description", options->description);
    map_put(request, "memory", options->disk_only ? "no" : options->memory);
    map_put(request, "type", options->external ? "external" : NULL);
    map_put(request, "disks", options->disks);
    map_put(request, "quiesce", options->quiesce);
    map_put(request, "dry-run", options->dry_run ? "yes" : NULL);
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static int contradiction(const struct options *options, const char *key, const char *said, const char *filed,
                         const char *path, struct xensnap_error *error)
{
    if (options->disk_only && strcmp(key, "memory") == 0)
        return xensnap_error_set(error, XENSNAP_INVALID, "--disk-only contradicts memory=\"%s\" in %s", filed, path);
    if (strcmp(key, "type") == 0)
        return xensnap_error_set(error, XENSNAP_INVALID, "--external contradicts type=\"%s\" in %s", filed, path);
    return xensnap_error_set(error, XENSNAP_INVALID, "--%s %.80s contradicts %s=\"%.80s\" in %s", key, said, key,
                             filed, path);
}

/* The disk that the key is about, or NULL. */
static const char *disk_of(const char *key)
{
    return strncmp(key, DISK_KEY, strlen(DISK_KEY)) == 0 ? key + strlen(DISK_KEY) : NULL;
}

/* Whether "xvda,xvdb" names the disk. */
static bool names_disk(const char *list, const char *vdev)
{
    for (;; list += strcspn(list, ",") + 1) {
        size_t length = strcspn(list, ",");

        if (strlen(vdev) == length && memcmp(list, vdev, length) == 0)
            return true;
        if (!list[length])
            return false;
    }
}

/* The disks that are listed on the command line and in the file have to be the same. */
static int compare_disks(const char *said, const struct xensnap_map *file, const char *path,
                         struct xensnap_error *error)
{
    const char *key;

    for (size_t i = 0; (key = xensnap_map_key(file, i)); i++)
        if (disk_of(key) && !names_disk(said, disk_of(key)))
            return xensnap_error_set(error, XENSNAP_INVALID, "--disks %.80s contradicts the disk %s in %s", said,
                                     disk_of(key), path);
    for (const char *list = said;; list++) {
        size_t length = strcspn(list, ",");
        char own[64];

        snprintf(own, sizeof own, DISK_KEY "%.*s", (int)length, list);
        if (!xensnap_map_get(file, own))
            return xensnap_error_set(error, XENSNAP_INVALID,
                                     "--disks %.80s contradicts %s, where disk %s is not listed", said, path,
                                     disk_of(own));
        list += length;
        if (!*list)
            return 0;
    }
}

static int check_disk_list(const char *disks, struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *request = map_new();

    map_put(request, "operation", "create");
    map_put(request, "disks", disks);
    return xensnap_check(request, error);
}

/* FILE is a request of its own by now. */
static int check_file(const struct options *options, const struct xensnap_map *file, const char *path,
                      struct xensnap_error *error)
{
    bool disks = false;
    struct xensnap_error why;
    const char *key;

    if (xensnap_check(file, &why) < 0)
        return xensnap_error_set(error, why.code, "%s: %s", path, why.message);
    for (size_t i = 0; (key = xensnap_map_key(file, i)); i++) {
        disks |= disk_of(key) != NULL;
        if (options->external && disk_of(key) && map_is(file, key, "internal"))
            return xensnap_error_set(error, XENSNAP_INVALID, "--external contradicts the internal disk %s in %s",
                                     disk_of(key), path);
    }
    if (!options->disks || !disks)
        return 0;
    return check_disk_list(options->disks, error) < 0 ? -1 : compare_disks(options->disks, file, path, error);
}

int settings_add_file(struct xensnap_map *request, const struct options *options, const struct xensnap_map *file,
                      const char *path, struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *alone = map_new();
    const char *key;

    map_put(alone, "operation", "create");
    for (size_t i = 0; (key = xensnap_map_key(file, i)); i++) {
        const char *filed = xensnap_map_get(file, key), *said = xensnap_map_get(request, key);

        if (strcmp(key, "creationtime") == 0)
            continue;
        map_put(alone, key, filed);
        if (said && strcmp(plain(said), plain(filed)) != 0)
            return contradiction(options, key, said, filed, path, error);
        if (!said)
            map_put(request, key, filed);
    }
    return check_file(options, alone, path, error);
}

/* ---- the domain's UUID --------------------------------------------------------------------------------- */

static bool has_mark(const struct xensnap_map *request, const char *key)
{
    return (strcmp(key, "memory") == 0 || disk_of(key)) && strstr(map_text(request, key), UUID_MARK);
}

bool settings_need_uuid(const struct xensnap_map *request)
{
    const char *key;

    for (size_t i = 0; (key = xensnap_map_key(request, i)); i++)
        if (has_mark(request, key))
            return true;
    return false;
}

void settings_put_uuid(struct xensnap_map *request, const char *uuid)
{
    const char *key;

    for (size_t i = 0; (key = xensnap_map_key(request, i)); i++)
        while (has_mark(request, key)) {
            const char *own = map_text(request, key), *mark = strstr(own, UUID_MARK);
            _cleanup_(freep) char *value = NULL;

            if (asprintf(&value, "%.*s%s%s", (int)(mark - own), own, uuid, mark + strlen(UUID_MARK)) < 0)
                abort();
            map_put(request, key, value);
        }
}
