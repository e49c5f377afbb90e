/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DIGEST_H
#define DIGEST_H

/* Checksums of large files: against rot and half-written files, not against an attacker, who could as well
 * write the record.  XXH3 reads as fast as the memory does.  The only user of libxxhash. */

#include <stddef.h>

#include "errors.h"

struct control;

/* "xxh3:" and 32 hex digits, over all of FD from its beginning; its length too.  Reports progress and obeys
 * a cancel. */
int digest_file(int fd, struct control *control, char *text, size_t size, long long *length, struct err *err);

#endif
