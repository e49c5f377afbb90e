/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quiesce_tree.h"

#include <stddef.h>

#include "xenstore.h"

static void put(struct xenstore *xs, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    xenstore_write(xs, path, "");
    xenstore_set_readable(xs, path, domid);
}

static void put_writable(struct xenstore *xs, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    xenstore_remove(xs, path);
    xenstore_write(xs, path, "");
    xenstore_set_writable(xs, path, domid);
}

void quiesce_tree_offer(struct xenstore *xs, unsigned domid)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, NODE_QUIESCE_ACTION, NULL, NULL);
    if (domid == 0 || xenstore_exists(xs, path))
        return;
    put(xs, domid, NODE_QUIESCE);
    put(xs, domid, NODE_QUIESCE_ACTION);
    put_writable(xs, domid, NODE_QUIESCE_FEATURE);
    quiesce_tree_clear(xs, domid);
}

void quiesce_tree_clear(struct xenstore *xs, unsigned domid)
{
    put_writable(xs, domid, NODE_QUIESCE_STATUS);
    put_writable(xs, domid, NODE_QUIESCE_ERROR);
    put_writable(xs, domid, NODE_QUIESCE_PORT);
}
