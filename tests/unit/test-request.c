/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "request.h"

#include <stdlib.h>

#include "check.h"
#include "cleanup.h"
#include "pairs.h"
#include "request_disks.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A64 A64
#define A512 A128 A128 A128 A128
#define A1024 A512 A512
#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

/* What is asked for with a line, or with which error word and what in its sentence the line is refused.
 * A line that is refused may have told its id. */
#define TAKEN(line, op, ...) { line, .want = { .operation = OPERATION_##op, __VA_ARGS__ } }
#define DISKS(...) .disk_count = sizeof((const struct request_disk[]){ __VA_ARGS__ }) / sizeof(struct request_disk), \
                   .disks = { __VA_ARGS__ }
#define DISK(vdev_) { .vdev = vdev_ }
#define INTERNAL(vdev_) { .vdev = vdev_, .place = PLACE_INTERNAL }
#define EXTERNAL(vdev_) { .vdev = vdev_, .place = PLACE_EXTERNAL }
#define OVERLAY(vdev_, path) { .vdev = vdev_, .place = PLACE_EXTERNAL, .target = path }
#define REFUSED(line, error, part) { line, { .id = "" }, error, part }
#define REFUSED_WITH_ID(line, id_, error, part) { line, { .id = id_ }, error, part }

static const struct row {
    const char *line;
    struct request want;
    const char *error, *part;
} rows[] = {
    /* operations */
    TAKEN("list", LIST),
    TAKEN("create", CREATE),
    TAKEN("delete name=a", DELETE, .name = "a"),
    TAKEN("revert name=a", REVERT, .name = "a", .start = START_RUNNING),
    TAKEN("cancel request=r-1", CANCEL, .about = "r-1"),
    TAKEN("release image=/srv/a.qcow2", RELEASE, .image = "/srv/a.qcow2"),
    TAKEN("release name=s dry-run=yes", RELEASE, .name = "s", .dry_run = true),
    TAKEN("accept", ACCEPT),
    TAKEN("accept dry-run=yes", ACCEPT, .dry_run = true),
    TAKEN("forget domain=5 dry-run=yes", FORGET, .domain = "5", .dry_run = true),
    REFUSED("release", "invalid", "release needs either"),
    REFUSED("release name=a image=/srv/a", "invalid", "release needs either"),
    REFUSED("release image=a.qcow2", "invalid", "image is the absolute path"),
    REFUSED("delete name=a image=/srv/a", "invalid", "image means nothing to delete"),
    REFUSED("accept name=a", "invalid", "name means nothing to accept"),
    REFUSED("delete name=a dry-run=yes", "invalid", "dry-run means nothing to delete"),
    REFUSED("", "invalid", "no operation"),
    REFUSED(" ", "invalid", "no operation"),
    REFUSED("frobnicate", "invalid", "unknown operation"),
    REFUSED("creat", "invalid", "unknown operation"),
    REFUSED("CREATE", "invalid", "unknown operation"),
    REFUSED("none", "invalid", "unknown operation"),
    REFUSED("create\n", "invalid", "unknown operation"),
    REFUSED("create\tname=a", "invalid", "unknown operation"),
    REFUSED(" create", "invalid", "KEY=VALUE"),
    REFUSED(A1024 "create", "invalid", "unknown operation"),

    /* keys and blanks */
    TAKEN("create name=a description=b", CREATE, .name = "a", .description = "b"),
    TAKEN("create description=b name=a", CREATE, .name = "a", .description = "b"),
    TAKEN("create   name=a    description=b  ", CREATE, .name = "a", .description = "b"),
    TAKEN("create name=a=b", CREATE, .name = "a=b"),
    TAKEN("create name=gr\xc3\xbc\xc3\x9f", CREATE, .name = "gr\xc3\xbc\xc3\x9f"),
    TAKEN("create name=../../0/x", CREATE, .name = "../../0/x"),
    REFUSED("create name", "invalid", "KEY=VALUE"),
    REFUSED("create name =a", "invalid", "KEY=VALUE"),
    REFUSED("create =a", "invalid", "KEY=VALUE"),
    REFUSED("create a-key-of-24-bytes-in-all=1", "invalid", "KEY=VALUE"),
    REFUSED("create name=a name=b", "invalid", "name is given twice"),
    REFUSED("create description= description=b", "invalid", "description is given twice"),
    REFUSED("create operation=list", "invalid", "operation is given twice"),

    /* quoting */
    TAKEN("create name=\"a b\"", CREATE, .name = "a b"),
    TAKEN("create name=\"a\" description=\"b c\"", CREATE, .name = "a", .description = "b c"),
    TAKEN("create name=\"say \\\"hi\\\"\"", CREATE, .name = "say \"hi\""),
    TAKEN("create name=\"C:\\\\dir\"", CREATE, .name = "C:\\dir"),
    TAKEN("create name=\"\\n\"", CREATE, .name = "n"),
    TAKEN("create name=C:\\dir", CREATE, .name = "C:\\dir"),
    TAKEN("create name=5\"", CREATE, .name = "5\""),
    TAKEN("create description=\"a=b id=c\"", CREATE, .description = "a=b id=c"),
    TAKEN("create description=\"\"", CREATE),
    TAKEN("create description=", CREATE),
    REFUSED("create name=\"a", "invalid", "no end"),
    REFUSED("create name=\"", "invalid", "no end"),
    REFUSED("create name=\"a\\", "invalid", "no end"),
    REFUSED("create name=\"a\\\"", "invalid", "no end"),
    REFUSED("create name=\"a\"b", "invalid", "middle of a word"),
    REFUSED("create name=\"a\"description=b", "invalid", "middle of a word"),

    /* unknown keys and those for others */
    TAKEN("create x-note=1 x-=2 x-empty=", CREATE),
    TAKEN("list x-name=current", LIST),
    REFUSED("create colour=red", "invalid", "unknown key colour"),
    REFUSED("create Name=a", "invalid", "unknown key Name"),
    REFUSED("create cancel=1", "invalid", "unknown key cancel"),
    REFUSED("create x=1", "invalid", "unknown key x"),
    REFUSED("create \x1b[2J=1", "invalid", "unknown key (unprintable)"),
    REFUSED("create \xff=1", "invalid", "unknown key (unprintable)"),
    REFUSED("list name=a", "invalid", "name means nothing to list"),
    REFUSED("cancel request=a name=b", "invalid", "name means nothing to cancel"),
    REFUSED("create request=a", "invalid", "request means nothing to create"),
    REFUSED("create start=paused", "invalid", "start means nothing to create"),
    REFUSED("delete name=a description=b", "invalid", "description means nothing to delete"),
    REFUSED("revert name=a memory=yes", "invalid", "memory means nothing to revert"),
    REFUSED("revert name=a type=internal", "invalid", "type means nothing to revert"),

    /* each key's value */
    TAKEN("create name=" A128, CREATE, .name = A128),
    REFUSED("create name=" A128 "a", "invalid", "name is 1 to 128 bytes"),
    REFUSED("create name=", "invalid", "name is 1 to 128 bytes"),
    REFUSED("create name=\" a\"", "invalid", "name is 1 to 128 bytes"),
    REFUSED("create name=a\nb", "invalid", "name is 1 to 128 bytes"),
    REFUSED("create name=\xff", "invalid", "name is 1 to 128 bytes"),
    REFUSED("create name=current", "invalid", "current is reserved"),
    REFUSED("revert name=pending", "invalid", "pending is reserved"),
    REFUSED("delete", "invalid", "delete needs a name"),
    REFUSED("revert start=paused", "invalid", "revert needs a name"),
    TAKEN("create description=" A512, CREATE, .description = A512),
    REFUSED("create description=" A512 "a", "invalid", "description is at most 512"),
    REFUSED("create description=a\nb", "invalid", "description is at most 512"),
    TAKEN("create domain=5", CREATE, .domain = "5"),
    TAKEN("list domain=" UUID, LIST, .domain = UUID),
    TAKEN("revert name=a domain=\"web server\"", REVERT, .name = "a", .domain = "web server"),
    TAKEN("cancel domain=5 request=a", CANCEL, .domain = "5", .about = "a"),
    REFUSED("create domain=", "invalid", "domain is a domid"),
    REFUSED("create domain=" A128 "a", "invalid", "domain is a domid"),
    TAKEN("create memory=yes", CREATE),
    TAKEN("create memory=1 type=internal", CREATE, .type = PLACE_INTERNAL),
    TAKEN("create memory=no", CREATE, .disk_only = true),
    TAKEN("create memory=0", CREATE, .disk_only = true),
    TAKEN("create memory=/srv/a.save", CREATE, .memory = "/srv/a.save"),
    TAKEN("create memory=\"/srv/my vm.save\"", CREATE, .memory = "/srv/my vm.save"),
    TAKEN("create memory=/" A512 A128 A128 A128 "/a", CREATE, .memory = "/" A512 A128 A128 A128 "/a"),
    REFUSED("create memory=/" A512 A128 A128 A128 A64 "a", "invalid", "memory is yes, no or the absolute path"),
    REFUSED("create memory=maybe", "invalid", "memory is yes, no or the absolute path"),
    REFUSED("create memory=", "invalid", "memory is yes, no or the absolute path"),
    REFUSED("create memory=a.save", "invalid", "memory is yes, no or the absolute path"),
    REFUSED("create memory=/srv/../etc/shadow", "invalid", "memory is yes, no or the absolute path"),
    REFUSED("list memory=no", "invalid", "memory means nothing to list"),
    TAKEN("create type=external", CREATE, .type = PLACE_EXTERNAL),
    TAKEN("create type=internal", CREATE, .type = PLACE_INTERNAL),
    REFUSED("create type=zip", "invalid", "type is internal or external"),
    REFUSED("create type=mixed", "invalid", "type is internal or external"),
    REFUSED("create type=", "invalid", "type is internal or external"),
    TAKEN("create memory=no quiesce=try", CREATE, .disk_only = true, .quiesce = QUIESCE_TRY),
    TAKEN("create quiesce=must memory=no", CREATE, .disk_only = true, .quiesce = QUIESCE_MUST),
    TAKEN("create quiesce=no", CREATE, .quiesce = QUIESCE_NO),
    REFUSED("create quiesce=must", "invalid", "say memory=no"),
    REFUSED("create quiesce=try memory=yes", "invalid", "say memory=no"),
    REFUSED("create memory=no quiesce=", "invalid", "quiesce is no, try or must"),
    REFUSED("create memory=no quiesce=yes", "invalid", "quiesce is no, try or must"),
    REFUSED("revert name=a quiesce=no", "invalid", "quiesce means nothing to revert"),
    TAKEN("create dry-run=yes", CREATE, .dry_run = true),
    TAKEN("create dry-run=1", CREATE, .dry_run = true),
    TAKEN("create dry-run=no", CREATE),
    TAKEN("create dry-run=0", CREATE),
    REFUSED("create dry-run=", "invalid", "dry-run is yes or no"),
    REFUSED("create dry-run=maybe", "invalid", "dry-run is yes or no"),
    REFUSED("delete name=a dry-run=yes", "invalid", "dry-run means nothing to delete"),

    /* single disks */
    TAKEN("create disks=xvda", CREATE, DISKS(DISK("xvda"))),
    TAKEN("create disks=xvda,hdb,sda1", CREATE, DISKS(DISK("xvda"), DISK("hdb"), DISK("sda1"))),
    TAKEN("create disks=xvda,xvda", CREATE, DISKS(DISK("xvda"))),
    TAKEN("create disk-xvda=internal", CREATE, DISKS(INTERNAL("xvda"))),
    TAKEN("create disk-xvda=external disk-xvdb=internal", CREATE,
          DISKS(EXTERNAL("xvda"), INTERNAL("xvdb"))),
    TAKEN("create disk-hda=format=qcow2,target=/srv/a.qcow2", CREATE, DISKS(OVERLAY("hda", "/srv/a.qcow2"))),
    TAKEN("create disk-hda=target=/srv/a.qcow2", CREATE, DISKS(OVERLAY("hda", "/srv/a.qcow2"))),
    TAKEN("create disk-hda=target=/srv/a,b=c", CREATE, DISKS(OVERLAY("hda", "/srv/a,b=c"))),
    TAKEN("create disk-hda=external disks=hda,hdb type=internal", CREATE, .type = PLACE_INTERNAL,
          DISKS(EXTERNAL("hda"), DISK("hdb"))),
    TAKEN("create disks=hdb,hda disk-hda=external", CREATE, DISKS(DISK("hdb"), EXTERNAL("hda"))),
    REFUSED("create disks=", "invalid", "a disk is named as"),
    REFUSED("create disks=,", "invalid", "a disk is named as"),
    REFUSED("create disks=xvda,", "invalid", "a disk is named as"),
    REFUSED("create disks=\"xvda, xvdb\"", "invalid", "a disk is named as"),
    REFUSED("create disks=../x", "invalid", "a disk is named as"),
    REFUSED("create disks=abcdefghijklmnop", "invalid", "a disk is named as"),
    REFUSED("create disk-=internal", "invalid", "a disk is named as"),
    REFUSED("create disk-XVDA=internal", "invalid", "a disk is named as"),
    REFUSED("create disk-a/b=internal", "invalid", "a disk is named as"),
    REFUSED("create disk-hda=", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=no", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=/srv/a.qcow2", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=format=raw,target=/srv/a", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=target=a.qcow2", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=target=/srv/../a", "invalid", "disk-hda is internal, external, or format=qcow2"),
    REFUSED("create disk-hda=internal disk-hda=external", "invalid", "disk-hda is given twice"),
    REFUSED("revert name=a disk-hda=internal", "invalid", "disk-hda means nothing to revert"),
    REFUSED("revert name=a disks=hda", "invalid", "disks means nothing to revert"),

    TAKEN("revert name=a start=running", REVERT, .name = "a", .start = START_RUNNING),
    TAKEN("revert name=a start=paused", REVERT, .name = "a", .start = START_PAUSED),
    REFUSED("revert name=a start=no", "invalid", "start is running or paused"),
    REFUSED("cancel", "invalid", "cancel needs request=ID"),
    REFUSED("cancel request=", "invalid", "request is the id"),
    REFUSED("cancel request=a/b", "invalid", "request is the id"),

    /* the id */
    TAKEN("list id=r1", LIST, .id = "r1"),
    TAKEN("create id=r1 name=a", CREATE, .id = "r1", .name = "a"),
    TAKEN("create name=a id=\"r1\"", CREATE, .id = "r1", .name = "a"),
    TAKEN("list id=" A64, LIST, .id = A64),
    REFUSED_WITH_ID("frobnicate id=r1", "r1", "invalid", "unknown operation"),
    REFUSED_WITH_ID("create id=r1 colour=red", "r1", "invalid", "unknown key colour"),
    REFUSED_WITH_ID("create colour=red id=r1", "r1", "invalid", "unknown key colour"),
    REFUSED_WITH_ID("create id=r1 name", "r1", "invalid", "KEY=VALUE"),
    REFUSED_WITH_ID("create id=r1 name=\"a", "r1", "invalid", "no end"),
    REFUSED_WITH_ID("create id=r1 name=a name=b", "r1", "invalid", "name is given twice"),
    REFUSED_WITH_ID("create id=r1 description=" A1024, "r1", "invalid", "longer than 1023 bytes"),
    REFUSED_WITH_ID("delete id=r1", "r1", "invalid", "delete needs a name"),
    REFUSED_WITH_ID("create id=r1 id=r2", "r1", "invalid", "id is given twice"),
    REFUSED("create name=\"a id=r1", "invalid", "no end"),
    REFUSED("list id=", "invalid", "id is 1 to 64"),
    REFUSED("list id=a/b", "invalid", "id is 1 to 64"),
    REFUSED("list id=\"a b\"", "invalid", "id is 1 to 64"),
    REFUSED("list id=" A64 "a", "invalid", "id is 1 to 64"),
    REFUSED("id=r1 list", "invalid", "KEY=VALUE"),
};

static void check_fields(const struct request *request, const struct request *want)
{
    CHECK_INT(request->operation, want->operation);
    CHECK_STR(request->domain, want->domain);
    CHECK_STR(request->name, want->name);
    CHECK_STR(request->description, want->description);
    CHECK_STR(request->about, want->about);
    CHECK_INT(request->start, want->start);
    CHECK_INT(request->disk_only, want->disk_only);
    CHECK_STR(request->memory, want->memory);
    CHECK_INT(request->type, want->type);
    CHECK_INT(request->quiesce, want->quiesce);
    CHECK_INT(request->dry_run, want->dry_run);
    CHECK_INT((long long)request->disk_count, (long long)want->disk_count);
    for (size_t i = 0; i < want->disk_count; i++) {
        const struct request_disk *disk = request_disk_find(request, want->disks[i].vdev);

        if (!CHECK(disk))
            continue;
        CHECK_INT(disk->place, want->disks[i].place);
        CHECK_STR(disk->target, want->disks[i].target);
    }
}

static void each_line(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        /* of its exact size, so that a sanitizer sees a read beyond the end */
        _cleanup_(freep) char *line = strdup(row->line);
        struct request request = { 0 };
        struct err err = { 0 };
        int rc = request_parse_line(&request, line, strlen(line), &err);

        check_row = row->line;
        CHECK_STR(request.id, row->want.id);
        CHECK_STR(rc < 0 ? err_word(err.code) : NULL, row->error);
        if (rc < 0 && row->part)
            CHECK_HAS(err.text, row->part);
        if (rc == 0)
            check_fields(&request, &row->want);
        /* it goes into a status, where a guest or an administrator's terminal reads it */
        CHECK(rc == 0 || description_valid(err.text));
    }
}

static void nul_in_the_line(void)
{
    static const char line[] = "create id=r1 name=a\0b";
    struct request request = { 0 };
    struct err err = { 0 };

    CHECK_INT(request_parse_line(&request, line, sizeof line - 1, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_HAS(err.text, "NUL");
    CHECK_INT(request_parse_line(&request, "list", 5, &err), -1);
    CHECK_HAS(err.text, "NUL");
}

static void line_too_long(void)
{
    char line[REQUEST_LINE_MAX + 2];
    struct request request = { 0 };
    struct err err = { 0 };

    memset(line, ' ', sizeof line);
    memcpy(line, "list", 4);
    line[REQUEST_LINE_MAX] = '\0';
    CHECK_INT(request_parse_line(&request, line, REQUEST_LINE_MAX, &err), 0);
    line[REQUEST_LINE_MAX] = ' ';
    line[REQUEST_LINE_MAX + 1] = '\0';
    CHECK_INT(request_parse_line(&request, line, REQUEST_LINE_MAX + 1, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_HAS(err.text, "longer than 2048");
}

static void value_as_long_as_it_may_be(void)
{
    struct request request = { 0 };
    struct err err = { 0 };
    char line[REQUEST_LINE_MAX];
    int length = snprintf(line, sizeof line, "list x-a=%.*s", REQUEST_VALUE_MAX - 1, A1024);

    CHECK_INT(request_parse_line(&request, line, (size_t)length, &err), 0);
    length = snprintf(line, sizeof line, "list x-a=\"%s\"", A1024);
    CHECK_INT(request_parse_line(&request, line, (size_t)length, &err), -1);
    CHECK_HAS(err.text, "longer than 1023");
}

static void many_keys(void)
{
    struct request request = { 0 };
    struct err err = { 0 };
    char line[REQUEST_LINE_MAX] = "list";

    for (int i = 1; i < PAIRS_MAX; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), " x-%d=1", i);
    CHECK_INT(request_parse_line(&request, line, strlen(line), &err), 0);
    snprintf(line + strlen(line), sizeof line - strlen(line), " x-one-more=1");
    CHECK_INT(request_parse_line(&request, line, strlen(line), &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_HAS(err.text, "too many keys");
}

static void of_a_directory(void)
{
    struct pairs pairs = { 0 };
    struct request request = { .id = "given" };
    struct err err = { 0 };

    pairs_add(&pairs, "name", "a"); /* keys come in any order */
    pairs_add(&pairs, "x-note", "1");
    pairs_add(&pairs, "start", "paused");
    pairs_add(&pairs, "operation", "revert");
    CHECK_INT(request_parse_pairs(&request, &pairs, &err), 0);
    CHECK_INT(request.operation, OPERATION_REVERT);
    CHECK_STR(request.name, "a");
    CHECK_INT(request.start, START_PAUSED);
    CHECK_STR(request.id, "given");
}

static void directory_refused(void)
{
    static const struct {
        const char *key, *value, *part;
    } wrong[] = {
        { "id", "r1", "unknown key id" },
        { "colour", "red", "unknown key colour" },
        { "\x1b", "1", "(unprintable)" },
        { "request", "r1", "request means nothing to create" },
        { "name", "a\nb", "name is 1 to 128" },
        { "name", "", "name is 1 to 128" },
        { "domain", "", "domain is a domid" },
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pairs pairs = { 0 };
        struct request request = { .id = "given" };
        struct err err = { 0 };

        check_row = wrong[i].key;
        pairs_add(&pairs, "operation", "create");
        pairs_add(&pairs, wrong[i].key, "%s", wrong[i].value);
        CHECK_INT(request_parse_pairs(&request, &pairs, &err), -1);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_HAS(err.text, wrong[i].part);
        CHECK_STR(request.id, "given");
    }
}

static void directory_without_operation(void)
{
    struct pairs pairs = { 0 };
    struct request request = { 0 };
    struct err err = { 0 };

    CHECK_INT(request_parse_pairs(&request, &pairs, &err), -1);
    CHECK_HAS(err.text, "no operation");
    pairs_add(&pairs, "operation", "none");
    CHECK_INT(request_parse_pairs(&request, &pairs, &err), -1);
    CHECK_HAS(err.text, "unknown operation");
}

static void comes_back(void)
{
    static const struct request all[] = {
        { .operation = OPERATION_LIST },
        { .operation = OPERATION_LIST, .domain = UUID },
        { .operation = OPERATION_CREATE },
        { .operation = OPERATION_CREATE, .domain = "5", .name = "say \"hi\" \\o/", .description = "a=b c" },
        { .operation = OPERATION_CREATE, .name = A128, .description = A512 },
        { .operation = OPERATION_CREATE, .disk_only = true, .type = PLACE_EXTERNAL, .dry_run = true },
        { .operation = OPERATION_CREATE, .disk_only = true, .quiesce = QUIESCE_MUST },
        { .operation = OPERATION_CREATE, .memory = "/srv/my vm.save", .type = PLACE_INTERNAL },
        { .operation = OPERATION_CREATE, DISKS(DISK("xvda"), INTERNAL("xvdb"), DISK("hdc"),
                                               OVERLAY("hda", "/srv/a, b.qcow2"),
                                               EXTERNAL("hdb")) },
        { .operation = OPERATION_DELETE, .domain = "web server", .name = "a" },
        { .operation = OPERATION_REVERT, .name = "a", .start = START_RUNNING },
        { .operation = OPERATION_REVERT, .name = "a", .start = START_PAUSED },
        { .operation = OPERATION_CANCEL, .about = "r1" },
        { .operation = OPERATION_RELEASE, .image = "/srv/a b.qcow2", .dry_run = true },
        { .operation = OPERATION_RELEASE, .name = "a" },
        { .operation = OPERATION_ACCEPT, .domain = "5" },
        { .operation = OPERATION_FORGET, .domain = "5" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pairs pairs = { 0 };
        struct request request = { 0 };
        struct err err = { 0 };

        check_row = operation_word(all[i].operation);
        request_format(&all[i], &pairs);
        CHECK_INT(request_parse_pairs(&request, &pairs, &err), 0);
        check_fields(&request, &all[i]);
    }
}

static void fill_disks(struct request *request, size_t count)
{
    for (size_t i = 0; i < count; i++)
        snprintf(request->disks[i].vdev, VDEV_SIZE, "disk12345678%03zu", i);
    request->disk_count = count;
}

static void as_many_disks_as_there_may_be(void)
{
    struct request largest = { .operation = OPERATION_CREATE, .domain = "5", .name = A128, .description = A512,
                               .type = PLACE_EXTERNAL, .dry_run = true, .memory = "/" A128 };
    struct request again = { 0 };
    struct pairs pairs = { 0 };
    struct err err = { 0 };

    fill_disks(&largest, DISKS_MAX);
    request_format(&largest, &pairs); /* "disks", the longest there is */
    CHECK_INT(request_parse_pairs(&again, &pairs, &err), 0);
    check_fields(&again, &largest);

    for (size_t i = 0; i < DISKS_MAX; i++) {
        largest.disks[i].place = PLACE_EXTERNAL;
        memset(largest.disks[i].target, 'x', PATH_SIZE - 1);
        largest.disks[i].target[0] = '/';
    }
    pairs.count = 0;
    request_format(&largest, &pairs);
    CHECK((long long)pairs.count <= PAIRS_MAX);
    again = (struct request){ 0 };
    CHECK_INT(request_parse_pairs(&again, &pairs, &err), 0);
    check_fields(&again, &largest);
}

static void one_disk_too_many(void)
{
    struct request request = { 0 };
    struct err err = { 0 };
    char line[REQUEST_LINE_MAX] = "create disks=a0";

    for (int i = 1; i < DISKS_MAX; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), ",a%d", i);
    CHECK_INT(request_parse_line(&request, line, strlen(line), &err), 0);
    CHECK_INT((long long)request.disk_count, DISKS_MAX);
    snprintf(line + strlen(line), sizeof line - strlen(line), ",b");
    request = (struct request){ 0 };
    CHECK_INT(request_parse_line(&request, line, strlen(line), &err), -1);
    CHECK_HAS(err.text, "more than 32 disks");
}

static void id_is_not_formatted(void)
{
    const struct request request = { .id = "r1", .operation = OPERATION_LIST };
    struct pairs pairs = { 0 };

    request_format(&request, &pairs);
    CHECK_INT((long long)pairs.count, 1);
    CHECK_STR(pairs_get(&pairs, "operation"), "list");
}

static void words(void)
{
    CHECK_STR(operation_word(OPERATION_CREATE), "create");
    CHECK_STR(operation_word(OPERATION_LIST), "list");
    CHECK_STR(operation_word(OPERATION_DELETE), "delete");
    CHECK_STR(operation_word(OPERATION_REVERT), "revert");
    CHECK_STR(operation_word(OPERATION_CANCEL), "cancel");
    CHECK_STR(operation_word(OPERATION_RELEASE), "release");
    CHECK_STR(operation_word(OPERATION_ACCEPT), "accept");
    CHECK_STR(operation_word(OPERATION_FORGET), "forget");
    CHECK_STR(operation_word(OPERATION_NONE), "none");
    CHECK_STR(operation_word((enum operation)99), "none");
}

static const struct check_test tests[] = {
    { "each shorthand line is taken or refused as the table says", each_line },
    { "a NUL in a line is refused", nul_in_the_line },
    { "a line has at most 2048 bytes", line_too_long },
    { "a value has at most 1023 bytes", value_as_long_as_it_may_be },
    { "a line has at most 47 keys", many_keys },
    { "a directory is taken with its keys in any order, and keeps its id", of_a_directory },
    { "a directory is refused for a key or value that is wrong, and keeps its id", directory_refused },
    { "a directory without an operation is refused", directory_without_operation },
    { "what is formatted is parsed back", comes_back },
    { "32 disks fit, each with the longest path", as_many_disks_as_there_may_be },
    { "33 disks are refused", one_disk_too_many },
    { "the id is no part of the canonical form", id_is_not_formatted },
    { "operations have the words of the protocol", words },
};

CHECK_MAIN(tests)
