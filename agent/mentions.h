/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MENTIONS_H
#define MENTIONS_H

/* Which text in the store names a file.  Texts are searched and not parsed: whatever a configuration needs, a disk, a
 * CD-ROM, a kernel, stands in it by its path, in whatever state it is. */

#include "names.h"

struct store;

enum mention {
    MENTION_NONE,
    MENTION_PERHAPS, /* a file is named that is called so, or it cannot be told: it is not nobody's */
    MENTION_PATH,    /* a configuration names that very path */
};

/* Of the absolute PATH, in the texts of all VMs.  WHERE: the text that does. */
enum mention mentions_find(struct store *store, const char *path, char where[PATH_SIZE]);

#endif
