/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refcounts.h"

#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "log.h"
#include "qmp.h"
#include "reach.h"

/* For 2 TiB in clusters of 64 KiB; memory is taken as the counts are read. */
enum { CACHE_BYTES = 64 << 20, QMP_SECONDS = 60 };

/* Every option that is not given falls back to its default: as xen-block has them, and the node that the image stands
 * on.  The file must be the node that is below now. */
static void put_options(struct json_writer *w, const struct node *node, const struct node *backing)
{
    json_object(w, NULL);
    json_array(w, "options");
    json_object(w, NULL);
    json_put_string(w, "driver", "qcow2");
    json_put_string(w, "node-name", node->name);
    json_put_string(w, "file", node->file);
    json_put_string(w, "discard", "unmap");
    if (*node->backing)
        json_put_string(w, "backing", backing->name);
    json_put_integer(w, "refcount-cache-size", CACHE_BYTES);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

void refcounts_keep(const struct reach *reach, const char *image)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    struct node node, backing = { .name = "" };
    struct err err;

    if (reach_find(reach, image, NULL, &node, &err) < 0 || node.role != NODE_TOP ||
        (*node.backing && reach_find(reach, node.backing, NULL, &backing, &err) < 0))
        return;
    /* QEMU reopens no node whose name it has made up itself. */
    if (*node.name == '#' || !*node.file || (*node.backing && !*backing.name)) {
        log_debug("%s: QEMU keeps few of its counts in memory", image);
        return;
    }
    put_options(w, &node, &backing);
    if (qmp_call(reach->qmp, "blockdev-reopen", json_text(w), QMP_SECONDS, NULL, &err) < 0)
        log_info("%s: QEMU keeps few of its counts in memory: %s", image, err.text);
}
