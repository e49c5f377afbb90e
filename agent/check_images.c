/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "look.h"
#include "qcow2.h"
#include "qemu_img.h"

/* ---- who needs an image ---------------------------------------------------------------------------------- */

const struct image *image_of(const struct look *look, const struct link *link)
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

bool say_in_use(struct look *look, const struct link *link)
{
    struct err err;

    if (link->node == NODE_ABSENT && reach_check_unused(link->path, *link->vdev ? link->vdev : "-", &err) == 0)
        return false;
    way_out(look, "nothing is to be done to it while somebody has it open: shut the VM down and check again, which "
            "then says what to do");
    return true;
}

/* An older one is of a time when it was still written to. */
static const char *since_when(const struct look *look, const struct link *link)
{
    if (link->frozen)
        return " that was made after that snapshot";
    return chain_above(&look->chain, link, NULL) > 0 ? " that was made after what stands on it" : "";
}

/* What is there, damaged as it is, may be all that there is of it. */
void say_backup(struct look *look, const struct link *link)
{
    const char *keep = link->there ? "; move this one aside first" : ", if what it is stored on is mounted";

    if (is_running_on(look, link))
        way_out(look, "do not stop or reboot the domain before its data is copied from inside it, for its QEMU may "
                "still have what is not to be read here; then put the image back from a backup%s%s",
                since_when(look, link), link->there ? "" : ", under this name");
    else if (link->frozen && !link->named)
        way_out(look, "put it back from a backup%s%s; where there is none: xensnap delete %s %s",
                since_when(look, link), keep, look_vm(look), link->snapshot);
    else
        way_out(look, "put it back from a backup%s, under this name%s", since_when(look, link), keep);
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

static void say_qemu_img(struct look *look, const char *before, const char *words, const struct link *link)
{
    if (!say_in_use(look, link))
        way_out(look, "%swhile nobody has it open: qemu-img %s %s", before, words, quoted(link->path));
}

/* With another format the guest would write over what it reads. */
static void say_rebase(struct look *look, const struct link *link)
{
    const char *format = link->below < 0 ? "" : look->chain.item[link->below].format;

    if (say_in_use(look, link))
        return;
    way_out(look, "while nobody has it open: qemu-img rebase -u -f qcow2 -F %s -b %s %s%s",
            *format ? format : "FORMAT", quoted(link->backing), quoted(link->path),
            *format ? "" : " (FORMAT is what that one was made with: what is in the file proves nothing)");
}

static void check_state(struct look *look, const struct link *link, const struct qcow2_state *state)
{
    if (state->corrupt) {
        found(look, "corrupt", link->path, "QEMU has found the image damaged and marked it as corrupt");
        say_qemu_img(look, "copy it first; then, ", "check -f qcow2 -r all", link);
    }
    if (state->dirty && !is_written(look, link)) {
        found(look, "dirty", link->path, "the image was not closed: its dirty bit is set and nobody "
              "writes to it");
        say_qemu_img(look, "QEMU repairs it when it opens it for writing; or, ", "check -f qcow2 -r all", link);
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

    if (!link->read || link->entry < 0 || image_is_handed_over(&look->images.item[link->entry]) ||
        depth_of(&look->chain, n) > look->chain.count || look_in_between(look) ||
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
