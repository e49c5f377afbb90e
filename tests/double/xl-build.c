/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's new domains: in libxl's order, so that one who is killed in the middle leaves the same half. */

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "qemu.h"
#include "table.h"
#include "tree.h"

/* It is there, paused and with its nodes; nobody has heard of it. */
static int make_domain(struct xl *xl, const struct xl_config *config, bool boots, struct guest *guest,
                       struct err *err)
{
    long long free_kb = 0;

    *guest = (struct guest){ .hvm = config->hvm, .pauses = 1, .shutdown = "-", .memory_kb = config->memory_kb };
    memcpy(guest->uuid, config->uuid, sizeof guest->uuid);
    if (tree_open(xl, err) < 0 || xl_free_memory(xl, &free_kb, err) < 0)
        return -1;
    if (free_kb < config->memory_kb)
        return err_set(err, ERR_XEN, "starting the domain: not enough free memory");
    if (double_needs(xl, config, boots, err) < 0)
        return -1;
    if (tree_has_name(xl, config->name, NULL))
        return err_set(err, ERR_XEN, "starting the domain failed (double: there is a domain %s)", config->name);
    return table_add(guest, err) < 0 ? -1 : tree_make(xl, guest, config->name, config->mark, err);
}

static bool is_to_fail(void)
{
    long long fails = double_setting("build-fails", 0);
    char path[DOUBLE_PATH], text[24];
    struct err err;

    double_path(path, "build-fails");
    snprintf(text, sizeof text, "%lld", fails - 1);
    return fails > 0 && double_write(path, text, strlen(text), &err) == 0;
}

static int fill_domain(struct xl *xl, const struct xl_config *config, int memory, unsigned domid, struct err *err)
{
    if (memory >= 0 && memory_read(memory, domid, err) < 0)
        return -1;
    if (tree_introduce(xl, domid, err) < 0 || qemu_start(domid, config, err) < 0)
        return -1;
    if (qemu_pid(domid))
        tree_put_qemu(xl, domid, qemu_pid(domid));
    if (is_to_fail())
        return err_set(err, ERR_XEN, "starting the domain failed (double: as it was told to)");
    return double_store(domid, config, err);
}

/* What cannot be finished is destroyed. */
static int build(struct xl *xl, const struct xl_config *config, int memory, unsigned *domid, struct err *err)
{
    struct guest guest;
    struct err destroy_err;

    *domid = ~0u;
    if (make_domain(xl, config, memory < 0, &guest, err) < 0)
        return -1;
    *domid = guest.domid;
    if (fill_domain(xl, config, memory, guest.domid, err) == 0)
        return 0;
    xl_destroy(xl, guest.domid, &destroy_err);
    return -1;
}

int xl_create(struct xl *xl, struct xl_config *config, unsigned *domid, struct err *err)
{
    return build(xl, config, -1, domid, err);
}

int xl_restore(struct xl *xl, struct xl_config *config, int fd, unsigned *domid, struct err *err)
{
    return build(xl, config, fd, domid, err);
}
