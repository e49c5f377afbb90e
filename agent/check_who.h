/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHECK_WHO_H
#define CHECK_WHO_H

/* Which VMs of the store are to be looked at. */

#include <stddef.h>

#include "errors.h"
#include "names.h"

struct store;
struct xl;

struct vms {
    char (*uuid)[UUID_LENGTH + 1];
    size_t count;
};

/* Those that WORD means, a domid, a UUID or a name, by the rules of operations (agent/target.c); NULL: all.
 * ERR_NOT_FOUND where there is none, ERR_INVALID where it means several.  XL may be NULL. */
int vms_find(struct vms *vms, struct store *store, struct xl *xl, const char *word, struct err *err);
void vms_deinit(struct vms *vms);

#endif
