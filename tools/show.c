/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "tree.h"

static void print(struct json_writer *writer)
{
    const char *text = json_text(writer);
    size_t length = strlen(text);

    printf("%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
}

/* ---- snapshots ----------------------------------------------------------------------------------------- */

static bool is_called(const struct entry *entry, const char *name)
{
    return strcmp(entry->name, name) == 0 || strcmp(entry->id, name) == 0;
}

static bool is_shown(const struct listing *listing, size_t i)
{
    return !listing->name || is_called(&listing->entries[i], listing->name);
}

const struct entry *listing_find(const struct listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (is_called(&listing->entries[i], name))
            return &listing->entries[i];
    return NULL;
}

void show_list_table(const struct listing *listing)
{
    _cleanup_(table_freep) struct table *table = table_new(5);

    table_add(table, "  NAME");
    table_add(table, "CREATED");
    table_add(table, "STATE");
    table_add(table, "MEMORY");
    table_add(table, "SIZE");
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        char created[TIME_TEXT_SIZE], size[SIZE_TEXT_SIZE];

        if (!is_shown(listing, i))
            continue;
        text_time(created, entry->created);
        text_size(size, entry->size);
        table_add(table, "%c %s", entry->current ? '*' : ' ', entry->name);
        table_add(table, "%s", created);
        table_add(table, "%s", entry->state);
        table_add(table, "%s", entry->memory ? "memory" : "disk-only");
        table_add(table, "%s", size);
    }
    table_print(table);
}

void show_list_tree(const struct listing *listing)
{
    _cleanup_(table_freep) struct table *table = table_new(3);
    const struct entry *root = listing->name ? listing_find(listing, listing->name) : NULL;
    struct tree *tree = tree_new(listing->entries, listing->count, root);

    table_add(table, "NAME");
    table_add(table, "CREATED");
    table_add(table, "MEMORY");
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_row *row = &tree->rows[i];
        char created[TIME_TEXT_SIZE] = "";

        if (row->entry)
            text_time(created, row->entry->created);
        table_add(table, "%s%s", row->branch, row->entry ? row->entry->name : "<- you are here");
        table_add(table, "%s", created);
        table_add(table, "%s", !row->entry ? "" : row->entry->memory ? "RAM" : "disk-only");
    }
    table_print(table);
    tree_free(tree);
}

static void put_line(const char *key, const char *value)
{
    printf("%-12s ", key);
    text_put(stdout, *value ? value : "-", 0);
    putchar('\n');
}

/* "NAME (ID)"; the id alone where it is not in the listing. */
static void put_parent(const struct listing *listing, const struct entry *entry)
{
    const struct entry *parent = *entry->parent ? listing_find(listing, entry->parent) : NULL;
    char text[NAME_MAX_BYTES + UUID_LENGTH + 4];

    snprintf(text, sizeof text, parent ? "%s (%s)" : "%s%s", parent ? parent->name : "", entry->parent);
    put_line("parent:", text);
}

static void show_long(const struct listing *listing, const struct entry *entry)
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
    for (size_t i = 0; i < entry->detail_count; i++) {
        char key[VDEV_SIZE + 8];

        snprintf(key, sizeof key, "disk-%s:", entry->detail[i].vdev);
        put_line(key, entry->detail[i].text);
    }
    put_line("left-out:", entry->left_out);
    put_line("size:", size);
    put_parent(listing, entry);
    put_line("current:", entry->current ? "yes" : "no");
}

void show_list_long(const struct listing *listing)
{
    bool first = true;

    for (size_t i = 0; i < listing->count; i++) {
        if (!is_shown(listing, i))
            continue;
        if (!first)
            putchar('\n');
        show_long(listing, &listing->entries[i]);
        first = false;
    }
}

static void put_disks(struct json_writer *writer, const char *key, const char *disks)
{
    json_array(writer, key);
    while (*disks) {
        size_t length = strcspn(disks, ",");
        char disk[sizeof((struct entry *)0)->disks];

        snprintf(disk, sizeof disk, "%.*s", (int)length, disks);
        json_put_string(writer, NULL, disk);
        disks += length + (disks[length] == ',');
    }
    json_end_array(writer);
}

/* "external PATH", taken apart */
static void put_images(struct json_writer *writer, const struct entry *entry)
{
    json_array(writer, "images");
    for (size_t i = 0; i < entry->detail_count; i++) {
        const char *text = entry->detail[i].text;
        size_t length = strcspn(text, " ");
        char type[sizeof entry->detail[i].text];

        snprintf(type, sizeof type, "%.*s", (int)length, text);
        json_object(writer, NULL);
        json_put_string(writer, "disk", entry->detail[i].vdev);
        json_put_string(writer, "type", type);
        json_put_string(writer, "path", text + length + (text[length] == ' '));
        json_end_object(writer);
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
    put_disks(writer, "disks", entry->disks);
    put_images(writer, entry);
    put_disks(writer, "left-out", entry->left_out);
    json_put_integer(writer, "size", entry->size);
    if (*entry->parent)
        json_put_string(writer, "parent", entry->parent);
    else
        json_put_null(writer, "parent");
    json_put_bool(writer, "current", entry->current);
    json_end_object(writer);
}

void show_list_json(const struct listing *listing)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_array(writer, NULL);
    for (size_t i = 0; i < listing->count; i++)
        if (is_shown(listing, i))
            put_entry(writer, &listing->entries[i]);
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

/* The plan's lines, one after the other; returns false behind the last. */
static bool next_line(const char **plan, char line[STATUS_PLAN_SIZE])
{
    size_t length = strcspn(*plan, "\n");

    if (!**plan)
        return false;
    snprintf(line, STATUS_PLAN_SIZE, "%.*s", (int)length, *plan);
    *plan += length + ((*plan)[length] == '\n');
    return true;
}

static void put_plan(struct json_writer *writer, const char *plan)
{
    char line[STATUS_PLAN_SIZE];

    if (!*plan)
        return;
    json_array(writer, "plan");
    while (next_line(&plan, line))
        json_put_string(writer, NULL, line);
    json_end_array(writer);
}

void show_plan(const struct status *status)
{
    const char *plan = status->plan;
    char line[STATUS_PLAN_SIZE];

    while (next_line(&plan, line)) {
        text_put(stdout, line, 0);
        putchar('\n');
    }
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
    if (status->freeze_ms >= 0)
        json_put_integer(writer, "freeze-ms", status->freeze_ms);
    put_text(writer, "warning", status->warning);
    if (status->returned_by_revert)
        json_put_string(writer, "returned", "revert");
    put_plan(writer, status->plan);
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
