/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "planning.h"

static void check_refused(struct plan *plan, enum err_code code, const char *part)
{
    CHECK_INT(run(plan), -1);
    CHECK_STR(err_word(plan->err.code), err_word(code));
    CHECK_HAS(plan->err.text, part);
}

static const char *default_overlay(const struct plan *plan, const char *vdev)
{
    static char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/store/" VM1 "/disk_%s.11111111.qcow2", plan->scratch.path, vdev);
    return path;
}

/* ---- which disks, and where ----------------------------------------------------------------------------- */

static void nothing_said(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "qcow2");
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, 2);
    CHECK_INT((long long)plan.record.left_out_count, 0);
    CHECK_STR(plan.record.disks[0].vdev, "xvda");
    CHECK_STR(plan.record.disks[1].vdev, "xvdb");
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(plan.record.disks[i].place, PLACE_INTERNAL);
        CHECK_STR(plan.record.disks[i].target, plan.config.disks[i].target);
        CHECK_STR(plan.record.disks[i].format, "qcow2");
        CHECK_STR(plan.record.disks[i].tag, "xensnap-" ID1);
        CHECK_STR(plan.record.disks[i].overlay, "");
    }
}

static void all_external(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "raw");
    plan.request.type = PLACE_EXTERNAL;
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(plan.record.disks[i].place, PLACE_EXTERNAL);
        CHECK_STR(plan.record.disks[i].format, plan.config.disks[i].format);
        CHECK_STR(plan.record.disks[i].overlay, default_overlay(&plan, plan.config.disks[i].vdev));
        CHECK_STR(plan.record.disks[i].tag, "");
    }
    CHECK(!scratch_has(&plan.scratch, "store/" VM1)); /* a plan makes nothing */
}

/* What is said of a disk goes before what is said of all. */
static void each_its_own(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "raw");
    add_disk(&plan, "xvdc", "qcow2");
    add_disk(&plan, "xvdd", "qcow2");
    plan.request.type = PLACE_EXTERNAL;
    wish(&plan, "xvda", "internal");
    wish(&plan, "xvdc,xvdb", "");
    wish_target(&plan, "xvdd", at(&plan, "mine.qcow2"));
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, 4);
    CHECK_INT(plan.record.disks[0].place, PLACE_INTERNAL);
    CHECK_STR(plan.record.disks[1].overlay, default_overlay(&plan, "xvdb"));
    CHECK_STR(plan.record.disks[2].overlay, default_overlay(&plan, "xvdc"));
    CHECK_STR(plan.record.disks[3].overlay, at(&plan, "mine.qcow2"));
    CHECK(!scratch_has(&plan.scratch, "mine.qcow2"));
}

static void what_cannot_be_written_is_left_out(void)
{
    _cleanup_(plan_remove) struct plan plan;
    struct xl_disk *disk;

    plan_make(&plan);
    disk = add_disk(&plan, "hdc", "raw"); /* a drive without a medium */
    disk->cdrom = true;
    disk->writable = false;
    *disk->target = '\0';
    disk = add_disk(&plan, "xvdb", "raw");
    disk->writable = disk->qdisk = false;
    add_disk(&plan, "xvda", "qcow2");
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, 1);
    CHECK_STR(plan.record.disks[0].vdev, "xvda");
    if (!CHECK_INT((long long)plan.record.left_out_count, 2))
        return;
    CHECK_STR(plan.record.left_out[0].vdev, "hdc");
    CHECK_STR(plan.record.left_out[0].why, "cdrom");
    CHECK_STR(plan.record.left_out[1].vdev, "xvdb");
    CHECK_STR(plan.record.left_out[1].why, "read-only");
}

/* Memory and disks of different moments would be worse than nothing. */
static void not_all_of_them(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "phantom")->qdisk = false; /* could not be snapshotted, and need not be */
    wish(&plan, "xvda", "");
    check_refused(&plan, ERR_INVALID, "xvdb");
    plan.request.disk_only = true;
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, 1);
    CHECK_STR(plan.record.disks[0].vdev, "xvda");
    if (!CHECK_INT((long long)plan.record.left_out_count, 1))
        return;
    CHECK_STR(plan.record.left_out[0].vdev, "xvdb");
    CHECK_STR(plan.record.left_out[0].why, "not asked for");
}

static void wishes_that_cannot_be(void)
{
    _cleanup_(plan_remove) struct plan plan;
    struct xl_disk *disk;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    disk = add_disk(&plan, "hdc", "raw");
    disk->cdrom = true;
    add_disk(&plan, "xvdb", "qcow2")->writable = false;
    plan.request.disk_only = true;
    wish(&plan, "xvdz", "internal");
    check_refused(&plan, ERR_NOT_FOUND, "no disk xvdz");
    plan.request.disk_count = 0;
    wish(&plan, "hdc", "");
    check_refused(&plan, ERR_INVALID, "hdc is a CD-ROM");
    plan.request.disk_count = 0;
    wish(&plan, "xvdb", "external");
    check_refused(&plan, ERR_INVALID, "xvdb is read-only");
}

/* One row is one disk that stands in the way of the whole snapshot, and is named. */
static void disks_that_cannot_be(void)
{
    static const struct {
        const char *format, *target; /* target: below the scratch directory, or as it is */
        bool kernel;
        enum place type;
        enum err_code code;
        const char *part;
    } rows[] = {
        { "qcow2", NULL, true, PLACE_INTERNAL, ERR_UNSUPPORTED, "phy" },
        { "raw", NULL, true, PLACE_EXTERNAL, ERR_UNSUPPORTED, "phy" },
        { "vhd", NULL, false, PLACE_EXTERNAL, ERR_UNSUPPORTED, "format vhd" },
        { "qcow", NULL, false, PLACE_INTERNAL, ERR_UNSUPPORTED, "format qcow;" },
        { "", NULL, false, PLACE_INTERNAL, ERR_UNSUPPORTED, "only qcow2 and raw" },
        { "raw", NULL, false, PLACE_INTERNAL, ERR_UNSUPPORTED, "raw, which has no internal" },
        { "raw", NULL, false, PLACE_DEFAULT, ERR_UNSUPPORTED, "raw, which has no internal" },
        { "qcow2", "", false, PLACE_INTERNAL, ERR_UNSUPPORTED, "absolute path" },
        { "qcow2", "relative.img", false, PLACE_EXTERNAL, ERR_UNSUPPORTED, "absolute path" },
        { "raw", "nbd:localhost:10809", false, PLACE_EXTERNAL, ERR_UNSUPPORTED, "absolute path" },
        { "qcow2", "/none/at all", false, PLACE_INTERNAL, ERR_IO, "No such file" },
        { "raw", "/dev/null", false, PLACE_EXTERNAL, ERR_UNSUPPORTED, "a device and no file" },
        { "qcow2", "/", false, PLACE_INTERNAL, ERR_UNSUPPORTED, "a device and no file" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(plan_remove) struct plan plan;
        struct xl_disk *disk;

        check_row = rows[i].part;
        plan_make(&plan);
        add_disk(&plan, "xvda", "qcow2");
        disk = add_disk(&plan, "xvdb", rows[i].format);
        disk->qdisk = !rows[i].kernel;
        if (rows[i].target)
            snprintf(disk->target, sizeof disk->target, "%s", rows[i].target);
        plan.request.type = rows[i].type;
        check_refused(&plan, rows[i].code, "disk xvdb");
        CHECK_HAS(plan.err.text, rows[i].part);
    }
}

static void path_that_may_have_been_cut(void)
{
    _cleanup_(plan_remove) struct plan plan;
    struct xl_disk *disk;

    plan_make(&plan);
    disk = add_disk(&plan, "xvda", "qcow2");
    memset(disk->target, 'a', sizeof disk->target - 1);
    disk->target[0] = '/';
    disk->target[sizeof disk->target - 1] = '\0';
    check_refused(&plan, ERR_IO, "xvda");
}

static void as_many_as_there_may_be(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    for (int i = 0; i < DISKS_MAX; i++) {
        char vdev[VDEV_SIZE];

        snprintf(vdev, sizeof vdev, "disk%d", i);
        add_disk(&plan, vdev, "qcow2");
    }
    check_planned(&plan);
    CHECK_INT((long long)plan.record.disk_count, DISKS_MAX);
    add_disk(&plan, "onemore", "qcow2")->writable = false;
    check_refused(&plan, ERR_UNSUPPORTED, "more than 32");
}

static void no_disks(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    check_planned(&plan); /* memory is something */
    plan.request.disk_only = true;
    check_refused(&plan, ERR_UNSUPPORTED, "no disk");
    add_disk(&plan, "hdc", "raw")->cdrom = true;
    check_refused(&plan, ERR_UNSUPPORTED, "no disk");
}

/* ---- files that are to be made -------------------------------------------------------------------------- */

/* In rows: below the scratch directory, where the store is "store", "taken" is a file and "dir" a directory. */
static const struct new_file {
    const char *path;
    enum err_code code;
} new_files[] = {
    { "new.qcow2", ERR_NONE },
    { "dir/new", ERR_NONE },
    { "store2", ERR_NONE },
    { "taken", ERR_EXISTS },
    { "dir", ERR_EXISTS },
    { "link", ERR_EXISTS },
    { "dangling", ERR_EXISTS },
    { "none/new.qcow2", ERR_NOT_FOUND },
    { "taken/new.qcow2", ERR_NOT_FOUND },
    { "store/" VM1 "/mine.qcow2", ERR_NONE }, /* whose directory is made when it is needed */
    { "store/" VM1 "/mine.save", ERR_NONE },
    { "store/" VM1 "/journal", ERR_INVALID },
    { "store/" VM1 "/images.json", ERR_INVALID },
    { "store/" VM1 "/.draft", ERR_INVALID },
    { "store/" VM1 "/" ID1 "/mine.qcow2", ERR_INVALID },
    { "store/" VM2 "/mine.qcow2", ERR_INVALID },
    { "store/mine.qcow2", ERR_INVALID },
    { "a,b.qcow2", ERR_INVALID },
    { "a\"b.qcow2", ERR_INVALID },
    { "a\\b.qcow2", ERR_INVALID },
    { "plain/new.qcow2", ERR_INVALID }, /* a link to "not,plain" */
    { "not,plain/new.qcow2", ERR_INVALID },
    { "it's = new; %s #1.qcow2", ERR_NONE },
};

static void make_surroundings(const struct plan *plan)
{
    scratch_write(&plan->scratch, "taken", "precious");
    CHECK_INT(mkdirat(plan->scratch.dir, "dir", 0700), 0);
    CHECK_INT(symlinkat("taken", plan->scratch.dir, "link"), 0);
    CHECK_INT(symlinkat("nowhere", plan->scratch.dir, "dangling"), 0);
    CHECK_INT(mkdirat(plan->scratch.dir, "not,plain", 0700), 0);
    CHECK_INT(symlinkat("not,plain", plan->scratch.dir, "plain"), 0);
}

static void places_of_overlays(void)
{
    for (size_t i = 0; i < sizeof new_files / sizeof *new_files; i++) {
        _cleanup_(plan_remove) struct plan plan;

        check_row = new_files[i].path;
        plan_make(&plan);
        make_surroundings(&plan);
        add_disk(&plan, "xvda", "qcow2");
        wish_target(&plan, "xvda", at(&plan, new_files[i].path));
        if (new_files[i].code) {
            check_refused(&plan, new_files[i].code, "disk xvda");
            continue;
        }
        check_planned(&plan);
        CHECK_STR(plan.record.disks[0].overlay, at(&plan, new_files[i].path));
        CHECK(!scratch_has(&plan.scratch, new_files[i].path));
    }
}

static void places_of_the_memory(void)
{
    for (size_t i = 0; i < sizeof new_files / sizeof *new_files; i++) {
        _cleanup_(plan_remove) struct plan plan;

        check_row = new_files[i].path;
        plan_make(&plan);
        make_surroundings(&plan);
        snprintf(plan.request.memory, sizeof plan.request.memory, "%s", at(&plan, new_files[i].path));
        if (new_files[i].code)
            check_refused(&plan, new_files[i].code, "memory");
        else
            check_planned(&plan);
    }
}

static void overlay_on_the_image_itself(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    wish_target(&plan, "xvda", plan.config.disks[0].target);
    check_refused(&plan, ERR_EXISTS, "xvda");
}

/* What is kept in the images or in the store's own files goes on in such a store, too. */
static void store_that_is_not_plain(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    store_close(plan.store);
    CHECK_INT(store_open(&plan.store, at(&plan, "st,ore"), &plan.err), 0);
    add_disk(&plan, "xvda", "qcow2");
    check_planned(&plan);
    plan.request.type = PLACE_EXTERNAL;
    check_refused(&plan, ERR_UNSUPPORTED, "disk xvda: the store's path");
    wish_target(&plan, "xvda", at(&plan, "mine.qcow2"));
    check_planned(&plan);
}

static void overlays_are_not_shared(void)
{
    _cleanup_(plan_remove) struct plan plan;

    plan_make(&plan);
    add_disk(&plan, "xvda", "qcow2");
    add_disk(&plan, "xvdb", "qcow2");
    wish_target(&plan, "xvda", at(&plan, "new"));
    wish_target(&plan, "xvdb", at(&plan, "new"));
    check_refused(&plan, ERR_INVALID, "share");
    CHECK_HAS(plan.err.text, "xvda");
    CHECK_HAS(plan.err.text, "xvdb");
}

static const struct check_test tests[] = {
    { "every writable disk is taken, inside its image, if nothing else is said", nothing_said },
    { "external ones go on in the store, raw ones too", all_external },
    { "what is said of a disk goes before what is said of all", each_its_own },
    { "CD-ROMs and read-only disks are left out, whatever they are", what_cannot_be_written_is_left_out },
    { "a disk that is not asked for is left out, but not beside memory", not_all_of_them },
    { "a disk that is not there or cannot be written is refused where it is asked for", wishes_that_cannot_be },
    { "a disk that cannot be snapshotted is refused by its name", disks_that_cannot_be },
    { "a path that may have been cut is refused", path_that_may_have_been_cut },
    { "32 disks are taken, 33 are not", as_many_as_there_may_be },
    { "a domain without disks has its memory, and alone nothing", no_disks },
    { "an overlay is new, in a directory that is there, and not in the store's way", places_of_overlays },
    { "so is a memory image", places_of_the_memory },
    { "an image is not its own overlay", overlay_on_the_image_itself },
    { "no overlay is made in a store whose path QEMU or xl would read otherwise", store_that_is_not_plain },
    { "two disks do not share an overlay", overlays_are_not_shared },
};

CHECK_MAIN(tests)
