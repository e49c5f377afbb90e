/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REACH_H
#define REACH_H

/* How the images of a VM can be reached: through the QEMU of its running domain, or as files that nobody has
 * open. */

#include "nodes.h"
#include "xl.h"

struct reach {
    bool runs;
    struct xl_domain domain; /* if it runs */
    struct qmp *qmp;         /* NULL: it does not run, or has no QEMU */
    struct nodes nodes;
};

/* ERR_BUSY where the domain is on its way down and its QEMU has gone already. */
int reach_open(struct reach *reach, struct xl *xl, const char *vm, struct control *control, struct err *err);
/* ERR_BUSY where the domain is suspended: it is being saved or migrated, and QEMU may have let go of its images. */
int reach_check_steady(const struct reach *reach, struct err *err);
/* Asks QEMU again. */
int reach_refresh(struct reach *reach, struct err *err);
void reach_close(struct reach *reach);
/* The domain, or NULL where none runs. */
/* An error of libxl or QEMU because the domain has ended under our hands is told as what it is. */
void reach_explain(const struct reach *reach, struct xl *xl, struct err *err);
const struct xl_domain *reach_domain(const struct reach *reach);
/* How QEMU has that image, NODE_ABSENT where there is no QEMU; -1 as in nodes.h. */
int reach_find(const struct reach *reach, const char *image, const char *tag, struct node *node, struct err *err);
/* ERR_BUSY where any process has the image open, or a loop device stands on it, be it one that is only read: QEMU's own
 * locks would not stop us from writing. */
int reach_check_unused(const char *image, const char *vdev, struct err *err);
/* The same where the domain's QEMU has it.  Another domain may stand on the image, as a clone; its QEMU has it open
 * beside ours.  And QEMU reopens an image by its name: ERR_CORRUPT where that is another file by now, for a merge would
 * go into that one. */
int reach_check_alone(const char *image, const char *vdev, struct err *err);
/* The same; but who only looks, as xensnap check does, has an image for a moment, and is waited for some seconds. */
int reach_wait_unused(const char *image, const char *vdev, struct err *err);
int reach_wait_alone(const char *image, const char *vdev, struct err *err);
/* ERR_BUSY where anything but the QEMU of REACH (NULL: nobody) can write to the image.  Who only reads it is let. */
int reach_check_unwritten(const struct reach *reach, const char *image, const char *vdev, struct err *err);
/* ERR_BUSY where anything else keeps it locked, so that no qemu-img can write to it. */
int reach_check_unlocked(const struct reach *reach, const char *image, const char *vdev, struct err *err);

#endif
