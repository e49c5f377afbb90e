/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "cleanup.h"

enum owner { DOM0, GUEST };

int tree_open(struct xl *xl, struct err *err)
{
    if (!xl->xs)
        xl->xs = xs_open(0);
    return xl->xs ? 0 : err_set(err, ERR_XEN, "cannot reach the toolstack; is this dom0, and is xenstored up?");
}

/* To be freed. */
static char *get(struct xl *xl, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    return xs_read(xl->xs, XBT_NULL, path, NULL);
}

bool tree_has_name(struct xl *xl, const char *name, struct guest *guest)
{
    struct guest guests[GUESTS_MAX];
    size_t count = table_list(guests);

    for (size_t i = 0; i < count; i++) {
        _cleanup_(freep) char *other = get(xl, guests[i].domid, "name");

        if (!other || strcmp(other, name) != 0)
            continue;
        if (guest)
            *guest = guests[i];
        return true;
    }
    return false;
}

static bool put(struct xl *xl, const char *path, const char *value, unsigned domid, enum owner owner)
{
    struct xs_permissions permissions[] = { { .id = owner == GUEST ? domid : 0, .perms = XS_PERM_NONE },
                                            { .id = domid, .perms = XS_PERM_READ } };

    return xs_write(xl->xs, XBT_NULL, path, value, (unsigned)strlen(value)) &&
           xs_set_permissions(xl->xs, XBT_NULL, path, permissions, owner == GUEST ? 1 : 2);
}

static bool put_node(struct xl *xl, unsigned domid, const char *node, const char *value, enum owner owner)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    return put(xl, path, value, domid, owner);
}

static bool make_vm(struct xl *xl, const struct guest *guest, const char *name)
{
    char path[XS_PATH_SIZE];

    snprintf(path, sizeof path, "/vm/%s", guest->uuid);
    xs_rm(xl->xs, XBT_NULL, path);
    if (!put(xl, path, "", guest->domid, DOM0))
        return false;
    snprintf(path, sizeof path, "/vm/%s/uuid", guest->uuid);
    if (!xs_write(xl->xs, XBT_NULL, path, guest->uuid, UUID_LENGTH))
        return false;
    snprintf(path, sizeof path, "/vm/%s/name", guest->uuid);
    return xs_write(xl->xs, XBT_NULL, path, name, (unsigned)strlen(name));
}

int tree_make(struct xl *xl, const struct guest *guest, const char *name, const char *mark, struct err *err)
{
    unsigned domid = guest->domid;
    char path[XS_PATH_SIZE], vm[XS_PATH_SIZE], memory[24], id[12];

    path_domain(path, domid, "", NULL, NULL);
    path[strlen(path) - 1] = '\0';
    snprintf(vm, sizeof vm, "/vm/%s", guest->uuid);
    snprintf(memory, sizeof memory, "%lld", guest->memory_kb);
    snprintf(id, sizeof id, "%u", domid);
    xs_rm(xl->xs, XBT_NULL, path);
    if (!make_vm(xl, guest, name) || !put(xl, path, "", domid, DOM0) ||
        (*mark && !put_node(xl, domid, XL_MARK_NODE, mark, DOM0)) || !put_node(xl, domid, "vm", vm, DOM0) ||
        !put_node(xl, domid, "name", name, DOM0) || !put_node(xl, domid, "domid", id, DOM0) ||
        !put_node(xl, domid, "memory", "", DOM0) || !put_node(xl, domid, "memory/static-max", memory, DOM0) ||
        !put_node(xl, domid, "memory/target", memory, DOM0) || !put_node(xl, domid, "control", "", DOM0) ||
        !put_node(xl, domid, "control/shutdown", "", GUEST) || !put_node(xl, domid, "device", "", DOM0) ||
        !put_node(xl, domid, "control/feature-suspend", "1", GUEST) || !put_node(xl, domid, "data", "", GUEST))
        return err_set(err, ERR_XEN, "starting the domain failed (double: xenstore)");
    snprintf(path, sizeof path, "/libxl/%u", domid);
    xs_write(xl->xs, XBT_NULL, path, "", 0);
    return 0;
}

void tree_put_qemu(struct xl *xl, unsigned domid, int pid)
{
    char number[12];

    snprintf(number, sizeof number, "%d", pid);
    put_node(xl, domid, "image", "", DOM0);
    put_node(xl, domid, "image/device-model-pid", number, DOM0);
}

int tree_introduce(struct xl *xl, unsigned domid, struct err *err)
{
    if (xs_introduce_domain(xl->xs, domid, 1, 1))
        return 0;
    return err_set(err, ERR_XEN, "starting the domain failed (double: introduce)");
}

void tree_remove(struct xl *xl, unsigned domid)
{
    _cleanup_(freep) char *vm = get(xl, domid, "vm");
    char path[XS_PATH_SIZE];

    /* also where the next domain with that UUID has made it its own by now: libxl does the same */
    if (vm)
        xs_rm(xl->xs, XBT_NULL, vm);
    snprintf(path, sizeof path, "/local/domain/%u", domid);
    xs_rm(xl->xs, XBT_NULL, path);
    snprintf(path, sizeof path, "/libxl/%u", domid);
    xs_rm(xl->xs, XBT_NULL, path);
}

void tree_ask_suspend(struct xl *xl, unsigned domid)
{
    put_node(xl, domid, "control/shutdown", "suspend", GUEST);
    put_node(xl, domid, "control/shutdown", "", GUEST);
}

void tree_resume(struct xl *xl, unsigned domid)
{
    xs_resume_domain(xl->xs, domid);
}
