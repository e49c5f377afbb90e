/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"
#include "owed.h"
#include "qcow2.h"

#define TAG_OF_OURS "xensnap-"
#define TAG_REPLACED "xensnap-replaced" /* and "-" and the operation's mark, but for an older version */

struct tags {
    struct look *look;
    const struct link *link;
    char (*name)[TAG_SIZE]; /* ours, that are in the image */
    size_t count;
};

static void take_tag(void *data, const char *name)
{
    struct tags *tags = data;
    void *grown;

    if (strncmp(name, TAG_OF_OURS, strlen(TAG_OF_OURS)) != 0 || strlen(name) >= TAG_SIZE)
        return;
    grown = reallocarray(tags->name, tags->count + 1, sizeof *tags->name);
    if (!grown)
        abort();
    tags->name = grown;
    memcpy(tags->name[tags->count++], name, strlen(name) + 1);
}

static bool has_tag(const struct tags *tags, const char *tag)
{
    for (size_t i = 0; i < tags->count; i++)
        if (strcmp(tags->name[i], tag) == 0)
            return true;
    return false;
}

static bool is_of_link(const struct look *look, const struct record_disk *disk, const struct link *link)
{
    return disk->place == PLACE_INTERNAL && chain_find(&look->chain, disk->target) == link;
}

static void check_tags_of(const struct tags *tags, const struct record *record)
{
    struct look *look = tags->look;
    char thing[NAME_MAX_BYTES + UUID_LENGTH + 16];

    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        if (!is_of_link(look, disk, tags->link) || has_tag(tags, disk->tag))
            continue;
        snprintf(thing, sizeof thing, "snapshot %s (%s)", record->name, record->id);
        found(look, "tag", thing, "disk %s: it is not in %s any more, which was to hold it as %s",
              disk->vdev, disk->target, disk->tag);
        way_out(look, "a backup of the image that has it is never put over this one, in which the disk's other states "
                "are: copy it out of the backup; where it is not needed: xensnap delete %s %s", look_vm(look),
                look_word(look, record));
    }
}

/* What a revert has put another content in the place of (replaced.h). */
static bool is_replaced(const char *tag)
{
    return strncmp(tag, TAG_REPLACED, strlen(TAG_REPLACED)) == 0;
}

/* Its revert has failed.  What cannot be read may say so. */
static bool is_owed(struct look *look, const char *tag)
{
    const char *mark = tag + strlen(TAG_REPLACED);
    struct err err;

    return *mark == '-' && owed_has(&look->work, mark + 1, &err) != 0;
}

/* A record has it, or one that cannot be read may, or it waits to be removed. */
static bool is_known(const struct tags *tags, const char *tag)
{
    const struct look *look = tags->look;
    const struct image *image = image_of(look, tags->link);

    for (size_t i = 0; image && i < image->tag_count; i++)
        if (strcmp(image->tags[i], tag) == 0)
            return true;
    if (is_replaced(tag))
        return look->unsettled && !is_owed(tags->look, tag);
    return look_has_snapshot(look, tag + strlen(TAG_OF_OURS));
}

static void say_replaced(struct look *look, const struct link *link, const char *tag)
{
    bool owed = is_owed(look, tag);

    look->owed_told |= owed;
    look->replaced_told = true;
    if (owed)
        found(look, "owed", link->path, "a revert has failed on this disk: the snapshot %s in it is what the disk held "
              "before, and may be the only copy of that; both states are kept", tag);
    else
        found(look, "tag", link->path, "the snapshot %s in it is what the disk held before a revert, and may be the "
              "only copy of that", tag);
    way_out(look, "%s; who needs what it holds copies it: qemu-img convert -U -f qcow2 -l snapshot.name=%s -O raw %s "
            "FILE", owed ? "if the VM has neither state, revert again when the cause is gone; nothing removes it" :
            "the next revert removes it", quoted(tag), quoted(link->path));
}

/* Others of the VM know of that snapshot: its directory is what is missing. */
static bool is_missed(const struct look *look, const char *id)
{
    for (size_t i = 0; i < look->snapshots.count; i++)
        if (strcmp(look->snapshots.records[i].parent, id) == 0)
            return true;
    for (size_t i = 0; i < look->images.count; i++)
        if (look->images.item[i].role == IMAGE_CONTENT && strcmp(look->images.item[i].snapshot, id) == 0)
            return true;
    return strcmp(look->snapshots.current, id) == 0;
}

/* It is the state that a disk had, and the only one that nothing can bring back. */
static void say_nobodys(struct look *look, const struct link *link, const char *tag)
{
    const char *id = tag + strlen(TAG_OF_OURS);
    char vm[UUID_LENGTH + 1], directory[PATH_SIZE] = "";

    int owned = look_find_owner(look, id, vm);

    if (owned > 0) {
        problems_note(look->problems, link->path, "the snapshot %s in it is one of VM %s", tag, vm);
        return;
    }
    store_file_path(look->work.store, look_vm(look), id, directory);
    if (is_missed(look, id)) {
        found(look, "tag", link->path, "the snapshot %s in it is of a snapshot whose directory is not there any more",
              tag);
        way_out(look, "put its directory %s back from a backup; where there is none, what the disk held: qemu-img "
                "convert -U -f qcow2 -l snapshot.name=%s -O raw %s FILE", directory, tag, quoted(link->path));
        return;
    }
    found(look, "tag", link->path, "the snapshot %s in it is xensnap's and no snapshot of this VM has it: it takes up "
          "room", tag);
    if (say_in_use(look, link))
        return;
    if (owned == 0 && look_knows_all(look))
        way_out(look, "if the image is no copy of another VM's and no snapshot's directory was lost, copy the image "
                "first; then, while nobody has it open: qemu-img snapshot -d %s %s", tag, quoted(link->path));
    else
        way_out(look, "do not remove it, for not all is known that could need it: put that right first");
}

static void check_strange_tag(const struct tags *tags, const char *tag)
{
    struct look *look = tags->look;

    if (is_known(tags, tag))
        return;
    if (is_replaced(tag)) {
        say_replaced(look, tags->link, tag);
        return;
    }
    if (uuid_valid(tag + strlen(TAG_OF_OURS))) {
        say_nobodys(look, tags->link, tag);
        return;
    }
    found(look, "tag", tags->link->path, "the snapshot %s in it is called as xensnap's are, and is none", tag);
    way_out(look, "who has made it knows whether it is needed");
}

void check_tags(struct look *look, const struct link *link)
{
    struct tags tags = { .look = look, .link = link };
    struct err err;

    if (qcow2_each_snapshot(link->path, take_tag, &tags, &err) < 0) {
        found(look, "image", link->path, "%s", err.text);
        say_backup(look, link);
    } else {
        for (size_t i = 0; link->snapshots > 0 && i < look->snapshots.count; i++)
            check_tags_of(&tags, &look->snapshots.records[i]);
        for (size_t i = 0; !look_in_between(look) && i < tags.count; i++)
            check_strange_tag(&tags, tags.name[i]);
    }
    free(tags.name);
}
