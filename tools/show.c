/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "maps.h"
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

static bool is_called(const struct xensnap_map *entry, const char *name)
{
    return map_is(entry, "name", name) || map_is(entry, "id", name);
}

static bool is_shown(const struct listing *listing, const struct xensnap_map *entry)
{
    return !listing->name || is_called(entry, listing->name);
}

static bool is_current(const struct xensnap_map *entry)
{
    return map_is(entry, "current", "1");
}

static bool has_memory(const struct xensnap_map *entry)
{
    return map_is(entry, "memory", "yes");
}

static long long number(const struct xensnap_map *map, const char *key)
{
    return xensnap_map_number(map, key, 0);
}

const struct xensnap_map *listing_find(const struct listing *listing, const char *name)
{
    for (struct xensnap_map **entry = listing->entries; *entry; entry++)
        if (is_called(*entry, name))
            return *entry;
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
    for (struct xensnap_map **entry = listing->entries; *entry; entry++) {
        char created[TIME_TEXT_SIZE], size[SIZE_TEXT_SIZE];

        if (!is_shown(listing, *entry))
            continue;
        text_time(created, number(*entry, "created"));
        text_size(size, number(*entry, "size"));
        table_add(table, "%c %s", is_current(*entry) ? '*' : ' ', map_text(*entry, "name"));
        table_add(table, "%s", created);
        table_add(table, "%s", map_text(*entry, "state"));
        table_add(table, "%s", has_memory(*entry) ? "memory" : "disk-only");
        table_add(table, "%s", size);
    }
    table_print(table);
}

void show_list_tree(const struct listing *listing)
{
    _cleanup_(table_freep) struct table *table = table_new(3);
    const struct xensnap_map *root = listing->name ? listing_find(listing, listing->name) : NULL;
    struct tree *tree = tree_new(listing->entries, root);

    table_add(table, "NAME");
    table_add(table, "CREATED");
    table_add(table, "MEMORY");
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_row *row = &tree->rows[i];
        char created[TIME_TEXT_SIZE] = "";

        if (row->entry)
            text_time(created, number(row->entry, "created"));
        table_add(table, "%s%s", row->branch, row->entry ? map_text(row->entry, "name") : "<- you are here");
        table_add(table, "%s", created);
        table_add(table, "%s", !row->entry ? "" : has_memory(row->entry) ? "RAM" : "disk-only");
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
static void put_parent(const struct listing *listing, const char *id)
{
    const struct xensnap_map *parent = *id ? listing_find(listing, id) : NULL;
    _cleanup_(freep) char *text = NULL;

    if (parent && asprintf(&text, "%s (%s)", map_text(parent, "name"), id) < 0)
        abort();
    put_line("parent:", text ? text : id);
}

/* The name of the disk that the key is about, or NULL: "disk-VDEV". */
static const char *disk_of(const char *key)
{
    return strncmp(key, "disk-", 5) == 0 && key[5] ? key + 5 : NULL;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys that are about single disks, in order, NULL behind the last; to be freed. */
static const char **disk_keys(const struct xensnap_map *entry)
{
    const char **keys, *key;
    size_t count = 0;

    while (xensnap_map_key(entry, count))
        count++;
    keys = calloc(count + 1, sizeof *keys);
    if (!keys)
        abort();
    count = 0;
    for (size_t i = 0; (key = xensnap_map_key(entry, i)); i++)
        if (disk_of(key))
            keys[count++] = key;
    qsort(keys, count, sizeof *keys, compare_text);
    return keys;
}

static void show_long(const struct listing *listing, const struct xensnap_map *entry)
{
    char created[TIME_TEXT_SIZE], human[SIZE_TEXT_SIZE], size[64];
    _cleanup_(freep) const char **disks = disk_keys(entry);

    text_time_zone(created, number(entry, "created"));
    text_size(human, number(entry, "size"));
    snprintf(size, sizeof size, "%lld (%s)", number(entry, "size"), human);
    put_line("name:", map_text(entry, "name"));
    put_line("id:", map_text(entry, "id"));
    put_line("description:", map_text(entry, "description"));
    put_line("created:", created);
    put_line("state:", map_text(entry, "state"));
    put_line("memory:", has_memory(entry) ? "yes" : "no");
    put_line("type:", map_text(entry, "type"));
    put_line("consistency:", map_text(entry, "consistency"));
    put_line("disks:", map_text(entry, "disks"));
    for (const char **key = disks; *key; key++) {
        char label[64];

        snprintf(label, sizeof label, "%s:", *key);
        put_line(label, map_text(entry, *key));
    }
    put_line("left-out:", map_text(entry, "left-out"));
    put_line("size:", size);
    put_parent(listing, map_text(entry, "parent"));
    put_line("current:", is_current(entry) ? "yes" : "no");
}

void show_list_long(const struct listing *listing)
{
    bool first = true;

    for (struct xensnap_map **entry = listing->entries; *entry; entry++) {
        if (!is_shown(listing, *entry))
            continue;
        if (!first)
            putchar('\n');
        show_long(listing, *entry);
        first = false;
    }
}

/* Puts the part of TEXT that has that length. */
static void put_part(struct json_writer *writer, const char *key, const char *text, size_t length)
{
    _cleanup_(freep) char *part = strndup(text, length);

    if (!part)
        abort();
    json_put_string(writer, key, part);
}

static void put_disks(struct json_writer *writer, const char *key, const char *disks)
{
    json_array(writer, key);
    while (*disks) {
        size_t length = strcspn(disks, ",");

        put_part(writer, NULL, disks, length);
        disks += length + (disks[length] == ',');
    }
    json_end_array(writer);
}

/* "external PATH", taken apart */
static void put_images(struct json_writer *writer, const struct xensnap_map *entry)
{
    _cleanup_(freep) const char **disks = disk_keys(entry);

    json_array(writer, "images");
    for (const char **key = disks; *key; key++) {
        const char *text = map_text(entry, *key);
        size_t length = strcspn(text, " ");

        json_object(writer, NULL);
        json_put_string(writer, "disk", disk_of(*key));
        put_part(writer, "type", text, length);
        json_put_string(writer, "path", text + length + (text[length] == ' '));
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void put_same(struct json_writer *writer, const struct xensnap_map *map, const char *key)
{
    json_put_string(writer, key, map_text(map, key));
}

static void put_entry(struct json_writer *writer, const struct xensnap_map *entry)
{
    json_object(writer, NULL);
    put_same(writer, entry, "id");
    put_same(writer, entry, "name");
    put_same(writer, entry, "description");
    json_put_integer(writer, "created", number(entry, "created"));
    put_same(writer, entry, "state");
    json_put_bool(writer, "memory", has_memory(entry));
    put_same(writer, entry, "type");
    put_same(writer, entry, "consistency");
    put_disks(writer, "disks", map_text(entry, "disks"));
    put_images(writer, entry);
    put_disks(writer, "left-out", map_text(entry, "left-out"));
    json_put_integer(writer, "size", number(entry, "size"));
    if (xensnap_map_get(entry, "parent"))
        put_same(writer, entry, "parent");
    else
        json_put_null(writer, "parent");
    json_put_bool(writer, "current", is_current(entry));
    json_end_object(writer);
}

void show_list_json(const struct listing *listing)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_array(writer, NULL);
    for (struct xensnap_map **entry = listing->entries; *entry; entry++)
        if (is_shown(listing, *entry))
            put_entry(writer, *entry);
    json_end_array(writer);
    print(writer);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void add_or_dash(struct table *table, const char *text)
{
    table_add(table, "%s", *text ? text : "-");
}

/* "running memory 52%" */
static void add_state(struct table *table, const struct xensnap_map *status)
{
    char progress[32] = "";
    const char *stage = xensnap_outcome(status) == XENSNAP_PENDING ? map_text(status, "stage") : "";
    long long percent = xensnap_map_number(status, "progress", -1);

    if (*stage && percent >= 0)
        snprintf(progress, sizeof progress, " %lld%%", percent);
    table_add(table, "%s%s%s%s", map_text(status, "state"), *stage ? " " : "", stage, progress);
}

static void add_request(struct table *table, const struct shown_request *shown)
{
    const struct xensnap_map *status = shown->status;
    const char *name = shown->vm ? map_text(shown->vm, "name") : "";
    char started[TIME_TEXT_SIZE];

    text_time(started, number(status, "started"));
    add_or_dash(table, map_text(status, "request"));
    add_or_dash(table, map_text(status, "operation"));
    add_or_dash(table, *name ? name : map_text(status, "vm"));
    add_or_dash(table, map_text(status, "name"));
    add_or_dash(table, started);
    add_state(table, status);
    if (xensnap_map_get(status, "error"))
        table_add(table, "%s: %s", map_text(status, "error"), map_text(status, "message"));
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

/* The plan's lines, one after the other: plan-0, plan-1, ...; NULL behind the last. */
static const char *plan_line(const struct xensnap_map *status, size_t n)
{
    char key[32];

    snprintf(key, sizeof key, "plan-%zu", n);
    return xensnap_map_get(status, key);
}

static void put_plan(struct json_writer *writer, const struct xensnap_map *status)
{
    const char *line = plan_line(status, 0);

    if (!line)
        return;
    json_array(writer, "plan");
    for (size_t n = 1; line; line = plan_line(status, n++))
        json_put_string(writer, NULL, line);
    json_end_array(writer);
}

void show_plan(const struct xensnap_map *status)
{
    const char *line;

    for (size_t n = 0; (line = plan_line(status, n)); n++) {
        text_put(stdout, line, 0);
        putchar('\n');
    }
}

/* As in xenstore: what is not known is not there. */
static void put_request(struct json_writer *writer, const struct xensnap_map *status)
{
    static const struct {
        const char *key;
        bool number;
    } keys[] = {
        { "request", false },  { "operation", false }, { "state", false },      { "stage", false },
        { "progress", true },  { "error", false },     { "message", false },    { "vm", false },
        { "snapshot", false }, { "name", false },      { "started", true },     { "finished", true },
        { "downtime-ms", true }, { "freeze-ms", true },  { "warning", false },   { "returned", false },
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!xensnap_map_get(status, keys[i].key))
            continue;
        if (keys[i].number)
            json_put_integer(writer, keys[i].key, number(status, keys[i].key));
        else
            put_same(writer, status, keys[i].key);
    }
    put_plan(writer, status);
}

void show_requests_json(const struct shown_request *requests, size_t count)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_array(writer, NULL);
    for (size_t i = 0; i < count; i++) {
        json_object(writer, NULL);
        put_request(writer, requests[i].status);
        if (requests[i].home >= 0)
            json_put_integer(writer, "home", requests[i].home);
        json_end_object(writer);
    }
    json_end_array(writer);
    print(writer);
}

void show_result_json(const struct xensnap_map *status)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(true);

    json_object(writer, NULL);
    put_request(writer, status);
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
