/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fdsets.h"

#include "cleanup.h"
#include "json.h"
#include "log.h"
#include "qmp.h"
#include "reach.h"

enum { QMP_SECONDS = 10 };

void fdsets_note(struct fdsets *before, const struct reach *reach)
{
    _cleanup_(json_freep) struct json *reply = NULL;
    const struct json *sets;
    struct err err;

    *before = (struct fdsets){ .known = false };
    if (!reach->qmp || !reach->domain.hvm) /* of others QEMU saves nothing */
        return;
    if (qmp_call(reach->qmp, "query-fdsets", NULL, QMP_SECONDS, &reply, &err) < 0)
        return;
    sets = json_get(reply, "return");
    for (size_t i = 0; i < json_count(sets) && i < FDSETS_MAX; i++)
        before->ids[before->count++] = json_integer(json_get(json_at(sets, i), "fdset-id"), -1);
    before->known = json_count(sets) <= FDSETS_MAX;
}

static bool was_there(const struct fdsets *before, long long id)
{
    for (size_t i = 0; i < before->count; i++)
        if (before->ids[i] == id)
            return true;
    return false;
}

static bool has_name(const struct json *set)
{
    const struct json *fds = json_get(set, "fds");

    for (size_t i = 0; i < json_count(fds); i++)
        if (json_string(json_get(json_at(fds, i), "opaque")))
            return true;
    return false;
}

static int drop(const struct reach *reach, long long id, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_integer(w, "fdset-id", id);
    json_end_object(w);
    return qmp_call(reach->qmp, "remove-fd", json_text(w), QMP_SECONDS, NULL, err);
}

void fdsets_drop_new(const struct fdsets *before, const struct reach *reach)
{
    _cleanup_(json_freep) struct json *reply = NULL;
    const struct json *sets;
    struct err err = { .code = ERR_NONE };

    if (!before->known)
        return;
    if (qmp_call(reach->qmp, "query-fdsets", NULL, QMP_SECONDS, &reply, &err) == 0) {
        sets = json_get(reply, "return");
        for (size_t i = 0; i < json_count(sets); i++) {
            long long id = json_integer(json_get(json_at(sets, i), "fdset-id"), -1);

            if (!was_there(before, id) && !has_name(json_at(sets, i)))
                drop(reach, id, &err);
        }
    }
    if (err.code != ERR_NONE)
        log_info("domain %u: a descriptor of libxl's stays in QEMU: %s", reach->domain.domid, err.text);
}
