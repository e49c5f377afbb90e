/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs by name, domid and UUID, from what libxl and the agent keep in xenstore. */

#include "client_internal.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"

bool client_vm_name(struct client *client, const char *vm, char name[NAME_MAX_BYTES + 1])
{
    char path[XS_PATH_SIZE];
    _cleanup_(freep) char *ours = NULL;
    _cleanup_(freep) char *xens = NULL; /* libxl's; goes when the domain goes */

    path_vm(path, vm, "name");
    ours = xenstore_read(client->xs, path, NULL);
    snprintf(path, sizeof path, "/vm/%s/name", vm);
    xens = xenstore_read(client->xs, path, NULL);
    snprintf(name, NAME_MAX_BYTES + 1, "%s", xens ? xens : ours ? ours : "");
    return *name != '\0';
}

static bool uuid_at(struct client *client, const char *path, char vm[UUID_LENGTH + 1])
{
    _cleanup_(freep) char *value = xenstore_read(client->xs, path, NULL);

    if (!value || strncmp(value, "/vm/", 4) != 0 || !uuid_valid(value + 4))
        return false;
    memcpy(vm, value + 4, UUID_LENGTH + 1);
    return true;
}

static bool same_value(struct client *client, const char *path, const char *wanted)
{
    _cleanup_(freep) char *value = xenstore_read(client->xs, path, NULL);

    return value && strcmp(value, wanted) == 0;
}

bool client_vm_domid(struct client *client, const char *vm, unsigned *domid)
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(client->xs, "/local/domain", &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE], own[UUID_LENGTH + 1];

        if (!domid_parse(ids[i], domid))
            continue;
        path_domain(path, *domid, "vm", NULL, NULL);
        if (uuid_at(client, path, own) && strcmp(own, vm) == 0)
            return true;
    }
    return false;
}

static bool find_running(struct client *client, const char *name, char vm[UUID_LENGTH + 1])
{
    size_t count;
    _cleanup_(freep) char **ids = xenstore_children(client->xs, "/local/domain", &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE];
        unsigned domid;

        if (!domid_parse(ids[i], &domid))
            continue;
        path_domain(path, domid, "name", NULL, NULL);
        if (!same_value(client, path, name))
            continue;
        path_domain(path, domid, "vm", NULL, NULL);
        return uuid_at(client, path, vm);
    }
    return false;
}

static bool find_stored(struct client *client, const char *name, char vm[UUID_LENGTH + 1])
{
    size_t count;
    _cleanup_(freep) char **vms = xenstore_children(client->xs, NODE_VMS, &count);

    for (size_t i = 0; i < count; i++) {
        char path[XS_PATH_SIZE];

        if (!uuid_valid(vms[i]))
            continue;
        path_vm(path, vms[i], "name");
        if (strcmp(vms[i], name) != 0 && !same_value(client, path, name))
            continue;
        memcpy(vm, vms[i], UUID_LENGTH + 1);
        return true;
    }
    return false;
}

bool client_vm_find(struct client *client, const char *domain, char vm[UUID_LENGTH + 1])
{
    char path[XS_PATH_SIZE] = "vm";
    unsigned domid;

    if (domain && uuid_valid(domain) && client_vm_domid(client, domain, &domid)) {
        memcpy(vm, domain, UUID_LENGTH + 1);
        return true;
    }
    if (domain && !domid_parse(domain, &domid))
        return find_running(client, domain, vm) || find_stored(client, domain, vm);
    if (domain)
        path_domain(path, domid, "vm", NULL, NULL);
    return uuid_at(client, path, vm);
}
