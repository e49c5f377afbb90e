/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"

enum { RECORD_VERSION = 1 };

static void put_memory(struct json_writer *w, const struct record *record)
{
    json_object(w, "memory");
    json_put_string(w, "file", *record->memory_file ? record->memory_file : "memory");
    json_put_integer(w, "size", record->memory_size);
    json_put_string(w, "hash", record->memory_hash);
    json_end_object(w);
}

static void put_quiesce(struct json_writer *w, const struct record *record)
{
    json_object(w, "quiesce");
    json_put_string(w, "consistency", record->quiesce.consistency);
    json_put_integer(w, "freeze_ms", record->freeze_ms);
    json_put_integer(w, "hooks", record->quiesce.hooks);
    json_put_string(w, "warning", record->quiesce.warning);
    json_end_object(w);
}

static void put_disks(struct json_writer *w, const struct record *record)
{
    json_array(w, "disks");
    for (size_t i = 0; i < record->disk_count; i++) {
        const struct record_disk *disk = &record->disks[i];

        json_object(w, NULL);
        json_put_string(w, "vdev", disk->vdev);
        json_put_string(w, "type", place_word(disk->place));
        json_put_string(w, "target", disk->target);
        json_put_string(w, "format", disk->format);
        json_put_string(w, disk->place == PLACE_INTERNAL ? "tag" : "overlay",
                        disk->place == PLACE_INTERNAL ? disk->tag : disk->overlay);
        json_end_object(w);
    }
    json_end_array(w);
    json_array(w, "left_out");
    for (size_t i = 0; i < record->left_out_count; i++) {
        json_object(w, NULL);
        json_put_string(w, "vdev", record->left_out[i].vdev);
        json_put_string(w, "why", record->left_out[i].why);
        json_end_object(w);
    }
    json_end_array(w);
}

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
    if (record->memory)
        put_memory(w, record);
    if (record->quiesce.asked)
        put_quiesce(w, record);
    put_disks(w, record);
    json_object(w, "made_by");
    json_put_string(w, "xensnap", record->made_by);
    json_put_string(w, "xen", record->xen);
    json_end_object(w);
    json_end_object(w);
    return strdup(json_text(w));
}

static bool parse_disk(struct record_disk *disk, const struct json *json)
{
    const char *type = json_string(json_get(json, "type"));

    if (!type || (strcmp(type, "internal") != 0 && strcmp(type, "external") != 0))
        return false;
    disk->place = *type == 'i' ? PLACE_INTERNAL : PLACE_EXTERNAL;
    return json_copy(json, "vdev", disk->vdev, sizeof disk->vdev) &&
           json_copy(json, "target", disk->target, sizeof disk->target) &&
           json_copy(json, "format", disk->format, sizeof disk->format) &&
           (disk->place == PLACE_INTERNAL ? json_copy(json, "tag", disk->tag, sizeof disk->tag)
                                          : json_copy(json, "overlay", disk->overlay, sizeof disk->overlay));
}

static bool parse_disks(struct record *record, const struct json *json)
{
    const struct json *disks = json_get(json, "disks"), *left_out = json_get(json, "left_out");
    bool whole = json_is_array(disks) && json_count(disks) <= DISKS_MAX;

    record->disk_count = json_count(disks);
    for (size_t i = 0; whole && i < record->disk_count; i++)
        whole = parse_disk(&record->disks[i], json_at(disks, i));
    for (size_t i = 0; i < json_count(left_out) && i < DISKS_MAX; i++) {
        struct record_left_out *disk = &record->left_out[record->left_out_count++];

        json_copy(json_at(left_out, i), "vdev", disk->vdev, sizeof disk->vdev);
        json_copy(json_at(left_out, i), "why", disk->why, sizeof disk->why);
    }
    return whole;
}

static bool parse_memory(struct record *record, const struct json *memory)
{
    record->memory = memory != NULL;
    if (!record->memory)
        return true;
    json_copy(memory, "file", record->memory_file, sizeof record->memory_file);
    if (*record->memory_file != '/')
        *record->memory_file = '\0';
    record->memory_size = json_integer(json_get(memory, "size"), 0);
    return json_copy(memory, "hash", record->memory_hash, sizeof record->memory_hash);
}

static void parse_quiesce(struct record *record, const struct json *quiesce)
{
    record->quiesce.asked = quiesce != NULL;
    record->freeze_ms = (int)json_integer(json_get(quiesce, "freeze_ms"), -1);
    record->quiesce.hooks = (int)json_integer(json_get(quiesce, "hooks"), 0);
    json_copy(quiesce, "consistency", record->quiesce.consistency, sizeof record->quiesce.consistency);
    json_copy(quiesce, "warning", record->quiesce.warning, sizeof record->quiesce.warning);
}

int record_parse(struct record *record, const char *text, struct err *err)
{
    _cleanup_(json_freep) struct json *json = json_parse(text);
    bool whole;

    if (!json)
        return err_set(err, ERR_CORRUPT, "snapshot.json is not JSON");
    if (json_integer(json_get(json, "version"), 0) != RECORD_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "snapshot.json is of another version");
    *record = (struct record){ 0 };
    whole = json_copy(json, "id", record->id, sizeof record->id) && uuid_valid(record->id);
    whole &= json_copy(json, "name", record->name, sizeof record->name) && name_valid(record->name);
    whole &= json_copy(json, "vm", record->vm, sizeof record->vm) && uuid_valid(record->vm);
    whole &= parse_disks(record, json) && parse_memory(record, json_get(json, "memory"));
    if (!whole)
        return err_set(err, ERR_CORRUPT, "snapshot.json is incomplete");
    record->created_ms = json_integer(json_get(json, "created_ms"), 0);
    record->downtime_ms = (int)json_integer(json_get(json, "downtime_ms"), -1);
    parse_quiesce(record, json_get(json, "quiesce"));
    json_copy(json, "description", record->description, sizeof record->description);
    json_copy(json, "vm_name", record->vm_name, sizeof record->vm_name);
    json_copy(json, "state", record->state, sizeof record->state);
    json_copy(json, "parent", record->parent, sizeof record->parent);
    json_copy(json, "request", record->request, sizeof record->request);
    json_copy(json_get(json, "made_by"), "xensnap", record->made_by, sizeof record->made_by);
    json_copy(json_get(json, "made_by"), "xen", record->xen, sizeof record->xen);
    return 0;
}

const struct record_disk *record_find_disk(const struct record *record, const char *vdev)
{
    for (size_t i = 0; i < record->disk_count; i++)
        if (strcmp(record->disks[i].vdev, vdev) == 0)
            return &record->disks[i];
    return NULL;
}

bool record_has(const struct record *record, enum place place)
{
    for (size_t i = 0; i < record->disk_count; i++)
        if (record->disks[i].place == place)
            return true;
    return false;
}

static const char *type_word(const struct record *record)
{
    if (!record_has(record, PLACE_EXTERNAL))
        return "internal";
    return record_has(record, PLACE_INTERNAL) ? "mixed" : "external";
}

static void add_word(char *list, size_t size, const char *word)
{
    size_t used = strlen(list);

    snprintf(list + used, size - used, "%s%s", used ? "," : "", word);
}

static void add_detail(struct entry *entry, const struct record_disk *disk)
{
    size_t n = entry->detail_count++;

    snprintf(entry->detail[n].vdev, sizeof entry->detail[n].vdev, "%s", disk->vdev);
    snprintf(entry->detail[n].text, sizeof entry->detail[n].text, "%s %s", place_word(disk->place), disk->target);
}

static const char *consistency_word(const struct record *record)
{
    if (record->memory)
        return "memory";
    return *record->quiesce.consistency ? record->quiesce.consistency : "crash";
}

void record_entry(const struct record *record, bool current, struct entry *entry)
{
    *entry = (struct entry){
        .memory = record->memory,
        .created = record->created_ms / 1000,
        .size = record->memory_size,
        .current = current,
    };
    snprintf(entry->type, sizeof entry->type, "%s", type_word(record));
    snprintf(entry->consistency, sizeof entry->consistency, "%s", consistency_word(record));
    snprintf(entry->id, sizeof entry->id, "%s", record->id);
    snprintf(entry->name, sizeof entry->name, "%s", record->name);
    snprintf(entry->description, sizeof entry->description, "%s", record->description);
    snprintf(entry->state, sizeof entry->state, "%s", record->state);
    snprintf(entry->parent, sizeof entry->parent, "%s", record->parent);
    for (size_t i = 0; i < record->disk_count; i++) {
        add_word(entry->disks, sizeof entry->disks, record->disks[i].vdev);
        add_detail(entry, &record->disks[i]);
    }
    for (size_t i = 0; i < record->left_out_count; i++)
        add_word(entry->left_out, sizeof entry->left_out, record->left_out[i].vdev);
}
