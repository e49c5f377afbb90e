/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "look.h"
#include "owed.h"
#include "qcow2.h"
#include "qemu_img.h"

#define TAG_OF_OURS "xensnap-"
#define TAG_REPLACED "xensnap-replaced" /* and "-" and the operation's mark, but for an older version */

/* ---- who needs an image ---------------------------------------------------------------------------------- */

static const struct image *image_of(const struct look *look, const struct link *link)
{
    return link->entry < 0 ? NULL : &look->images.item[link->entry];
}

/* "" where nobody does. */
static const char *need_of(const struct look *look, const struct link *link)
{
    static char need[PATH_SIZE + 64];
    const struct image *image = image_of(look, link);
    const struct link *above = NULL;

    *need = '\0';
    chain_above(&look->chain, link, &above);
    if (link->named)
        snprintf(need, sizeof need, "it is disk %s", link->vdev);
    else if (link->frozen)
        snprintf(need, sizeof need, "it is snapshot %s", link->snapshot);
    else if (link->snapshots)
        snprintf(need, sizeof need, "%zu snapshot%s in it", link->snapshots, link->snapshots == 1 ? " is" : "s are");
    else if (above)
        snprintf(need, sizeof need, "%s stands on it", above->path);
    else if (image && image->role == IMAGE_CONTENT)
        snprintf(need, sizeof need, "it is snapshot %s", image->snapshot);
    else if (image && image->role == IMAGE_HEAD)
        snprintf(need, sizeof need, "a disk went on in it");
    return need;
}

/* ---- whether it is there and can be read ----------------------------------------------------------------- */

/* The domain goes on in it, or in what stands on it: what cannot be read any more its QEMU may still have. */
static bool is_running_on(const struct look *look, const struct link *link)
{
    const struct link *at = link, *above;

    for (size_t i = 0; look->reach.runs && at && i < look->chain.count; i++) {
        if ((at->named && at->writable) || at->node != NODE_ABSENT)
            return true;
        above = NULL;
        chain_above(&look->chain, at, &above);
        at = above;
    }
    return false;
}

/* What is there, damaged as it is, may be all that there is of it. */
static void say_backup(struct look *look, const struct link *link)
{
    const char *keep = link->there ? "; move this one aside first" : ", if what it is stored on is mounted";

    if (is_running_on(look, link))
        way_out(look, "do not stop or reboot the domain before its data is copied from inside it, for its QEMU may "
                "still have what is not to be read here; then put the image back from a backup%s",
                link->there ? "" : " under this name");
    else if (link->frozen && !link->named)
        way_out(look, "put it back from a backup%s; where there is none: xensnap delete %s %s", keep, look_vm(look),
                link->snapshot);
    else
        way_out(look, "put it back from a backup under this name%s", keep);
}

/* The record was put back as it was before a merge: another image has that content now. */
static const struct image *content_of(const struct look *look, const char *snapshot)
{
    for (size_t i = 0; i < look->images.count; i++) {
        const struct image *image = &look->images.item[i];
        const struct link *link = chain_find(&look->chain, image->path);

        if (image->role == IMAGE_CONTENT && strcmp(image->snapshot, snapshot) == 0 && link && link->there &&
            !link->frozen)
            return image;
    }
    return NULL;
}

static void check_missing(struct look *look, const struct link *link)
{
    const char *need = need_of(look, link);
    const struct image *content = link->frozen ? content_of(look, link->snapshot) : NULL;

    if (content) {
        found(look, "missing", link->path, "the image is not there, and %s by its record; images.json has %s as that",
              need, content->path);
        way_out(look, "the record is an old one: write that image into its snapshot.json as target, and delete "
                "nothing");
    } else if (*need) {
        found(look, "missing", link->path, "the image is not there, and %s", need);
        say_backup(look, link);
    } else if (!look_in_between(look)) {
        found(look, "ledger", link->path, "images.json has it, it is not there, and nothing needs it");
        way_out(look, "the next delete or revert takes it out");
    }
}

/* Whether more can be said of it. */
static bool check_there(struct look *look, const struct link *link)
{
    struct err err;

    if (access(link->path, F_OK) < 0 && errno == ENOENT) {
        check_missing(look, link);
        return false;
    }
    if (access(link->path, R_OK) < 0) {
        err_errno(&err, "the image cannot be opened");
        found(look, "image", link->path, "%s", err.text);
        say_backup(look, link);
        return false;
    }
    if (*link->format)
        return true;
    found(look, "format", link->path, "its format is not written down anywhere, and it is not guessed");
    way_out(look, "write the format that it was made with into the VM's configuration, where that names it; what is in "
            "the file proves nothing, for a guest may have written it");
    return false;
}

/* ---- its header ------------------------------------------------------------------------------------------ */

static bool is_written(const struct look *look, const struct link *link)
{
    struct err err;

    return link->node != NODE_ABSENT || reach_check_unwritten(&look->reach, link->path, link->vdev, &err) < 0;
}

static void say_qemu_img(struct look *look, const char *before, const char *words, const char *path)
{
    way_out(look, "%swhile nobody has it open: qemu-img %s %s", before, words, quoted(path));
}

/* With another format the guest would write over what it reads. */
static void say_rebase(struct look *look, const struct link *link)
{
    const char *format = link->below < 0 ? "" : look->chain.item[link->below].format;

    way_out(look, "while nobody has it open: qemu-img rebase -u -f qcow2 -F %s -b %s %s%s",
            *format ? format : "FORMAT", quoted(link->backing), quoted(link->path),
            *format ? "" : " (FORMAT is what that one was made with: what is in the file proves nothing)");
}

static void check_state(struct look *look, const struct link *link, const struct qcow2_state *state)
{
    if (state->corrupt) {
        found(look, "corrupt", link->path, "QEMU has found the image damaged and marked it as corrupt");
        say_qemu_img(look, "copy it first; then, ", "check -f qcow2 -r all", link->path);
    }
    if (state->dirty && !is_written(look, link)) {
        found(look, "dirty", link->path, "the image was not closed: its dirty bit is set and nobody "
              "writes to it");
        say_qemu_img(look, "QEMU repairs it when it opens it for writing; or, ", "check -f qcow2 -r all", link->path);
    }
    if (state->cut_off && !is_written(look, link)) {
        found(look, "corrupt", link->path, "the file is shorter than its own tables say: its end is "
              "missing");
        say_backup(look, link);
    }
    if (state->guessed) {
        found(look, "format", link->path, "its header does not say in which format %s is on which it "
              "stands, so that QEMU would guess it", link->backing);
        say_rebase(look, link);
    }
}

/* Its own words are asked for once more: the look keeps those of one image alone. */
static void check_read(struct look *look, const struct link *link)
{
    struct image_info info;
    struct err err;

    if (link->read || !link->looked || !link->there || link->empty ||
        qemu_img_info(link->path, link->format, NULL, &info, &look->control, &err) == 0)
        return;
    found(look, "image", link->path, "qemu-img cannot read it: %s", err.text);
    say_backup(look, link);
}

static bool is_no_image_yet(const struct look *look, const struct link *link)
{
    const struct image *image = image_of(look, link);

    return link->empty && image && (image->role == IMAGE_MADE || image->role == IMAGE_RETIRED);
}

/* Whether what is in it can be told. */
static bool check_header(struct look *look, const struct link *link)
{
    struct qcow2_state state;
    struct err err;

    if (strcmp(link->format, "qcow2") != 0)
        return false;
    if (qcow2_look(link->path, &state, &err) == 0) {
        check_state(look, link, &state);
        if (!state.cut_off)
            check_read(look, link);
        return link->read && !state.cut_off;
    }
    if (is_no_image_yet(look, link))
        return false;
    found(look, "image", link->path, "its header cannot be read: %s", err.text);
    say_backup(look, link);
    return false;
}

/* ---- snapshots in it ------------------------------------------------------------------------------------- */

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

    if (look_find_owner(look, id, vm)) {
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
    if (look_knows_all(look))
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

static void check_tags(struct look *look, const struct link *link)
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

/* ---- how they stand on each other ------------------------------------------------------------------------ */

/* How many there are from that one down; more than all of them: it ends in a circle. */
static size_t depth_of(const struct chain *chain, size_t n)
{
    size_t depth = 1;

    for (int at = chain->item[n].below; at >= 0 && depth <= chain->count; at = chain->item[at].below)
        depth++;
    return depth;
}

/* A circle is told of at the first of its images. */
static bool begins_circle(const struct chain *chain, size_t n)
{
    int at = chain->item[n].below;

    for (size_t i = 0; i < chain->count && at > (int)n; i++)
        at = chain->item[at].below;
    return at == (int)n;
}

static void check_standing(struct look *look, size_t n)
{
    const struct chain *chain = &look->chain;
    const struct link *link = &chain->item[n];
    size_t depth = depth_of(chain, n);

    if (depth > chain->count) {
        if (!begins_circle(chain, n))
            return;
        found(look, "chain", link->path, "the image stands on itself: %s is below it, and leads back to "
              "it", link->backing);
        say_backup(look, link);
    } else if (depth > CHAIN_MAX && chain_above(chain, link, NULL) == 0) {
        found(look, "chain", link->path, "%zu images stand on each other, and xensnap serves %d", depth,
              CHAIN_MAX);
        way_out(look, "delete external snapshots of disk %s: xensnap delete %s NAME", link->vdev,
                look_vm(look));
    }
}

/* A circle is told of as that. */
static void check_expected(struct look *look, size_t n)
{
    const struct link *link = &look->chain.item[n];
    struct err err;

    if (!link->read || link->entry < 0 || image_is_handed_over(&look->images.item[link->entry]) || depth_of(&look->chain, n) > look->chain.count || look_in_between(look) ||
        chain_check_header(link, &look->images, &err) == 0)
        return;
    found(look, "header", link->path, "%s; no image is merged or removed", err.text);
    way_out(look, "copy the image first; then put that right, or put the image back from a backup");
}

/* Each of these is told of where it is why not all is known. */
static bool is_explained(const struct problems *problems)
{
    static const char *const kinds[] = { "record", "config", "ledger", "store", "missing", "image", "format", "header",
                                         "chain" };

    for (size_t i = 0; i < problems->count; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (strcmp(problems->item[i].kind, kinds[k]) == 0)
                return true;
    return false;
}

void check_unknown(struct look *look)
{
    if (look->chain.unknown.code == ERR_NONE || look_in_between(look) || is_explained(look->problems))
        return;
    found(look, "unknown", "images", "%s; no image is merged or removed", look->chain.unknown.text);
    way_out(look, "put it right, or put the image back from a backup");
}

void check_images(struct look *look)
{
    for (size_t n = 0; n < look->chain.count; n++) {
        const struct link *link = &look->chain.item[n];

        /* what was released is the administrator's, whatever it holds */
        if (link->entry >= 0 && image_is_handed_over(&look->images.item[link->entry]))
            continue;
        if (!check_there(look, link))
            continue;
        check_standing(look, n);
        check_expected(look, n);
        if (check_header(look, link))
            check_tags(look, link);
    }
}
