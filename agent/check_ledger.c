/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "images_next.h"
#include "look.h"

static long long room_of(const struct link *link)
{
    struct stat st;

    return stat(link->path, &st) == 0 ? (long long)st.st_blocks * 512 : 0;
}

/* ---- beside the records ---------------------------------------------------------------------------------- */

/* Formats are told apart by those who name the image; the first of them is what it was read as. */
static void check_formats(struct look *look, const struct record *record)
{
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];
        const struct link *link = chain_find(&look->chain, disk->target);

        if (!link || !*link->format || strcmp(link->format, disk->format) == 0)
            continue;
        found(look, "format", link->path, "snapshot %s has it as %s, and it is written down as %s",
              record->id, disk->format, link->format);
        way_out(look, "one of them is wrong: do not start the VM, and revert to nothing, before you know with which it "
                "was made; then put the other one right");
    }
}

static bool is_being_merged(const struct images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (strcmp(images->item[i].merging, path) == 0)
            return true;
    return false;
}

static void check_content(struct look *look, const struct link *link, const struct image *image)
{
    if (link->frozen && !look->images.old && (!image || image->role != IMAGE_CONTENT)) {
        found(look, "ledger", link->path, "it is snapshot %s, and images.json does not say so",
              link->snapshot);
        way_out(look, "the next create, delete or revert writes it down");
    }
    if (!image || image->role != IMAGE_CONTENT || link->frozen || is_being_merged(&look->images, image->path) ||
        look_has_snapshot(look, image->snapshot))
        return;
    found(look, "ledger", link->path, "it is snapshot %s, which is not in the store any more: nothing of "
          "the VM is merged or removed", image->snapshot);
    way_out(look, "put the snapshot's directory back from a backup; or give it up: xensnap release %s %s",
            look_vm(look), image->snapshot);
}

/* A create has made it, as its record says, or a revert, which gives such names. */
static bool was_made(const struct look *look, const char *path)
{
    char ours[PATH_SIZE];

    for (size_t i = 0; i < look->snapshots.count; i++)
        for (size_t k = 0; k < look->snapshots.records[i].disk_count; k++)
            if (strcmp(look->snapshots.records[i].disks[k].overlay, path) == 0)
                return true;
    return store_file_path(look->work.store, look_vm(look), "disk_", ours) == 0 &&
           strncmp(path, ours, strlen(ours)) == 0;
}

/* The whole file is gone, which is told of at the snapshots' contents. */
static bool is_told_lost(const struct look *look)
{
    for (size_t i = 0; look->images.count == 0 && i < look->chain.count; i++)
        if (look->chain.item[i].frozen)
            return true;
    return false;
}

static void check_entry(struct look *look, const struct link *link)
{
    if (link->entry >= 0 || link->frozen || !link->named || look->images.old || !was_made(look, link->path) ||
        is_told_lost(look))
        return;
    found(look, "ledger", link->path, "disk %s is in it, and images.json does not have it", link->vdev);
    way_out(look, "put back an images.json that was made after the last operation; else xensnap does not know that it "
            "has made it, and nothing removes it");
}

/* ---- what is on its way ---------------------------------------------------------------------------------- */

/* Nobody has to give up a snapshot for that. */
static void say_next_delete(struct look *look, const char *does)
{
    way_out(look, "the next delete of a snapshot that is not needed any more %s: xensnap delete %s NAME", does,
            look_vm(look));
}

static void check_waiting(struct look *look, const struct link *link, const struct image *image)
{
    if (*image->merging && image->arrived) {
        found(look, "merge", link->path, "all of %s has come into it, and the merge is not finished", image->merging);
        say_next_delete(look, "finishes it");
    } else if (*image->merging) {
        found(look, "merge", link->path, "a merge of %s into it was begun and is not finished: it is of "
              "no use without that one", image->merging);
        say_next_delete(look, "finishes it");
    } else if (image->role == IMAGE_RETIRED && image->waits && !look->chain.runs && link->there) {
        found(look, "waiting", link->path, "it was given up (%s) while the VM did not run, and stays until "
              "that has run without it: %s", image_why_word(image->why), size_text(room_of(link)));
        way_out(look, "start the VM, and the next delete or revert removes it; or have it be yours: "
                "xensnap release %s %s", look_vm(look), quoted(link->path));
    } else if (image->leaving) {
        found(look, "ledger", link->path, "it is marked as being replaced by a revert, and no revert is "
              "under way");
        way_out(look, "the next revert puts that right");
    }
}

static const char *left_text(const struct image *image, enum images_act act)
{
    switch (act) {
    case IMAGES_HEAD: return "it was given up or never used, and a disk goes on in it";
    case IMAGES_RETIRE: return "it never came into use";
    case IMAGES_UNLINK: return "it was given up, and nothing needs it";
    case IMAGES_MERGE: return *image->merging ? NULL : "what stands on it can be merged into it";
    default: return NULL; /* of no weight: it is done with the next operation */
    }
}

/* All that there is to do, one after the other, by what operations go by.  What was told of is marked as later. */
static void check_left(struct look *look)
{
    struct images_step step;

    while ((step = images_next(&look->images, &look->chain, true)).act != IMAGES_NOTHING) {
        struct image *image = &look->images.item[step.image];
        const char *text = left_text(image, step.act);
        const struct link *link = chain_find(&look->chain, image->path);

        image->later = true;
        if (!text || !link || (image->role == IMAGE_RETIRED && image->waits))
            continue;
        found(look, "left", link->path, "%s: %s", text, size_text(room_of(link)));
        say_next_delete(look, "does what is left");
    }
}

static bool is_orphan(const struct look *look, const struct link *link, const struct image *image)
{
    return image->role == IMAGE_HEAD && image->made && link->there && !image->later && !*image->merging &&
           !link->named && !link->active && link->node == NODE_ABSENT && !look->unsettled &&
           !is_being_merged(&look->images, image->path);
}

/* One that was set apart and on which something stands is where it has to be. */
static void check_orphan(struct look *look, const struct link *link, const struct image *image)
{
    if (!is_orphan(look, link, image) || (image->apart && chain_above(&look->chain, link, NULL) > 0))
        return;
    if (image->apart)
        found(look, "orphan", link->path, "it was set apart by release, accept or forget, and nothing stands on it: %s",
              size_text(room_of(link)));
    else
        found(look, "orphan", link->path, "disk %s went on in it, and no disk of the VM is in it now: %s",
              *image->vdev ? image->vdev : "(not known)", size_text(room_of(link)));
    way_out(look, "%snothing but you removes it: xensnap release %s %s", image->apart ? "" : "attach it again; ",
            look_vm(look), quoted(link->path));
}

/* It is the administrator's, and no problem. */
static void note_handed_over(struct look *look, const struct link *link, const struct image *image)
{
    if (image_is_handed_over(image) && link->there)
        problems_note(look->problems, link->path, "it was released, and is yours: %s; what it stands on is kept as "
                      "long as it is there", size_text(room_of(link)));
}

void check_ledger(struct look *look)
{
    if (!look->ledger_read) {
        found(look, "ledger", "images.json", "it cannot be read; it says which images are ours and what "
              "they are, and nothing of the VM is merged or removed");
        way_out(look, "put it back from a backup that was made after the last operation: an older one does not know "
                "the images of today; or do without it, and no image of today is ever removed: xensnap accept %s",
                look_vm(look));
        return;
    }
    for (size_t i = 0; i < look->snapshots.count; i++)
        check_formats(look, &look->snapshots.records[i]);
    if (look_in_between(look))
        return;
    if (look->current)
        check_left(look);
    for (size_t n = 0; n < look->chain.count; n++) {
        const struct link *link = &look->chain.item[n];
        const struct image *image = link->entry < 0 ? NULL : &look->images.item[link->entry];

        check_content(look, link, image);
        check_entry(look, link);
        if (image)
            check_waiting(look, link, image);
        if (image && look->current)
            check_orphan(look, link, image);
        if (image)
            note_handed_over(look, link, image);
    }
}
