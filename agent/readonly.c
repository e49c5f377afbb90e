/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "readonly.h"

#include "cleanup.h"
#include "json.h"
#include "log.h"
#include "qmp.h"
#include "reach.h"

enum { QMP_SECONDS = 60 };

/* Every option that is not given falls back to its default: as xen-block has them. */
static void put_lower(struct json_writer *w, const struct node *lower, const struct node *below, const char *format)
{
    json_put_string(w, "driver", format);
    json_put_bool(w, "read-only", true);
    json_put_string(w, "discard", "unmap");
    json_put_string(w, "file", lower->file);
    if (*lower->backing)
        json_put_string(w, "backing", below->name);
}

/* A node whose name QEMU has made up itself is reopened with the one that stands on it. */
static void put_options(struct json_writer *w, const struct node *upper, const struct node *lower,
                        const struct node *below, const char *format)
{
    json_object(w, NULL);
    json_array(w, "options");
    json_object(w, NULL);
    if (*lower->name == '#') {
        json_put_string(w, "driver", "qcow2");
        json_put_string(w, "node-name", upper->name);
        json_put_string(w, "discard", "unmap");
        json_put_string(w, "file", upper->file);
        json_object(w, "backing");
        put_lower(w, lower, below, format);
        json_end_object(w);
    } else {
        json_put_string(w, "node-name", lower->name);
        put_lower(w, lower, below, format);
    }
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

void readonly_again(const struct reach *reach, const char *upper_path, const char *lower_path, const char *format)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    struct node upper, lower, below = { .name = "" };
    struct err err;

    if (reach_find(reach, upper_path, NULL, &upper, &err) < 0 ||
        reach_find(reach, lower_path, NULL, &lower, &err) < 0 ||
        (*lower.backing && reach_find(reach, lower.backing, NULL, &below, &err) < 0))
        return;
    if (upper.role != NODE_TOP || lower.role != NODE_BELOW || !*upper.file || !*lower.file)
        return;
    put_options(w, &upper, &lower, &below, format);
    if (qmp_call(reach->qmp, "blockdev-reopen", json_text(w), QMP_SECONDS, NULL, &err) < 0)
        log_info("%s stays open for writing: %s", lower_path, err.text);
}
