/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FILES_H
#define FILES_H

/* Small files below a directory descriptor, written so that a crash leaves the old or the new one. */

#include <stdbool.h>
#include <sys/stat.h>

#include "errors.h"

/* The whole file, NUL-terminated, to be freed; NULL with errno where it can't be read or is over 1 MiB. */
char *file_read(int dir, const char *name);
/* Writes NAME.new, fsyncs it, renames it and fsyncs the directory. */
int file_replace(int dir, const char *name, const char *text, struct err *err);
/* Whether reading it cannot wait for another host, or for a program, and its times are this host's.  False where that
 * is not known. */
bool file_is_local(const char *path);
/* 0 where there was none, too. */
int file_remove(int dir, const char *name, struct err *err);
int dir_open(int dir, const char *name);   /* a descriptor or -1 */
/* Calls VISIT for the name of everything in DIR/NAME but "." and "..".  -1 with errno where that may not be all. */
int dir_each(int dir, const char *name, void (*visit)(void *data, const char *name), void *data);
int dir_sync(int dir, struct err *err);
/* mkdir with mode 0700 where it is missing, and open. */
int dir_make(int dir, const char *name, struct err *err);

/* Makes an empty file PATH that was not there, with owner and mode of the file LIKE, or mode 0600 where that is
 * NULL; durable.  ERR_EXISTS where there is one.  Returns a descriptor for reading and writing. */
int file_claim(const char *path, const char *like, struct err *err);
/* Makes durable what another program wrote. */
int file_sync(const char *path, struct err *err);
/* 1 and what is known of the file; 0: there is no such file; -1: that cannot be told. */
int file_look(const char *path, struct stat *st, struct err *err);
/* Whether both paths lead to one file now. */
bool same_file(const char *a, const char *b);

#endif
