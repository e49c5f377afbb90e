/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "request_disks.h"

#include <stdio.h>
#include <string.h>

#include "pairs.h"

const char *place_word(enum place place)
{
    return place == PLACE_EXTERNAL ? "external" : "internal";
}

const struct request_disk *request_disk_find(const struct request *request, const char *vdev)
{
    for (size_t i = 0; i < request->disk_count; i++)
        if (strcmp(request->disks[i].vdev, vdev) == 0)
            return &request->disks[i];
    return NULL;
}

/* The same disk may be named in "disks" and have a key of its own. */
static struct request_disk *find_or_add(struct request *request, const char *vdev, struct err *err)
{
    struct request_disk *disk = (struct request_disk *)request_disk_find(request, vdev);

    if (disk)
        return disk;
    if (!vdev_valid(vdev)) {
        err_set(err, ERR_INVALID, "a disk is named as in the domain's configuration: xvda, hda, ...");
        return NULL;
    }
    if (request->disk_count == DISKS_MAX) {
        err_set(err, ERR_INVALID, "more than %d disks", DISKS_MAX);
        return NULL;
    }
    disk = &request->disks[request->disk_count++];
    *disk = (struct request_disk){ .place = PLACE_DEFAULT };
    snprintf(disk->vdev, sizeof disk->vdev, "%s", vdev);
    return disk;
}

int request_disks_set(struct request *request, const char *value, struct err *err)
{
    do {
        size_t length = strcspn(value, ",");
        char vdev[VDEV_SIZE + 1]; /* one more, so that a cut name is no valid one */

        snprintf(vdev, sizeof vdev, "%.*s", (int)length, value);
        if (!find_or_add(request, vdev, err))
            return -1;
        value += length;
    } while (*value++ == ',');
    return 0;
}

static const char *behind(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

int request_disk_set(struct request *request, const char *vdev, const char *value, struct err *err)
{
    struct request_disk *disk = find_or_add(request, vdev, err);
    const char *target = behind(value, "format=qcow2,");

    if (!disk)
        return -1;
    if (strcmp(value, "internal") == 0 || strcmp(value, "external") == 0) {
        disk->place = *value == 'i' ? PLACE_INTERNAL : PLACE_EXTERNAL;
        return 0;
    }
    target = behind(target ? target : value, "target=");
    if (!target || !path_valid(target))
        return err_set(err, ERR_INVALID,
                       "disk-%s is internal, external, or format=qcow2,target= and an absolute path", disk->vdev);
    disk->place = PLACE_EXTERNAL;
    snprintf(disk->target, sizeof disk->target, "%s", target);
    return 0;
}

void request_disks_format(const struct request *request, struct pairs *pairs)
{
    char list[DISKS_MAX * VDEV_SIZE] = "";

    for (size_t i = 0; i < request->disk_count; i++) {
        const struct request_disk *disk = &request->disks[i];
        char key[PAIR_KEY_SIZE];

        snprintf(key, sizeof key, DISK_KEY "%s", disk->vdev);
        if (*disk->target)
            pairs_add(pairs, key, "format=qcow2,target=%s", disk->target);
        else if (disk->place != PLACE_DEFAULT)
            pairs_add(pairs, key, "%s", place_word(disk->place));
        else
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? "," : "", disk->vdev);
    }
    if (*list)
        pairs_add(pairs, "disks", "%s", list);
}
