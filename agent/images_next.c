/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images_next.h"

#include <stdio.h>
#include <string.h>

/* ---- what is seen of one image --------------------------------------------------------------------------- */

static const struct link *link_of(const struct chain *chain, size_t image)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->item[i].entry == (int)image)
            return &chain->item[i];
    return NULL;
}

static bool is_open(const struct link *link)
{
    return link->active || link->node != NODE_ABSENT;
}

/* Somebody names it or has it open, or it holds what can be gone back to. */
static bool is_needed(const struct link *link)
{
    return is_open(link) || link->named || link->frozen || link->snapshots > 0 || link->tags > 0;
}

static size_t count_above(const struct chain *chain, const struct link *link)
{
    return chain_above(chain, link, NULL);
}

/* Those that the ledger knows; what somebody else has made on an image of his own is his. */
static size_t ours_above(const struct chain *chain, const struct link *link)
{
    size_t count = 0;

    for (size_t i = 0; i < chain->count; i++)
        count += chain->item[i].below == (int)(link - chain->item) && chain->item[i].entry >= 0;
    return count;
}

/* What a create has left that was undone: the disk is in the image below, or was.  That an overlay is empty says no
 * more than that it is equal to what it stands on.  A disk that is idle may be in it all the same, and over a
 * snapshot's content, or what was one, nothing else holds what the disk is. */
static bool is_undone(const struct images *images, const struct chain *chain, const struct image *image,
                      const struct link *link)
{
    const struct link *link_below = link->below < 0 ? NULL : &chain->item[link->below];
    const struct image *below = !link_below || link_below->entry < 0 ? NULL : &images->item[link_below->entry];

    return image->role == IMAGE_HEAD && link->empty && below && below->role == IMAGE_HEAD && *below->vdev &&
           strcmp(below->vdev, image->vdev) == 0;
}

/* Nothing came of an image that was prepared, or of one in which a disk was to go on. */
static bool is_unused(const struct images *images, const struct chain *chain, const struct image *image,
                      const struct link *link)
{
    if (!image->made || image->apart || !link->there || is_needed(link) || count_above(chain, link) > 0)
        return false;
    return image->role == IMAGE_MADE || is_undone(images, chain, image, link);
}

/* With its file system that is not mounted our flag would stay on it, where nobody else takes it off. */
static bool is_away_with_our_flag(const struct image *image, const struct link *link)
{
    return !link->there && image->guard == GUARD_OURS;
}

/* Not while the VM does not run, if it did not when the image was given up: what it is started from is seen then. */
static bool may_be_unlinked(const struct chain *chain, const struct image *image, const struct link *link)
{
    return image->made && image->role == IMAGE_RETIRED && !is_needed(link) && count_above(chain, link) == 0 &&
           (!image->waits || chain->runs) && !is_away_with_our_flag(image, link);
}

static bool may_be_forgotten(const struct chain *chain, const struct image *image, const struct link *link)
{
    if (*image->merging || image->tag_count > 0 || image->role == IMAGE_CONTENT || link->frozen ||
        is_away_with_our_flag(image, link))
        return false;
    if (image->apart && link->named)
        return false; /* accept says so: it is by this that the domain is known to be the VM */
    if (image_is_handed_over(image) && link->there)
        return false; /* what it stands on is kept for the administrator */
    if (image->made)
        return !link->there && image->role != IMAGE_HEAD && count_above(chain, link) == 0;
    return ours_above(chain, link) == 0;
}

static const struct link *find_path(const struct chain *chain, const char *path)
{
    for (size_t i = 0; i < chain->count; i++)
        if (strcmp(chain->item[i].path, path) == 0)
            return &chain->item[i];
    return NULL;
}

/* A merge into it was begun and never comes to its end, for what was above was given up and is gone.  It is of no use
 * to anybody; of an image that is not ours the ledger goes on saying so, for somebody may have it in an old xl.cfg. */
static bool is_left_half_merged(const struct chain *chain, const struct image *image)
{
    return *image->merging && !image->arrived && !find_path(chain, image->merging);
}

/* ---- merging --------------------------------------------------------------------------------------------- */

/* Nothing needs what LOWER itself holds.  An image in which a disk went on, and now goes on above it, is what a create
 * has left that was undone. */
static bool was_given_up(const struct image *lower, const struct image *upper)
{
    if (lower->role == IMAGE_RETIRED)
        return lower->why == WHY_DELETED || lower->why == WHY_REPLACED;
    return lower->role == IMAGE_HEAD &&
           (upper->role == IMAGE_CONTENT || (upper->role == IMAGE_HEAD && strcmp(lower->vdev, upper->vdev) == 0));
}

/* An orphan is left where it is: who attaches it again knows it by its name. */
static bool may_go_down(const struct link *upper)
{
    return upper->there && upper->tags == 0 && upper->snapshots == 0 && (upper->active || upper->frozen);
}

static bool may_take(const struct link *lower)
{
    /* a configuration that is ahead of its QEMU is put right when they are merged */
    return lower->there && !lower->frozen && !lower->active && !(lower->named && lower->node == NODE_ABSENT);
}

/* QEMU has put on LOWER what stood on the image that it has merged.  In another run of the host that proves nothing:
 * what it had written to LOWER before may be lost. */
static bool is_below_another(const struct chain *chain, const struct link *lower, const struct link *upper)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->item[i].below == (int)(lower - chain->item) && &chain->item[i] != upper && is_open(&chain->item[i]))
            return true;
    return false;
}

/* A merge that was begun: all of UPPER is in LOWER, or can be brought there now.  Where neither is known LOWER is what
 * no disk ever was, whoever names it, and UPPER stays. */
static bool may_go_on(const struct chain *chain, const struct image *image, const struct link *lower,
                      const struct link *upper)
{
    if (image->arrived || upper->node != NODE_ABSENT)
        return true;
    if (lower->node != NODE_ABSENT)
        return lower->node == NODE_BELOW && image->this_boot && is_below_another(chain, lower, upper);
    return !lower->named && (upper->named || upper->frozen || count_above(chain, upper) > 0);
}

/* The link whose data is to go into LOWER, or NULL. */
static const struct link *find_upper(const struct images *images, const struct chain *chain, const struct image *image,
                                     const struct link *lower)
{
    const struct link *upper = NULL;

    if (*image->merging) { /* begun, so LOWER is not what it was: that one and no other, but nothing is lost with it */
        upper = find_path(chain, image->merging);
        return upper && upper->entry >= 0 && upper->tags == 0 && upper->snapshots == 0 &&
               may_go_on(chain, image, lower, upper) ? upper : NULL;
    }
    if (image->apart || !may_take(lower) || chain_above(chain, lower, &upper) != 1 || upper->entry < 0 ||
        !may_go_down(upper))
        return NULL;
    if (*images->item[upper->entry].merging) /* what it takes up itself has to be all there before */
        return NULL;
    if (!images->item[upper->entry].made || !was_given_up(image, &images->item[upper->entry]))
        return NULL;
    return upper;
}

/* ---- deciding -------------------------------------------------------------------------------------------- */

static enum images_act act_for(const struct images *images, const struct chain *chain, const struct image *image,
                               const struct link *link)
{
    if (image->tag_count > 0 && link->node != NODE_BELOW)
        return IMAGES_UNTAG;
    if (may_be_forgotten(chain, image, link))
        return IMAGES_FORGET;
    if (*image->merging)
        return is_left_half_merged(chain, image) && may_be_unlinked(chain, image, link) ? IMAGES_UNLINK
                                                                                        : IMAGES_NOTHING;
    if (image->made && link->active && !link->frozen && count_above(chain, link) == 0 &&
        (image->role == IMAGE_RETIRED || image->role == IMAGE_MADE))
        return IMAGES_HEAD;
    if (is_unused(images, chain, image, link))
        return IMAGES_RETIRE;
    return may_be_unlinked(chain, image, link) ? IMAGES_UNLINK : IMAGES_NOTHING;
}

static struct images_step step_for(const struct images *images, const struct chain *chain, size_t n, bool merges)
{
    const struct image *image = &images->item[n];
    const struct link *link = link_of(chain, n), *upper;
    struct images_step step = { .act = IMAGES_NOTHING, .image = n };

    if (image->later || !link)
        return step;
    step.act = act_for(images, chain, image, link);
    if (step.act != IMAGES_NOTHING || !merges)
        return step;
    upper = find_upper(images, chain, image, link);
    if (upper && !images->item[upper->entry].later) {
        step.act = IMAGES_MERGE;
        step.upper = (size_t)upper->entry;
    }
    return step;
}

struct images_step images_next(const struct images *images, const struct chain *chain, bool merges)
{
    struct images_step step = { .act = IMAGES_NOTHING };

    if (chain->unknown.code != ERR_NONE)
        return step;
    for (size_t i = 0; i < images->count && step.act == IMAGES_NOTHING; i++)
        step = step_for(images, chain, i, merges);
    return step;
}

/* ---- protecting ------------------------------------------------------------------------------------------ */

/* Whether what it holds, and so what it stands on, may be needed: not of a leaf that was given up.  DEPTH ends a chain
 * that bites its own tail. */
static bool is_of_use(const struct images *images, const struct chain *chain, const struct link *link, size_t depth)
{
    const struct image *image = link->entry < 0 ? NULL : &images->item[link->entry];

    if (!image || image->role != IMAGE_RETIRED || image_is_handed_over(image) || is_needed(link) || depth == 0)
        return true;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->item[i].below == (int)(link - chain->item) &&
            is_of_use(images, chain, &chain->item[i], depth - 1))
            return true;
    return false;
}

static bool holds_up(const struct images *images, const struct chain *chain, const struct link *link)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->item[i].below == (int)(link - chain->item) && &chain->item[i] != link &&
            is_of_use(images, chain, &chain->item[i], chain->count))
            return true;
    return false;
}

/* A flag on what the domain writes to would stop it, whatever stands there.  What a configuration names is what the VM
 * is going to be started with; if it is a snapshot's content all the same, or holds a part of what was to be merged
 * into it, that start is to fail. */
enum images_guard images_guard(const struct images *images, const struct chain *chain, size_t n)
{
    const struct link *link = link_of(chain, n);
    bool configured;

    if (!link)
        return IMAGES_GUARD_KEEP;
    configured = link->named && link->writable;
    if (link->node == NODE_TOP || (chain->runs && configured) || image_is_handed_over(&images->item[n]))
        return IMAGES_GUARD_CLEAR;
    if (link->frozen || images->item[n].role == IMAGE_CONTENT ||
        (*images->item[n].merging && !images->item[n].arrived))
        return IMAGES_GUARD_SET;
    if (configured)
        return IMAGES_GUARD_CLEAR;
    if (holds_up(images, chain, link))
        return IMAGES_GUARD_SET;
    return chain->unknown.code != ERR_NONE ? IMAGES_GUARD_KEEP : IMAGES_GUARD_CLEAR;
}

/* ---- learning -------------------------------------------------------------------------------------------- */

static bool learn_content(struct images *images, const struct link *link)
{
    struct image *image = link->entry >= 0 ? &images->item[link->entry]
                                           : images_add(images, link->path, link->format, false);

    if (!image || (image->role == IMAGE_CONTENT && strcmp(image->snapshot, link->snapshot) == 0))
        return false;
    image_content(image, link->snapshot);
    return true;
}

/* An image that is not there the next time, because its file system is not, still stands on what it stood on. */
static bool learn_header(struct image *image, const struct link *link)
{
    return (image->role == IMAGE_HEAD || image->role == IMAGE_CONTENT) && link->looked && link->there && !link->empty &&
           image_header(image, link->size, link->backing);
}

static bool learn_disk(struct image *image, const struct link *link)
{
    bool changed = false;

    if (image->role == IMAGE_HEAD && !*image->vdev && *link->vdev) {
        snprintf(image->vdev, sizeof image->vdev, "%s", link->vdev);
        changed = true;
    }
    if (!*image->format && *link->format) {
        snprintf(image->format, sizeof image->format, "%s", link->format);
        changed = true;
    }
    return changed;
}

bool images_learn(struct images *images, const struct chain *chain)
{
    bool changed = images->old;

    images->old = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->item[i];

        if (link->frozen)
            changed |= learn_content(images, link);
        if (link->entry < 0)
            continue;
        changed |= learn_disk(&images->item[link->entry], link);
        changed |= learn_header(&images->item[link->entry], link);
    }
    return changed;
}
