/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IDENTITY_H
#define IDENTITY_H

/* Who the domain behind a domid is: its UUID and its name, from nodes that the toolstack wrote.  What stands in a
 * node that any guest may write is nobody's name. */

#include <stdbool.h>

#include "names.h"

struct xenstore;

/* The UUID of the domain that has a tree at DOMID now, of dom0 all zeros.  False: there is none. */
bool identity_uuid(struct xenstore *xs, unsigned domid, char uuid[UUID_LENGTH + 1]);
/* Its name, or "" where it has none that can be relied on, or none that is printable. */
void identity_name(struct xenstore *xs, unsigned domid, char name[NAME_MAX_BYTES + 1]);
/* How much memory it may have, in bytes; 0 where that is not known. */
long long identity_memory(struct xenstore *xs, unsigned domid);

#endif
