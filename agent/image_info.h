/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMAGE_INFO_H
#define IMAGE_INFO_H

/* What there is to be known of an image.  One operation asks about each of its images again and again, before it acts,
 * behind each step and when it tidies up, and a qemu-img takes a hundred times as long to start as to answer.  So where
 * an image is plain (qcow2.h), or raw, what stands in its header is the answer; and qemu-img is asked where it is
 * anything else, cannot be read, is in a format that is not known, or lies on another host. */

#include "qemu_img.h"

/* As qemu_img_info(), of which it never differs. */
int image_info(const char *image, const char *format, const char *tag, struct image_info *info,
               struct control *control, struct err *err);
/* As qemu_img_tags(). */
int image_tags(const char *image, const char *format, const char *prefix, char tags[][TAG_SIZE], int max,
               struct control *control, struct err *err);

#endif
