/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MEMORY_H
#define MEMORY_H

/* What a guest holds in memory, and the stream that it is saved in. */

#include "double.h"

/* What it begins with, pages that say nothing, then what the guest holds. */
int memory_write_start(int fd, struct err *err);
int memory_write_pages(int fd, struct err *err);
int memory_write_rest(int fd, unsigned domid, struct err *err);
/* The whole stream is there and is what was written; then the guest holds what it held. */
int memory_read(int fd, unsigned domid, struct err *err);

#endif
