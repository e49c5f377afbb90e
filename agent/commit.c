/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commit.h"

#include <sys/stat.h>

#include "chain.h"
#include "files.h"
#include "op.h"
#include "qemu_img.h"
#include "reach.h"
#include "xl.h"

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A domain that ran already has not got this disk, or its QEMU has the image open. */
static int check_untouched(struct work *w, const struct reach *reach, const struct link *upper,
                           const struct link *lower, const struct stat *before, struct err *err)
{
    struct xl_domain domain;
    struct stat now;
    int found;

    if (reach_wait_unused(upper->path, upper->vdev, err) < 0 || reach_wait_unused(lower->path, upper->vdev, err) < 0)
        return -1;
    found = reach->runs ? 0 : xl_find(w->xl, w->begun.order.vm, &domain, err);
    if (found < 0)
        return -1;
    if (found == 0 && stat(upper->path, &now) == 0 && is_same(before, &now))
        return 0;
    return err_set(err, ERR_BUSY, "disk %s: the VM was started while its images were merged; they are merged another "
                   "time", upper->vdev);
}

int commit_stopped(struct work *w, const struct reach *reach, const struct link *upper, const struct link *lower,
                   struct err *err)
{
    struct stat before, after;

    if (stat(upper->path, &before) < 0)
        return err_errno(err, "an image that is to be merged cannot be looked at");
    if (qemu_img_commit(upper->path, w->control, err) < 0 || file_sync(lower->path, err) < 0)
        return -1;
    /* qemu-img writes to an image that has bitmaps, whatever it is told: what both hold tells then */
    if (stat(upper->path, &after) == 0 && !is_same(&before, &after) &&
        qemu_img_compare(upper->path, lower->path, lower->format, w->control, err) == 0)
        before = after;
    return check_untouched(w, reach, upper, lower, &before, err);
}
