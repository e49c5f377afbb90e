/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's needs of a configuration, and what becomes of a domain without them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "double.h"
#include "table.h"
#include "tree.h"

size_t xl_config_needs(const struct xl_config *config, struct xl_need *needs, size_t size)
{
    size_t count = config->need_count < size ? config->need_count : size;

    memcpy(needs, config->needs, count * sizeof *needs);
    return count;
}

static bool has_pool(const char *name)
{
    char path[DOUBLE_PATH];
    _cleanup_(freep) char *text = NULL;
    char *rest;

    double_path(path, "pools");
    rest = text = double_read(path, NULL);
    for (char *line; text && (line = strsep(&rest, "\n"));)
        if (strcmp(line, name) == 0)
            return true;
    return !*name || strcmp(name, "Pool-0") == 0;
}

int xl_config_check_pool(struct xl *xl, const struct xl_config *config, struct err *err)
{
    (void)xl;
    return has_pool(config->pool) ? 0 : err_set(err, ERR_UNSUPPORTED, "there is no CPU pool %s", config->pool);
}

int xl_config_check_name(struct xl *xl, const struct xl_config *config, const char *uuid, struct err *err)
{
    struct guest guest;

    if (tree_open(xl, err) < 0)
        return -1;
    if (!tree_has_name(xl, config->name, &guest) || strcmp(guest.uuid, uuid) == 0)
        return 0;
    return err_set(err, ERR_EXISTS, "domain %u has the name %s", guest.domid, config->name);
}

int double_needs(struct xl *xl, const struct xl_config *config, bool boots, struct err *err)
{
    for (size_t i = 0; i < config->need_count; i++) {
        const struct xl_need *need = &config->needs[i];
        char path[PATH_SIZE + 24];

        snprintf(path, sizeof path, "%s%s", need->kind == XL_NEED_BRIDGE ? "/sys/class/net/" : "", need->name);
        if ((boots || need->kind >= XL_NEED_DEVICE_MODEL) && access(path, F_OK) < 0)
            return err_set(err, ERR_XEN, "starting the domain failed (double: there is no %.200s)", path);
    }
    return xl_config_check_pool(xl, config, err) < 0 ? err_set(err, ERR_XEN, "starting the domain failed (double)") : 0;
}
