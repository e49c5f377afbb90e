/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "planning.h"

static void memory_grows_with_the_domain(void)
{
    CHECK_INT(plan_memory_bytes(0), 64 << 20);
    CHECK(plan_memory_bytes(1LL << 20) >= (1LL << 30) + (64 << 20));
    CHECK(plan_memory_bytes(1LL << 32) >= 1LL << 42); /* 4 TiB */
}

static void room_for_the_memory(void)
{
    const long long too_much = 1LL << 50; /* KiB */
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    check_planned(&plan);
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), 0);
    CHECK_INT(plan_check_space(&plan.record, plan.store, too_much, &plan.err), -1);
    CHECK_INT(plan.err.code, ERR_NO_SPACE);
    CHECK_HAS(plan.err.text, "memory image");
    snprintf(plan.request.memory, sizeof plan.request.memory, "%s", at(&plan, "new"));
    check_planned(&plan);
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), 0);
    CHECK_INT(plan_check_space(&plan.record, plan.store, too_much, &plan.err), -1);
    *plan.request.memory = '\0';
    plan.request.disk_only = true;
    check_planned(&plan);
    CHECK_INT(plan_check_space(&plan.record, plan.store, too_much, &plan.err), 0); /* none is made */
}

/* /proc is a file system without a byte free, and on every machine. */
static void room_for_disks(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "raw");
    plan.request.type = PLACE_EXTERNAL;
    wish(&plan, "xvda", "internal");
    wish(&plan, "xvdb", "");
    check_planned(&plan);
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), 0);
    snprintf(plan.record.disks[1].overlay, PATH_SIZE, "/proc/new.qcow2");
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), -1);
    CHECK_INT(plan.err.code, ERR_NO_SPACE);
    CHECK_HAS(plan.err.text, "xvdb");
    snprintf(plan.record.disks[0].target, PATH_SIZE, "/proc/version");
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), -1);
    CHECK_HAS(plan.err.text, "xvda");
    /* what an external one stands on is not written to */
    check_planned(&plan);
    snprintf(plan.record.disks[1].target, PATH_SIZE, "/proc/version");
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), 0);
    snprintf(plan.record.memory_file, PATH_SIZE, "/proc/new.save");
    CHECK_INT(plan_check_space(&plan.record, plan.store, 1024, &plan.err), -1);
    CHECK_HAS(plan.err.text, "memory image");
}

static void tells_everything(void)
{
    static const struct record record = {
        .name = "gr\xc3\xbc\xc3\x9f", .vm = VM1, .state = "paused", .memory = true, .disk_count = 2,
        .disks = { { .vdev = "xvda", .place = PLACE_INTERNAL, .target = "/srv/a.qcow2" },
                   { .vdev = "xvdb", .place = PLACE_EXTERNAL, .target = "/srv/b.raw", .overlay = "/srv/b2.qcow2" } },
        .left_out_count = 1, .left_out = { { "hdc", "cdrom" } },
    };
    _cleanup_(plan_remove) struct plan plan;
    struct record other = record;
    char text[STATUS_PLAN_SIZE], forecast[64];

    plan_make(&plan);
    memset(text, 'x', sizeof text);
    plan_describe(&record, plan.store, 4096, text);
    CHECK(strstr(text, "snapshot gr\xc3\xbc\xc3\x9f of a paused domain\n") == text);
    CHECK_HAS(text, "\nmemory: 71303168 bytes in the store\n"); /* 4 + 64 MiB */
    CHECK_HAS(text, "\ndisk xvda: internal, in /srv/a.qcow2\n");
    CHECK_HAS(text, "\ndisk xvdb: external, /srv/b.raw is kept as it is and the domain goes on in /srv/b2.qcow2\n");
    CHECK_HAS(text, "\ndisk hdc: left out (cdrom)\n");
    snprintf(forecast, sizeof forecast, "\nforecast: %lld bytes", 71303168LL + 2 * (1 << 20));
    CHECK_HAS(text, forecast);
    CHECK(text[strlen(text) - 1] == '\n');
    snprintf(other.memory_file, sizeof other.memory_file, "/srv/m.save");
    plan_describe(&other, plan.store, 4096, text);
    CHECK_HAS(text, "\nmemory: 71303168 bytes in /srv/m.save\n");
    other.memory = false;
    plan_describe(&other, plan.store, 4096, text);
    CHECK(!strstr(text, "memory"));
    CHECK_HAS(text, "\nforecast: 2097152 bytes");
}

static void tells_whole_lines(void)
{
    _cleanup_(plan_remove) struct plan plan;
    char text[STATUS_PLAN_SIZE];
    struct record record = { .name = "n", .state = "running", .disk_count = DISKS_MAX };
    size_t lines = 0;

    plan_make(&plan);
    for (size_t i = 0; i < DISKS_MAX; i++) {
        record.disks[i].place = PLACE_INTERNAL;
        snprintf(record.disks[i].vdev, VDEV_SIZE, "xvd%zu", i);
        memset(record.disks[i].target, 't', 300);
    }
    plan_describe(&record, plan.store, 4096, text);
    CHECK(strlen(text) < sizeof text);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (!CHECK(end != NULL))
            return;
        CHECK(strncmp(line, "disk xvd", 8) != 0 || end[-1] == 't');
        lines++;
    }
    CHECK(lines > 10 && lines < DISKS_MAX);
}

static const struct check_test tests[] = {
    { "the forecast for memory grows with the domain", memory_grows_with_the_domain },
    { "where there is no room for the memory image it is refused", room_for_the_memory },
    { "where there is no room for a disk it is refused", room_for_disks },
    { "a plan is told line by line", tells_everything },
    { "a plan that is too long is told in whole lines", tells_whole_lines },
};

CHECK_MAIN(tests)
