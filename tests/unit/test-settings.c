/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include "check.h"
#include "errors.h"
#include "options.h"
#include "pairs.h"
#include "request.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

enum { LINES = 4 };

/* What stands in the file, and with which words the whole is refused. */
struct row {
    const char *what;
    struct options options;
    const char *file[LINES][2];
    const char *refused;
};

static int merge(const struct row *row, struct pairs *pairs, struct err *err)
{
    struct pairs file = { 0 };

    for (size_t i = 0; i < LINES && row->file[i][0]; i++)
        pairs_add(&file, row->file[i][0], "%s", row->file[i][1]);
    if (settings_of_options(&row->options, pairs, err) < 0)
        return -1;
    return settings_add_file(pairs, &row->options, &file, "my.conf", err);
}

static void together(void)
{
    static const struct row rows[] = {
        { "nothing", { 0 }, { { 0 } }, NULL },
        { "the file alone", { 0 }, { { "name", "a" }, { "memory", "no" }, { "disk-hda", "internal" } }, NULL },
        { "the same twice", { .name = "a", .disk_only = true, .external = true, .disks = "xvdb,xvda" },
          { { "name", "a" }, { "memory", "0" }, { "disk-xvda", "external" }, { "disk-xvdb", "target=/a" } }, NULL },
        { "both no memory", { .disk_only = true, .memory = "no" }, { { 0 } }, NULL },
        { "each disk as it likes", { 0 }, { { "type", "internal" }, { "disk-hda", "target=/a" } }, NULL },
        { "creationtime", { 0 }, { { "creationtime", "ignored" } }, NULL },
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
        { "a wrong list", { .disks = "hda," }, { { "disk-hda", "internal" } }, "a disk is named as" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pairs pairs = { 0 };
        struct request request = { 0 };
        struct err err = { 0 };

        check_row = rows[i].what;
        if (!rows[i].refused) {
            CHECK_INT(merge(&rows[i], &pairs, &err), 0);
            CHECK_INT(request_parse_pairs(&request, &pairs, &err), 0);
            continue;
        }
        CHECK_INT(merge(&rows[i], &pairs, &err), -1);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_HAS(err.text, rows[i].refused);
    }
}

static void all_options(void)
{
    const struct options options = { .domain = "web1", .name = "a", .description = "b", .disk_only = true,
                                     .external = true, .disks = "xvda", .quiesce = "try", .dry_run = true };
    struct pairs pairs = { 0 };
    struct err err;

    CHECK_INT(settings_of_options(&options, &pairs, &err), 0);
    CHECK_INT((long long)pairs.count, 9);
    CHECK_STR(pairs_get(&pairs, "operation"), "create");
    CHECK_STR(pairs_get(&pairs, "domain"), "web1");
    CHECK_STR(pairs_get(&pairs, "name"), "a");
    CHECK_STR(pairs_get(&pairs, "description"), "b");
    CHECK_STR(pairs_get(&pairs, "memory"), "no");
    CHECK_STR(pairs_get(&pairs, "type"), "external");
    CHECK_STR(pairs_get(&pairs, "disks"), "xvda");
    CHECK_STR(pairs_get(&pairs, "quiesce"), "try");
    CHECK_STR(pairs_get(&pairs, "dry-run"), "yes");
}

static void uuid(void)
{
    struct pairs pairs = { 0 };

    pairs_add(&pairs, "name", "<domain_uuid>");
    CHECK(!settings_need_uuid(&pairs));
    pairs_add(&pairs, "memory", "/srv/<domain_uuid>/<domain_uuid>.save");
    pairs_add(&pairs, "disk-hda", "format=qcow2,target=/srv/<domain_uuid>.qcow2");
    CHECK(settings_need_uuid(&pairs));
    settings_put_uuid(&pairs, UUID);
    CHECK_STR(pairs_get(&pairs, "name"), "<domain_uuid>");
    CHECK_STR(pairs_get(&pairs, "memory"), "/srv/" UUID "/" UUID ".save");
    CHECK_STR(pairs_get(&pairs, "disk-hda"), "format=qcow2,target=/srv/" UUID ".qcow2");
    CHECK(!settings_need_uuid(&pairs));
}

static void too_long_with_the_uuid(void)
{
    struct pairs pairs = { 0 };
    struct request request = { 0 };
    struct err err;

    pairs_add(&pairs, "operation", "create");
    pairs_add(&pairs, "memory", "/");
    for (int i = 0; i < 60; i++)
        memcpy(pairs.item[1].value + 1 + i * strlen(UUID_MARK), UUID_MARK, strlen(UUID_MARK) + 1);
    CHECK_INT(request_parse_pairs(&request, &pairs, &err), 0);
    settings_put_uuid(&pairs, UUID);
    CHECK_INT(request_parse_pairs(&request, &pairs, &err), -1);
}

static const struct check_test tests[] = {
    { "options and a file go together or contradict each other as the table says", together },
    { "each option becomes a key", all_options },
    { "<domain_uuid> is replaced in paths", uuid },
    { "a path that becomes too long is refused, not cut", too_long_with_the_uuid },
};

CHECK_MAIN(tests)
