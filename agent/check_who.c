/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check_who.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "store.h"
#include "xl.h"

struct search {
    struct vms *vms;
    struct store *store;
    struct xl *xl;
    const char *word; /* NULL: all of them */
    bool running;     /* only those that run, or only those that do not */
};

void vms_deinit(struct vms *vms)
{
    free(vms->uuid);
    *vms = (struct vms){ .count = 0 };
}

static void add(void *data, const char *vm)
{
    struct vms *vms = data;
    void *grown = reallocarray(vms->uuid, vms->count + 1, sizeof *vms->uuid);

    if (!grown)
        abort();
    vms->uuid = grown;
    memcpy(vms->uuid[vms->count++], vm, UUID_LENGTH + 1);
}

static bool runs(struct xl *xl, const char *vm, struct xl_domain *domain)
{
    struct err err;

    return xl && xl_find(xl, vm, domain, &err) > 0;
}

/* The domain's, or, where none runs, that of the last snapshot. */
static void find_name(const struct search *search, const char *vm, const struct xl_domain *domain,
                      char name[NAME_MAX_BYTES + 1])
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct snapshots snapshots = { 0 };
    struct err err;

    *name = '\0';
    if (domain && xl_config_read(search->xl, domain->domid, &config, &err) == 0)
        snprintf(name, NAME_MAX_BYTES + 1, "%s", xl_config_name(config));
    if (!*name && store_list(search->store, vm, &snapshots, &err) == 0 && snapshots.count)
        snprintf(name, NAME_MAX_BYTES + 1, "%s", snapshots.records[snapshots.count - 1].vm_name);
    snapshots_deinit(&snapshots);
}

static void add_named(void *data, const char *vm)
{
    const struct search *search = data;
    struct xl_domain domain;
    bool running = runs(search->xl, vm, &domain);
    char name[NAME_MAX_BYTES + 1];

    if (running != search->running)
        return;
    find_name(search, vm, running ? &domain : NULL, name);
    if (*name && strcmp(name, search->word) == 0)
        add(search->vms, vm);
}

static int refuse_several(const struct vms *vms, struct err *err)
{
    enum { TOLD_MAX = 4 };
    char text[TOLD_MAX * (UUID_LENGTH + 2) + 8] = "";
    size_t used = 0;

    for (size_t i = 0; i < vms->count && i < TOLD_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", vms->uuid[i]);
    return err_set(err, ERR_INVALID, "%zu VMs have that name; say the UUID: %s%s", vms->count, text,
                   vms->count > TOLD_MAX ? ", ..." : "");
}

static int find_by_name(struct search *search, struct err *err)
{
    search->running = true;
    if (store_each_vm(search->store, add_named, search, err) < 0)
        return -1;
    search->running = false;
    if (!search->vms->count && store_each_vm(search->store, add_named, search, err) < 0)
        return -1;
    if (search->vms->count > 1)
        return refuse_several(search->vms, err);
    return search->vms->count ? 0 : err_set(err, ERR_NOT_FOUND, "no VM of that name has anything in the store");
}

static int find_by_domid(struct search *search, unsigned domid, struct err *err)
{
    struct xl_domain domain;

    if (!search->xl)
        return err_set(err, ERR_XEN, "libxl does not answer: say the VM's UUID");
    if (xl_look(search->xl, domid, &domain, err) < 0)
        return -1;
    add(search->vms, domain.uuid);
    return 0;
}

/* A VM is there as long as its directory is, or it runs. */
static int find_by_uuid(struct search *search, const char *uuid, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(search->store, uuid, STORE_EXISTING, err);
    struct xl_domain domain;

    if (dir < 0 && (err->code != ERR_NOT_FOUND || !runs(search->xl, uuid, &domain)))
        return -1;
    add(search->vms, uuid);
    return 0;
}

int vms_find(struct vms *vms, struct store *store, struct xl *xl, const char *word, struct err *err)
{
    struct search search = { .vms = vms, .store = store, .xl = xl, .word = word };
    char uuid[UUID_LENGTH + 1];
    unsigned domid;

    *vms = (struct vms){ .count = 0 };
    if (!word)
        return store_each_vm(store, add, vms, err);
    if (domid_parse(word, &domid))
        return find_by_domid(&search, domid, err);
    return uuid_read(word, uuid) ? find_by_uuid(&search, uuid, err) : find_by_name(&search, err);
}
