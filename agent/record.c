/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"

enum { RECORD_VERSION = 1 };

char *record_format(const struct record *record)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(true);

    json_object(w, NULL);
    json_put_integer(w, "version", RECORD_VERSION);
    json_put_string(w, "id", record->id);
    json_put_string(w, "name", record->name);
    json_put_string(w, "description", record->description);
    json_put_string(w, "vm", record->vm);
    json_put_string(w, "vm_name", record->vm_name);
    json_put_string(w, "state", record->state);
    json_put_string(w, "parent", record->parent);
    json_put_string(w, "request", record->request);
    json_put_integer(w, "created_ms", record->created_ms);
    json_put_integer(w, "downtime_ms", record->downtime_ms);
    json_object(w, "memory");
    json_put_string(w, "file", "memory");
    json_put_integer(w, "size", record->memory_size);
    json_put_string(w, "hash", record->memory_hash);
    json_end_object(w);
    json_array(w, "disks");
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        json_object(w, NULL);
        json_put_string(w, "vdev", disk->vdev);
        json_put_string(w, "type", "internal");
        json_put_string(w, "target", disk->target);
        json_put_string(w, "format", disk->format);
        json_put_string(w, "tag", disk->tag);
        json_end_object(w);
    }
    json_end_array(w);
    json_object(w, "made_by");
    json_put_string(w, "xensnap", record->made_by);
    json_put_string(w, "xen", record->xen);
    json_end_object(w);
    json_end_object(w);
    return strdup(json_text(w));
}

static bool parse_disk(struct record_disk *disk, const struct json *json)
{
    return json_copy(json, "vdev", disk->vdev, sizeof disk->vdev) &&
           json_copy(json, "target", disk->target, sizeof disk->target) &&
           json_copy(json, "format", disk->format, sizeof disk->format) &&
           json_copy(json, "tag", disk->tag, sizeof disk->tag);
}

int record_parse(struct record *record, const char *text, struct err *err)
{
    _cleanup_(json_freep) struct json *json = json_parse(text);
    const struct json *memory = json_get(json, "memory"), *disks = json_get(json, "disks");
    bool whole;

    if (!json)
        return err_set(err, ERR_CORRUPT, "snapshot.json is not JSON");
    if (json_integer(json_get(json, "version"), 0) != RECORD_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "snapshot.json is of another version");
    *record = (struct record){ .disk_count = json_count(disks) };
    whole = json_copy(json, "id", record->id, sizeof record->id) && uuid_valid(record->id);
    whole &= json_copy(json, "name", record->name, sizeof record->name) && name_valid(record->name);
    whole &= json_copy(json, "vm", record->vm, sizeof record->vm) && uuid_valid(record->vm);
    whole &= json_is_array(disks) && record->disk_count <= RECORD_DISKS_MAX;
    for (size_t i = 0; whole && i < record->disk_count; i++)
        whole &= parse_disk(&record->disks[i], json_at(disks, i));
    whole &= json_copy(memory, "hash", record->memory_hash, sizeof record->memory_hash);
    if (!whole)
        return err_set(err, ERR_CORRUPT, "snapshot.json is incomplete");
    record->memory_size = json_integer(json_get(memory, "size"), 0);
    record->created_ms = json_integer(json_get(json, "created_ms"), 0);
    record->downtime_ms = (int)json_integer(json_get(json, "downtime_ms"), -1);
    json_copy(json, "description", record->description, sizeof record->description);
    json_copy(json, "vm_name", record->vm_name, sizeof record->vm_name);
    json_copy(json, "state", record->state, sizeof record->state);
    json_copy(json, "parent", record->parent, sizeof record->parent);
    json_copy(json, "request", record->request, sizeof record->request);
    json_copy(json_get(json, "made_by"), "xensnap", record->made_by, sizeof record->made_by);
    json_copy(json_get(json, "made_by"), "xen", record->xen, sizeof record->xen);
    return 0;
}

static void list_disks(const struct record *record, char *into, size_t size)
{
    size_t used = 0;

    *into = '\0';
    for (size_t i = 0; i < record->disk_count && used < size; i++)
        used += (size_t)snprintf(into + used, size - used, "%s%s", i ? "," : "", record->disks[i].vdev);
}

void record_entry(const struct record *record, bool current, struct entry *entry)
{
    *entry = (struct entry){
        .type = "internal",
        .consistency = "memory",
        .memory = true,
        .created = record->created_ms / 1000,
        .size = record->memory_size,
        .current = current,
    };
    snprintf(entry->id, sizeof entry->id, "%s", record->id);
    snprintf(entry->name, sizeof entry->name, "%s", record->name);
    snprintf(entry->description, sizeof entry->description, "%s", record->description);
    snprintf(entry->state, sizeof entry->state, "%s", record->state);
    snprintf(entry->parent, sizeof entry->parent, "%s", record->parent);
    list_disks(record, entry->disks, sizeof entry->disks);
}
