/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SCRUB_H
#define SCRUB_H

#include <stddef.h>

/* What a guest reads names no files of dom0.  Pure. */

/* Replaces every absolute path in TEXT, which has room for SIZE bytes with its NUL; what does not fit is cut. */
void scrub_paths(char *text, size_t size);

#endif
