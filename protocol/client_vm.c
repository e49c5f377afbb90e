/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs by name, domid and UUID, from what libxl and the agent keep in xenstore. */

#include "client_internal.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "names.h"

static char *read_name(struct xensnap *xensnap, const char *vm)
{
    char path[XS_PATH_SIZE], *name;

    snprintf(path, sizeof path, "/vm/%s/name", vm);
    name = xenstore_read(xensnap->xs, path, NULL); /* libxl's; goes when the domain goes */
    if (name)
        return name;
    path_vm(path, vm, "name");
    return xenstore_read(xensnap->xs, path, NULL);
}

static bool uuid_at(struct xensnap *xensnap, const char *path, char vm[UUID_LENGTH + 1])
{
    _cleanup_(freep) char *value = xenstore_read(xensnap->xs, path, NULL);

    if (!value || strncmp(value, "/vm/", 4) != 0 || !uuid_valid(value + 4))
        return false;
    memcpy(vm, value + 4, UUID_LENGTH + 1);
    return true;
}

static bool same_value(struct xensnap *xensnap, const char *path, const char *wanted)
{
    _cleanup_(freep) char *value = xenstore_read(xensnap->xs, path, NULL);

    return value && strcmp(value, wanted) == 0;
}

static bool find_domid(struct xensnap *xensnap, const char *vm, unsigned *domid)
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(xensnap->xs, "/local/domain", &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE], own[UUID_LENGTH + 1];

        if (!domid_parse(ids[i], domid))
            continue;
        path_domain(path, *domid, "vm", NULL, NULL);
        if (uuid_at(xensnap, path, own) && strcmp(own, vm) == 0)
            return true;
    }
    return false;
}

static bool find_running(struct xensnap *xensnap, const char *name, char vm[UUID_LENGTH + 1])
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(xensnap->xs, "/local/domain", &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE];
        unsigned domid;

        if (!domid_parse(ids[i], &domid))
            continue;
        path_domain(path, domid, "name", NULL, NULL);
        if (!same_value(xensnap, path, name))
            continue;
        path_domain(path, domid, "vm", NULL, NULL);
        return uuid_at(xensnap, path, vm);
    }
    return false;
}

/* Several that have the name are none: nobody knows which is meant. */
static bool find_stored(struct xensnap *xensnap, const char *name, char vm[UUID_LENGTH + 1])
{
    size_t count, found = 0;
    _cleanup_(freep) char **vms = xenstore_children(xensnap->xs, NODE_VMS, &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE];

        if (!uuid_valid(vms[i]))
            continue;
        path_vm(path, vms[i], "name");
        if (strcmp(vms[i], name) != 0 && !same_value(xensnap, path, name))
            continue;
        memcpy(vm, vms[i], UUID_LENGTH + 1);
        found++;
    }
    return found == 1;
}

static bool find(struct xensnap *xensnap, const char *domain, char vm[UUID_LENGTH + 1])
{
    char path[XS_PATH_SIZE] = "vm", uuid[UUID_LENGTH + 1];
    unsigned domid;

    if (domain && uuid_read(domain, uuid)) {
        if (!find_domid(xensnap, uuid, &domid))
            return find_stored(xensnap, uuid, vm);
        memcpy(vm, uuid, sizeof uuid);
        return true;
    }
    if (domain && !domid_parse(domain, &domid))
        return find_running(xensnap, domain, vm) || find_stored(xensnap, domain, vm);
    if (domain)
        path_domain(path, domid, "vm", NULL, NULL);
    return uuid_at(xensnap, path, vm);
}

struct xensnap_map *xensnap_vm(struct xensnap *xensnap, const char *domain)
{
    char vm[UUID_LENGTH + 1], number[16];
    _cleanup_(freep) char *name = NULL;
    struct xensnap_map *map;
    unsigned domid;

    if (!find(xensnap, domain, vm))
        return NULL;
    map = xensnap_map_new();
    if (!map)
        return NULL;
    name = read_name(xensnap, vm);
    snprintf(number, sizeof number, "%u", find_domid(xensnap, vm, &domid) ? domid : 0);
    if (xensnap_map_set(map, "vm", vm) == 0 && xensnap_map_set(map, "name", name) == 0 &&
        xensnap_map_set(map, "domid", *number != '0' ? number : NULL) == 0)
        return map;
    xensnap_map_free(map);
    return NULL;
}
