/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include "check.h"
#include "cleanup.h"
#include "maps.h"
#include "options.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

enum { LINES = 4 };

/* What stands in the file, and what comes of it: with which words the whole is refused, or TAKEN with what is asked for
 * beside the operation, "KEY=VALUE " in the order in which it came together. */
#define TAKEN "operation=create "
struct row {
    const char *what;
    struct options options;
    const char *file[LINES][2];
    const char *outcome;
};

static const char *text_of(const struct xensnap_map *map)
{
    static char text[512];
    const char *key;

    *text = '\0';
    for (size_t i = 0; (key = xensnap_map_key(map, i)); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%s ", key, map_text(map, key));
    return text;
}

static int merge(const struct row *row, struct xensnap_map *request, struct xensnap_error *error)
{
    _cleanup_(map_freep) struct xensnap_map *file = map_new();

    for (size_t i = 0; i < LINES && row->file[i][0]; i++)
        map_put(file, row->file[i][0], row->file[i][1]);
    if (settings_of_options(&row->options, request, error) < 0)
        return -1;
    return settings_add_file(request, &row->options, file, "my.conf", error);
}

static void together(void)
{
    static const struct row rows[] = {
        { "nothing", { 0 }, { { 0 } }, TAKEN },
        { "the file alone", { 0 }, { { "name", "a" }, { "memory", "no" }, { "disk-hda", "internal" } },
          TAKEN "name=a memory=no disk-hda=internal " },
        { "the same twice", { .name = "a", .disk_only = true, .external = true, .disks = "xvdb,xvda" },
          { { "name", "a" }, { "memory", "0" }, { "disk-xvda", "external" }, { "disk-xvdb", "target=/a" } },
          TAKEN "name=a memory=no type=external disks=xvdb,xvda disk-xvda=external disk-xvdb=target=/a " },
        { "both no memory", { .disk_only = true, .memory = "no" }, { { 0 } }, TAKEN "memory=no " },
        { "each disk as it likes", { 0 }, { { "type", "internal" }, { "disk-hda", "target=/a" } },
          TAKEN "type=internal disk-hda=target=/a " },
        { "creationtime", { 0 }, { { "creationtime", "ignored" } }, TAKEN },
        { "name", { .name = "a" }, { { "name", "b" } }, "--name a contradicts name=\"b\" in my.conf" },
        { "an empty name", { .name = "a" }, { { "name", "" } }, "--name a contradicts name=\"\" in my.conf" },
        { "description", { .description = "a" }, { { "description", "b" } },
          "--description a contradicts description=\"b\" in my.conf" },
        { "-D and memory", { .disk_only = true }, { { "memory", "yes" } },
          "--disk-only contradicts memory=\"yes\" in my.conf" },
        { "-D and a path", { .disk_only = true }, { { "memory", "/a" } },
          "--disk-only contradicts memory=\"/a\" in my.conf" },
        { "memory", { .memory = "yes" }, { { "memory", "no" } }, "--memory yes contradicts memory=\"no\" in my.conf" },
        { "-D and --memory", { .disk_only = true, .memory = "yes" }, { { 0 } },
          "--disk-only and --memory yes contradict each other" },
        { "type", { .external = true }, { { "type", "internal" } },
          "--external contradicts type=\"internal\" in my.conf" },
        { "an internal disk", { .external = true }, { { "disk-hdb", "internal" } },
          "--external contradicts the internal disk hdb in my.conf" },
        { "one disk more", { .disks = "hda" }, { { "disk-hda", "internal" }, { "disk-hdb", "internal" } },
          "--disks hda contradicts the disk hdb in my.conf" },
        { "one disk less", { .disks = "hda,hdb" }, { { "disk-hda", "internal" } },
          "--disks hda,hdb contradicts my.conf, where disk hdb is not listed" },
        { "a wrong value", { 0 }, { { "memory", "perhaps" } }, "my.conf: memory is yes, no or" },
        { "a wrong value that an option hides", { .memory = "x" }, { { "memory", "x" } }, "my.conf: memory is yes" },
        { "no such disk", { 0 }, { { "disk-UPPER", "internal" } }, "my.conf: a disk is named as" },
        { "a name of 16 letters", { 0 }, { { "disk-abcdefghijklmnop", "internal" } }, "my.conf: a disk is named" },
        { "a disk's name of any length", { 0 }, { { "disk-abcdefghijklmnopqrstuvwxyz", "internal" } }, "unknown key" },
        { "a wrong list", { .disks = "hda," }, { { "disk-hda", "internal" } }, "a disk is named as" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(map_freep) struct xensnap_map *request = map_new();
        struct xensnap_error error = { 0 };

        check_row = rows[i].what;
        if (strncmp(rows[i].outcome, TAKEN, strlen(TAKEN)) == 0) {
            CHECK_INT(merge(&rows[i], request, &error), 0);
            CHECK_INT(xensnap_check(request, &error), 0);
            CHECK_STR(text_of(request), rows[i].outcome);
            continue;
        }
        CHECK_INT(merge(&rows[i], request, &error), -1);
        CHECK_INT(error.code, XENSNAP_INVALID);
        CHECK_HAS(error.message, rows[i].outcome);
    }
}

static void all_options(void)
{
    const struct options options = { .domain = "web1", .name = "a", .description = "b", .disk_only = true,
                                     .external = true, .disks = "xvda", .quiesce = "try", .dry_run = true };
    _cleanup_(map_freep) struct xensnap_map *request = map_new();
    struct xensnap_error error;

    CHECK_INT(settings_of_options(&options, request, &error), 0);
    CHECK(xensnap_map_key(request, 8) && !xensnap_map_key(request, 9));
    CHECK_STR(map_text(request, "operation"), "create");
    CHECK_STR(map_text(request, "domain"), "web1");
    CHECK_STR(map_text(request, "name"), "a");
    CHECK_STR(map_text(request, "description"), "b");
    CHECK_STR(map_text(request, "memory"), "no");
    CHECK_STR(map_text(request, "type"), "external");
    CHECK_STR(map_text(request, "disks"), "xvda");
    CHECK_STR(map_text(request, "quiesce"), "try");
    CHECK_STR(map_text(request, "dry-run"), "yes");
}

static void uuid(void)
{
    _cleanup_(map_freep) struct xensnap_map *request = map_new();

    map_put(request, "name", "<domain_uuid>");
    CHECK(!settings_need_uuid(request));
    map_put(request, "memory", "/srv/<domain_uuid>/<domain_uuid>.save");
    map_put(request, "disk-hda", "format=qcow2,target=/srv/<domain_uuid>.qcow2");
    CHECK(settings_need_uuid(request));
    settings_put_uuid(request, UUID);
    CHECK_STR(map_text(request, "name"), "<domain_uuid>");
    CHECK_STR(map_text(request, "memory"), "/srv/" UUID "/" UUID ".save");
    CHECK_STR(map_text(request, "disk-hda"), "format=qcow2,target=/srv/" UUID ".qcow2");
    CHECK(!settings_need_uuid(request));
}

static void too_long_with_the_uuid(void)
{
    _cleanup_(map_freep) struct xensnap_map *request = map_new();
    char path[1024] = "/";
    struct xensnap_error error;

    for (int i = 0; i < 60; i++)
        memcpy(path + 1 + i * strlen(UUID_MARK), UUID_MARK, strlen(UUID_MARK) + 1);
    map_put(request, "operation", "create");
    map_put(request, "memory", path);
    CHECK_INT(xensnap_check(request, &error), 0);
    settings_put_uuid(request, UUID);
    CHECK_INT(xensnap_check(request, &error), -1);
}

static const struct check_test tests[] = {
    { "options and a file go together or contradict each other as the table says", together },
    { "each option becomes a key", all_options },
    { "<domain_uuid> is replaced in paths", uuid },
    { "a path that becomes too long is refused, not cut", too_long_with_the_uuid },
};

CHECK_MAIN(tests)
