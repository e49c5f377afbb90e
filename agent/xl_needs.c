/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "xl_internal.h"

/* libxl's own, which it tells nobody; built with another it finds them elsewhere, and so do we not look there. */
#define SCRIPT_DIR "/etc/xen/scripts"

struct list {
    struct xl_need *item;
    size_t count, size;
};

/* Without a name there is nothing that would have to be there. */
static void add(struct list *list, enum xl_need_kind kind, const char *name, const char *who)
{
    struct xl_need *need = &list->item[list->count];

    if (!name || !*name || list->count == list->size)
        return;
    *need = (struct xl_need){ .kind = kind };
    snprintf(need->name, sizeof need->name, "%s", name);
    snprintf(need->who, sizeof need->who, "%s", who);
    list->count++;
}

/* What has a directory of its own to be looked for in, if it has no path: only libxl knows which. */
static void add_with_path(struct list *list, enum xl_need_kind kind, const char *name)
{
    if (name && *name == '/')
        add(list, kind, name, "");
}

static void add_script(struct list *list, const char *script, const char *who)
{
    char path[PATH_SIZE];

    if (!script || !*script)
        return;
    snprintf(path, sizeof path, "%s%s", *script == '/' ? "" : SCRIPT_DIR "/", script);
    add(list, XL_NEED_SCRIPT, path, who);
}

/* What a bridge is depends on the script: for Open vSwitch a VLAN and trunks may stand behind its name. */
static void add_bridge(struct list *list, const libxl_device_nic *nic, const char *who)
{
    const char *base = nic->script ? strrchr(nic->script, '/') : NULL;
    char bridge[PATH_SIZE];

    base = base ? base + 1 : nic->script ? nic->script : "vif-bridge";
    snprintf(bridge, sizeof bridge, "%s", nic->bridge ? nic->bridge : "");
    if (strcmp(base, "vif-openvswitch") == 0)
        bridge[strcspn(bridge, ".:")] = '\0';
    else if (strcmp(base, "vif-bridge") != 0)
        return;
    add(list, XL_NEED_BRIDGE, bridge, who);
}

static void add_devices(struct list *list, const libxl_domain_config *d)
{
    char who[sizeof list->item->who];

    for (int i = 0; i < d->num_nics; i++) {
        const libxl_device_nic *nic = &d->nics[i];

        snprintf(who, sizeof who, "vif %d", i);
        if (nic->backend_domid || nic->backend_domname)
            continue; /* it is there that they have to be */
        add_script(list, nic->script, who);
        add_bridge(list, nic, who);
    }
    for (int i = 0; i < d->num_disks; i++) {
        const libxl_device_disk *disk = &d->disks[i];

        snprintf(who, sizeof who, "disk %.16s", disk->vdev ? disk->vdev : "");
        if (!disk->backend_domid && !disk->backend_domname)
            add_script(list, disk->script, who);
    }
}

size_t xl_config_needs(const struct xl_config *config, struct xl_need *needs, size_t size)
{
    const libxl_domain_config *d = &config->config;
    const libxl_domain_build_info *b = &d->b_info;
    struct list list = { .item = needs, .size = size };

    add(&list, XL_NEED_KERNEL, b->kernel, "");
    add(&list, XL_NEED_RAMDISK, b->ramdisk, "");
    add_with_path(&list, XL_NEED_BOOTLOADER, b->bootloader);
    add(&list, XL_NEED_DEVICE_MODEL, b->device_model, "");
    if (d->c_info.type == LIBXL_DOMAIN_TYPE_HVM) {
        add_with_path(&list, XL_NEED_FIRMWARE, b->u.hvm.firmware);
        add(&list, XL_NEED_FIRMWARE, b->u.hvm.system_firmware, "");
        add(&list, XL_NEED_FIRMWARE, b->u.hvm.smbios_firmware, "");
        add(&list, XL_NEED_FIRMWARE, b->u.hvm.acpi_firmware, "");
    }
    add_devices(&list, d);
    return list.count;
}

int xl_config_check_pool(struct xl *xl, const struct xl_config *config, struct err *err)
{
    const libxl_domain_create_info *c = &config->config.c_info;
    uint32_t pool = c->poolid;

    if (c->pool_name && *c->pool_name && libxl_cpupool_qualifier_to_cpupoolid(xl->ctx, c->pool_name, &pool, NULL))
        return err_set(err, ERR_UNSUPPORTED, "there is no CPU pool %s; make it (xl cpupool-create)", c->pool_name);
    if (!libxl_cpupoolid_is_valid(xl->ctx, pool))
        return err_set(err, ERR_UNSUPPORTED, "there is no CPU pool %u; make it (xl cpupool-create)", pool);
    return 0;
}

int xl_config_check_name(struct xl *xl, const struct xl_config *config, const char *uuid, struct err *err)
{
    const char *name = xl_config_name(config);
    struct xl_domain domain;
    struct err look_err;
    uint32_t domid;

    if (libxl_name_to_domid(xl->ctx, name, &domid) || xl_look(xl, domid, &domain, &look_err) < 0 ||
        strcmp(domain.uuid, uuid) == 0)
        return 0;
    return err_set(err, ERR_EXISTS, "domain %u (%s) has the name %s; give it another (xl rename)", domid, domain.uuid,
                   name);
}
