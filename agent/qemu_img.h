/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef QEMU_IMG_H
#define QEMU_IMG_H

/* Images that no QEMU has open: qemu-img as a child.  It never writes to one that is open elsewhere; nothing
 * would stop it, as Xen's QEMU takes no lock.  Callers make sure with holders.h. */

#include <stdbool.h>

#include "record.h"

struct control;

/* Whether the image holds the internal snapshot TAG.  Safe on an image that is in use. */
int qemu_img_has(const char *image, const char *tag, struct control *control, bool *has, struct err *err);
/* Makes TAG the image's content. */
int qemu_img_apply(const char *image, const char *tag, struct control *control, struct err *err);
int qemu_img_delete(const char *image, const char *tag, struct control *control, struct err *err);

#endif
