/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include "images_next.h"
#include "immutable.h"
#include "look.h"

static const struct link *link_of(const struct look *look, size_t n)
{
    for (size_t i = 0; i < look->chain.count; i++)
        if (look->chain.item[i].entry == (int)n)
            return &look->chain.item[i];
    return NULL;
}

/* What can be written to just now gets no flag, and why it can is told of where it matters. */
static void check_set(struct look *look, const struct image *image, enum immutable is)
{
    struct err err;

    if (is == IMMUTABLE_NEVER || (is == IMMUTABLE_NO && image->guard == GUARD_CANNOT)) {
        problems_note(look->problems, image->path, "it cannot be made immutable where it is: what writes to it by "
                      "mistake damages what needs it");
        return;
    }
    if (is != IMMUTABLE_NO || reach_check_unwritten(NULL, image->path, image->vdev, &err) < 0)
        return;
    found(look, "protect", image->path, "a snapshot needs it as it is, and it is not immutable: a VM that is started "
          "with an old xl.cfg would write to it");
    way_out(look, "the next operation on the VM protects it, and the agent when it is started: systemctl restart "
            "xensnapd");
}

static void check_clear(struct look *look, const struct image *image, const struct link *link)
{
    if (!link->named || !link->writable || link->frozen || image->role == IMAGE_CONTENT ||
        chain_above(&look->chain, link, NULL) > 0)
        return;
    found(look, "protect", image->path, "disk %s is in it, and it is immutable: the VM cannot write to it", link->vdev);
    if (image->guard == GUARD_OURS)
        way_out(look, "the agent lifts that when it is started: systemctl restart xensnapd");
    else
        way_out(look, "who has made it immutable lifts that: chattr -i %s", quoted(image->path));
}

/* Where images are not protected, one of which the ledger says that it is has lost its flag all the same. */
void check_protect(struct look *look)
{
    for (size_t n = 0; look->listed && !look_in_between(look) && n < look->images.count; n++) {
        const struct image *image = &look->images.item[n];
        const struct link *link = link_of(look, n);
        enum images_guard want = images_guard(&look->images, &look->chain, n);
        enum immutable is = link && link->there ? immutable_look(image->path) : IMMUTABLE_UNKNOWN;

        if (want == IMAGES_GUARD_SET && (look->protect || image->guard == GUARD_OURS))
            check_set(look, image, is);
        else if (want == IMAGES_GUARD_CLEAR && is == IMMUTABLE_YES)
            check_clear(look, image, link);
    }
}
