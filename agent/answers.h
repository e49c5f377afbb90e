/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ANSWERS_H
#define ANSWERS_H

/* What qemu-img has said about images that have not changed since.  One operation asks about the same images several
 * times, before it acts and when it tidies up, a long chain has many, and each answer costs a process.  They are kept
 * as long as this process lives, which is one operation. */

#include <stdbool.h>
#include <sys/stat.h>

/* An image at the moment before it is asked about. */
struct answers_mark {
    struct stat st;
    bool is_file;
    bool settled; /* what is written to it from now on will bear another time */
};

struct answers_mark answers_mark(const char *image);
/* What was said about IMAGE as it is at MARK, asked with that FORMAT, or NULL.  Good until the next answers_keep. */
const char *answers_find(const char *image, const char *format, const struct answers_mark *mark);
/* TEXT was said after MARK was taken. */
void answers_keep(const char *image, const char *format, const struct answers_mark *mark, const char *text);

#endif
