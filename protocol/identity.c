/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "xenstore.h"

/* To be freed; NULL where there is no such node, or where it proves nothing. */
static char *read_trusted(struct xenstore *xs, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    return xenstore_guest_may_write(xs, path) ? NULL : xenstore_read(xs, path, NULL);
}

bool identity_uuid(struct xenstore *xs, unsigned domid, char uuid[UUID_LENGTH + 1])
{
    _cleanup_(freep) char *vm = NULL;

    if (domid == 0) {
        memcpy(uuid, "00000000-0000-0000-0000-000000000000", UUID_LENGTH + 1);
        return true;
    }
    vm = read_trusted(xs, domid, "vm"); /* "/vm/UUID" */
    if (!vm || strncmp(vm, "/vm/", 4) != 0 || !uuid_valid(vm + 4))
        return false;
    memcpy(uuid, vm + 4, UUID_LENGTH + 1);
    return true;
}

void identity_name(struct xenstore *xs, unsigned domid, char name[NAME_MAX_BYTES + 1])
{
    _cleanup_(freep) char *value = read_trusted(xs, domid, "name");

    snprintf(name, NAME_MAX_BYTES + 1, "%s", value && name_valid(value) ? value : "");
}

long long identity_memory(struct xenstore *xs, unsigned domid)
{
    _cleanup_(freep) char *value = read_trusted(xs, domid, "memory/static-max"); /* KiB */
    long long kib = value ? atoll(value) : 0;

    return kib > 0 && kib < 1LL << 40 ? kib * 1024 : 0;
}
