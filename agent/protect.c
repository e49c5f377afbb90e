/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protect.h"

#include <errno.h>
#include <string.h>

#include "chain.h"
#include "cleanup.h"
#include "files.h"
#include "images.h"
#include "images_next.h"
#include "images_note.h"
#include "immutable.h"
#include "log.h"
#include "op.h"
#include "reach.h"
#include "xl.h"

/* ---- what there is --------------------------------------------------------------------------------------- */

static int list(struct chain *chain, const struct images *images, struct work *w, const struct reach *reach,
                struct err *err)
{
    int rc = chain_list(chain, images, w, reach, err);

    if (rc < 0)
        chain_deinit(chain);
    return rc;
}

/* QEMU is not asked: who has an image open for writing tells enough, and nobody waits here for one that is silent.  A
 * domain that comes or goes just now may have no configuration to read; then ours is as good. */
static int look(struct chain *chain, const struct images *images, struct work *w, struct err *err)
{
    struct reach reach = { 0 };
    int found = xl_find(w->xl, w->begun.order.vm, &reach.domain, err);

    if (found < 0)
        return -1;
    reach.runs = found > 0 && reach.domain.life != XL_DYING;
    if (list(chain, images, w, &reach, err) < 0) {
        reach.runs = false;
        if (list(chain, images, w, &reach, err) < 0)
            return -1;
    }
    return chain_look_at_heads(chain, images, err);
}

/* ---- one image ------------------------------------------------------------------------------------------- */

static enum image_guard clear(const struct image *image)
{
    if (immutable_clear(image->path) == 0)
        return GUARD_NONE;
    log_error("%s: it is immutable (chattr +i) and should not be any more: %s", image->path, strerror(errno));
    return GUARD_OURS;
}

/* What is said of it before a flag is set; one that is not needed any more goes here. */
static enum image_guard plan(const struct image *image, enum images_guard want)
{
    enum immutable is = want == IMAGES_GUARD_KEEP ? IMMUTABLE_UNKNOWN : immutable_look(image->path);
    struct err err;

    if (is == IMMUTABLE_UNKNOWN)
        return image->guard;
    if (is == IMMUTABLE_YES && image->guard != GUARD_OURS)
        return GUARD_THEIRS;
    if (is == IMMUTABLE_YES)
        return want == IMAGES_GUARD_SET ? GUARD_OURS : clear(image);
    if (want == IMAGES_GUARD_CLEAR)
        return GUARD_NONE;
    if (is == IMMUTABLE_NEVER)
        return GUARD_CANNOT;
    if (reach_check_unwritten(NULL, image->path, image->vdev, &err) == 0)
        return GUARD_OURS;
    log_warning("%s is not protected: %s", image->path, err.text);
    return GUARD_NONE;
}

/* Who has opened it for writing since it was looked at must be able to; from here on nobody else opens it. */
static enum image_guard set(const struct image *image)
{
    struct err err;

    if (immutable_set(image->path) < 0) {
        log_info("%s cannot be protected: %s", image->path, strerror(errno));
        return GUARD_CANNOT;
    }
    if (reach_check_unwritten(NULL, image->path, image->vdev, &err) == 0)
        return GUARD_OURS;
    log_warning("%s is not protected: %s", image->path, err.text);
    return clear(image);
}

/* ---- all of a VM ------------------------------------------------------------------------------------------ */

static bool is_any_ours(const struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->item[i].guard == GUARD_OURS)
            return true;
    return false;
}

/* Where nothing is to be protected any more our flags go. */
static enum images_guard wanted(const struct work *w, const struct images *images, const struct chain *chain, size_t n)
{
    return w->protect ? images_guard(images, chain, n) : IMAGES_GUARD_CLEAR;
}

static int protect(struct work *w, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };
    _cleanup_(chain_deinit) struct chain chain = { 0 };
    const char *vm = w->begun.order.vm;

    if (images_load(&images, w->store, vm, err) < 0)
        return -1;
    if (images.count == 0 || (!w->protect && !is_any_ours(&images)))
        return 0;
    if (w->protect && look(&chain, &images, w, err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++)
        images.item[i].guard = plan(&images.item[i], wanted(w, &images, &chain, i));
    if (images_note_guards(w->store, vm, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++)
        if (images.item[i].guard == GUARD_OURS && wanted(w, &images, &chain, i) == IMAGES_GUARD_SET &&
            immutable_look(images.item[i].path) == IMMUTABLE_NO)
            images.item[i].guard = set(&images.item[i]);
    return images_note_guards(w->store, vm, &images, err);
}

void images_protect(struct work *w)
{
    struct err err;

    if (protect(w, &err) < 0)
        log_warning("%s: its images could not be protected: %s", w->begun.order.vm, err.text);
}

/* ---- for who writes --------------------------------------------------------------------------------------- */

static bool is_ours(const struct images *images, const char *path)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->item[i].guard == GUARD_OURS &&
            (strcmp(images->item[i].path, path) == 0 || same_file(images->item[i].path, path)))
            return true;
    return false;
}

int protect_lift(struct store *store, const char *vm, const char *path, struct err *err)
{
    _cleanup_(images_deinit) struct images images = { 0 };

    if (immutable_look(path) != IMMUTABLE_YES)
        return 0;
    if (images_load(&images, store, vm, err) < 0)
        return -1;
    if (!is_ours(&images, path))
        return err_set(err, ERR_BUSY, "%.160s is immutable, and not because of xensnap; lift that (chattr -i, "
                       "or blockdev --setrw) and ask again", path);
    return immutable_clear(path) < 0 ? err_errno(err, "%.160s cannot be made writable", path) : 0;
}
