/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FILES_H
#define FILES_H

/* Small files below a directory descriptor, written so that a crash leaves the old or the new one. */

#include "errors.h"

/* The whole file, NUL-terminated, to be freed; NULL with errno where it can't be read or is over 1 MiB. */
char *file_read(int dir, const char *name);
/* Writes NAME.new, fsyncs it, renames it and fsyncs the directory. */
int file_replace(int dir, const char *name, const char *text, struct err *err);
int dir_open(int dir, const char *name);   /* a descriptor or -1 */
int dir_sync(int dir, struct err *err);
/* mkdir with mode 0700 where it is missing, and open. */
int dir_make(int dir, const char *name, struct err *err);

#endif
