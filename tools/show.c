/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "table.h"
#include "text.h"

static void print(struct json_writer *writer)
{
    const char *text = json_text(writer);
    size_t length = strlen(text);

    printf("%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
}

/* ---- snapshots ----------------------------------------------------------------------------------------- */

static const char *memory_word(const struct entry *entry)
{
    return entry->memory ? "memory" : "disk-only";
}

void show_list_table(const struct entry *entries, size_t count)
{
    _cleanup_(table_freep) struct table *table = table_new(5);

    table_add(table, "  NAME");
    table_add(table, "CREATED");
    table_add(table, "STATE");
    table_add(table, "MEMORY");
    table_add(table, "SIZE");
    for (size_t i = 0; i < count; i++) {
        char created[TIME_TEXT_SIZE], size[SIZE_TEXT_SIZE];

        text_time(created, entries[i].created);
        text_size(size, entries[i].size);
        table_add(table, "%c %s", entries[i].current ? '*' : ' ', entries[i].name);
        table_add(table, "%s", created);
        table_add(table, "%s", entries[i].state);
        table_add(table, "%s", memory_word(&entries[i]));
        table_add(table, "%s", size);
    }
    table_print(table);
}

static void put_line(const char *key, const char *value)
{
    printf("%-13s", key);
    text_put(stdout, *value ? value : "-", 0);
    putchar('\n');
}

static void show_long(const struct entry *entry)
{
    char created[TIME_TEXT_SIZE], human[SIZE_TEXT_SIZE], size[64];

    text_time_zone(created, entry->created);
    text_size(human, entry->size);
    snprintf(size, sizeof size, "%lld (%s)", entry->size, human);
    put_line("name:", entry->name);
    put_line("id:", entry->id);
    put_line("description:", entry->description);
    put_line("created:", created);
    put_line("state:", entry->state);
    put_line("memory:", entry->memory ? "yes" : "no");
    put_line("type:", entry->type);
    put_line("consistency:", entry->consistency);
    put_line("disks:", entry->disks);
    put_line("size:", size);
    put_line("parent:", entry->parent);
    put_line("current:", entry->current ? "yes" : "no");
}

void show_list_long(const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar('\n');
        show_long(&entries[i]);
    }
}

static void put_disks(struct json_writer *writer, const char *disks)
{
    json_array(writer, "disks");
    while (*disks) {
        size_t length = strcspn(disks, ",");
        char disk[sizeof((struct entry *)0)->disks];

        snprintf(disk, sizeof disk, "%.*s", (int)length, disks);
        json_put_string(writer, NULL, disk);
        disks += length + (disks[length] == ',');
    }
    json_end_array(writer);
}

static void put_entry(struct json_writer *writer, const struct entry *entry)
{
    json_object(writer, NULL);
    json_put_string(writer, "id", entry->id);
    json_put_string(writer, "name", entry->name);
    json_put_string(writer, "description", entry->description);
    json_put_integer(writer, "created", entry->created);
    json_put_string(writer, "state", entry->state);
    json_put_bool(writer, "memory", entry->memory);
    json_put_string(writer, "type", entry->type);
    json_put_string(writer, "consistency", entry->consistency);
    put_disks(writer, entry->disks);
    json_put_integer(writer, "size", entry->size);
    if (*entry->parent)
        json_put_string(writer, "parent", entry->parent);
    else
        json_put_null(writer, "parent");
    json_put_bool(writer, "current", entry->current);
    json_end_object(writer);
}

void show_list_json(const struct entry *entries, size_t count)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_array(writer, NULL);
    for (size_t i = 0; i < count; i++)
        put_entry(writer, &entries[i]);
    json_end_array(writer);
    print(writer);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void add_or_dash(struct table *table, const char *text)
{
    table_add(table, "%s", *text ? text : "-");
}

/* "running memory 52%" */
static void add_state(struct table *table, const struct status *status)
{
    char progress[16] = "";
    const char *stage = state_final(status->state) ? "" : status->stage;

    if (*stage && status->progress >= 0)
        snprintf(progress, sizeof progress, " %d%%", status->progress);
    table_add(table, "%s%s%s%s", state_word(status->state), *stage ? " " : "", stage, progress);
}

static void add_request(struct table *table, const struct shown_request *shown)
{
    const struct status *status = &shown->request.status;
    char started[TIME_TEXT_SIZE];

    text_time(started, status->started);
    add_or_dash(table, shown->request.id);
    add_or_dash(table, operation_word(status->operation));
    add_or_dash(table, *shown->vm_name ? shown->vm_name : status->vm);
    add_or_dash(table, status->name);
    add_or_dash(table, started);
    add_state(table, status);
    if (status->error.code != ERR_NONE)
        table_add(table, "%s: %s", err_word(status->error.code), status->error.text);
    else
        table_add(table, "-");
}

void show_requests_table(const struct shown_request *requests, size_t count)
{
    static const char *const heads[] = {
        "REQUEST", "OPERATION", "VM", "SNAPSHOT", "STARTED", "STATE", "ERROR",
    };
    _cleanup_(table_freep) struct table *table = table_new(sizeof heads / sizeof *heads);

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_add(table, "%s", heads[i]);
    for (size_t i = 0; i < count; i++)
        add_request(table, &requests[i]);
    table_print(table);
}

static void put_text(struct json_writer *writer, const char *key, const char *value)
{
    if (*value)
        json_put_string(writer, key, value);
}

static void put_time(struct json_writer *writer, const char *key, long long seconds)
{
    if (seconds)
        json_put_integer(writer, key, seconds);
}

/* As in xenstore: what is not known is not there. */
static void put_request(struct json_writer *writer, const struct client_request *request)
{
    const struct status *status = &request->status;

    json_put_string(writer, "request", request->id);
    json_put_string(writer, "operation", operation_word(status->operation));
    json_put_string(writer, "state", state_word(status->state));
    put_text(writer, "stage", status->stage);
    if (status->progress >= 0)
        json_put_integer(writer, "progress", status->progress);
    if (status->error.code != ERR_NONE) {
        json_put_string(writer, "error", err_word(status->error.code));
        json_put_string(writer, "message", status->error.text);
    }
    put_text(writer, "vm", status->vm);
    put_text(writer, "snapshot", status->snapshot);
    put_text(writer, "name", status->name);
    put_time(writer, "started", status->started);
    put_time(writer, "finished", status->finished);
    if (status->downtime_ms >= 0)
        json_put_integer(writer, "downtime-ms", status->downtime_ms);
    if (status->returned_by_revert)
        json_put_string(writer, "returned", "revert");
}

void show_requests_json(const struct shown_request *requests, size_t count)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_array(writer, NULL);
    for (size_t i = 0; i < count; i++) {
        json_object(writer, NULL);
        put_request(writer, &requests[i].request);
        if (requests[i].home >= 0)
            json_put_integer(writer, "home", requests[i].home);
        json_end_object(writer);
    }
    json_end_array(writer);
    print(writer);
}

void show_result_json(const struct client_request *request)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_object(writer, NULL);
    put_request(writer, request);
    json_end_object(writer);
    print(writer);
}

void show_id_json(const char *id)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(false);

    json_object(writer, NULL);
    json_put_string(writer, "request", id);
    json_end_object(writer);
    print(writer);
}
