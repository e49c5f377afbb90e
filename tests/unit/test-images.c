/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images.h"

#include "files.h"
#include "snapshot.h"

#define FILE_PATH "store/" VM1 "/images.json"

/* The list as it stands on disk, one image a line: "PATH made|found [MERGING]".  Good until the next call. */
static const char *stored(struct store *store)
{
    static char text[4096];
    struct images images;
    struct err err = { 0 };

    memset(&images, 0xaa, sizeof images);
    *text = '\0';
    if (!CHECK_INT(images_load(&images, store, VM1, &err), 0))
        return "(cannot be loaded)";
    for (size_t i = 0; i < images.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s %s\n", images.item[i].path,
                 images.item[i].made ? "made" : "found", images.item[i].merging);
    images_deinit(&images);
    return text;
}

static void nothing_is_no_file(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images none = { 0 };
    struct err err = { 0 };

    CHECK_STR(stored(store), ""); /* not even the VM */
    CHECK_INT(images_save(&none, store, VM1, &err), 0);
    CHECK(!scratch_has(&scratch, "store/" VM1));
    new_vm(store, VM1);
    CHECK_STR(stored(store), "");
    CHECK_INT(images_save(&none, store, VM1, &err), 0);
    CHECK(!scratch_has(&scratch, FILE_PATH));
}

static void noted_and_forgotten(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note(store, VM1, "/srv/a b.qcow2", true, &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/\"\xc3\xbc\".raw", false, &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/c", true, &err), 0);
    CHECK_STR(stored(store), "/srv/a b.qcow2 made \n/srv/\"\xc3\xbc\".raw found \n/srv/c made \n");
    CHECK_INT(scratch_mode(&scratch, FILE_PATH), 0600);
    CHECK(!scratch_has(&scratch, FILE_PATH ".new"));
    CHECK_INT(images_forget(store, VM1, "/srv/none", &err), 0);
    CHECK_INT(images_forget(store, VM1, "/srv/c", &err), 0);
    CHECK_INT(images_forget(store, VM1, "/srv/a b.qcow2", &err), 0);
    CHECK_STR(stored(store), "/srv/\"\xc3\xbc\".raw found \n");
    CHECK_INT(images_forget(store, VM1, "/srv/\"\xc3\xbc\".raw", &err), 0);
    CHECK(!scratch_has(&scratch, FILE_PATH)); /* and with the last one the file goes */
    CHECK_STR(stored(store), "");
}

/* Who notes an image again may know less of it: what is ours stays ours, and what is not never becomes it. */
static void noted_twice(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note(store, VM1, "/srv/ours", true, &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/ours", false, &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/theirs", false, &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/theirs", true, &err), 0);
    CHECK_INT(images_set_merging(store, VM1, "/srv/ours", "/srv/theirs", &err), 0);
    CHECK_INT(images_note(store, VM1, "/srv/ours", true, &err), 0);
    CHECK_STR(stored(store), "/srv/ours made /srv/theirs\n/srv/theirs found \n");
}

static void merging_is_kept(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note(store, VM1, "/srv/a", true, &err), 0);
    CHECK_INT(images_set_merging(store, VM1, "/srv/a", "/srv/b", &err), 0);
    CHECK_STR(stored(store), "/srv/a made /srv/b\n");
    CHECK_INT(images_set_merging(store, VM1, "/srv/a", NULL, &err), 0);
    CHECK_STR(stored(store), "/srv/a made \n");
    CHECK_INT(images_set_merging(store, VM1, "/srv/base", "/srv/a", &err), 0); /* the user's own */
    CHECK_STR(stored(store), "/srv/a made \n/srv/base found /srv/a\n");
}

static void longest_path(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    char path[PATH_SIZE], upper[PATH_SIZE];
    struct images images = { 0 };
    struct err err = { 0 };

    new_vm(store, VM1);
    memset(path, '"', sizeof path);
    memset(upper, '\\', sizeof upper);
    path[0] = upper[0] = '/';
    path[sizeof path - 1] = upper[sizeof upper - 1] = '\0';
    CHECK_INT(images_set_merging(store, VM1, path, upper, &err), 0);
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    if (CHECK(images_find(&images, path) != NULL))
        CHECK_STR(images_find(&images, path)->merging, upper);
    images_deinit(&images);
}

static void in_memory(void)
{
    struct images images = { 0 };
    char path[32];

    CHECK(images_find(&images, "/0") == NULL);
    images_remove(&images, "/0");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%d", i);
        CHECK(images_add(&images, path, i % 2) != NULL);
    }
    CHECK_INT((long long)images.count, 100);
    CHECK(images_find(&images, "/") == NULL && images_find(&images, "/100") == NULL);
    for (int i = 0; i < 100; i += 3) {
        snprintf(path, sizeof path, "/%d", i);
        images_remove(&images, path);
        CHECK(images_find(&images, path) == NULL);
    }
    CHECK_INT((long long)images.count, 66);
    for (int i = 0; i < 100; i++) {
        struct image *image;

        snprintf(path, sizeof path, "/%d", i);
        image = images_find(&images, path);
        if (CHECK((image != NULL) == (i % 3 != 0)) && image)
            CHECK_INT(image->made, i % 2);
    }
    images_deinit(&images);
    CHECK(images.item == NULL && images.count == 0);
}

/* It says which images are ours: where it cannot be read nothing may be taken for granted, and nothing be lost by
 * writing a new one over it. */
static void damaged(void)
{
    static const char *const rows[] = {
        "", "{", "[]", "7", "{}", "{ \"images\": 7 }", "{ \"images\": { } }", "{ \"images\": [ 7 ] }",
        "{ \"images\": [ \"/srv/a\" ] }", "{ \"images\": [ { } ] }", "{ \"images\": [ { \"path\": \"\" } ] }",
        "{ \"images\": [ { \"path\": 7 } ] }", "{ \"images\": [ { \"path\": \"a\" } ] }",
        "{ \"images\": [ { \"path\": \"/srv/../etc/passwd\", \"made\": true } ] }",
        "{ \"images\": [ { \"path\": \"/srv/a\", \"made\": true }, { \"made\": true } ] }",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        _cleanup_(freep) char *after = NULL;
        struct images images = { 0 };
        struct err err = { 0 };

        check_row = rows[i];
        new_vm(store, VM1);
        scratch_write(&scratch, FILE_PATH, rows[i]);
        CHECK_INT(images_load(&images, store, VM1, &err), -1);
        CHECK_INT(err.code, ERR_CORRUPT);
        CHECK_HAS(err.text, "images.json");
        images_deinit(&images);
        CHECK_INT(images_note(store, VM1, "/srv/b", true, &err), -1);
        CHECK_INT(images_forget(store, VM1, "/srv/a", &err), -1);
        CHECK_INT(images_set_merging(store, VM1, "/srv/a", "/srv/b", &err), -1);
        after = file_read(scratch.dir, FILE_PATH);
        CHECK_STR(after, rows[i]);
    }
}

/* What does not say that it is ours is not. */
static void ours_only_if_it_says_so(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);

    new_vm(store, VM1);
    scratch_write(&scratch, FILE_PATH,
                  "{ \"images\": [ { \"path\": \"/a\" }, { \"path\": \"/b\", \"made\": \"true\" },"
                  " { \"path\": \"/c\", \"made\": 1, \"later\": [ ] },"
                  " { \"path\": \"/d\", \"made\": true } ], \"x\": 1 }");
    CHECK_STR(stored(store), "/a found \n/b found \n/c found \n/d made \n");
}

static void cannot_be_read(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images images = { 0 };
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(mkdirat(scratch.dir, FILE_PATH, 0700), 0);
    CHECK_INT(images_load(&images, store, VM1, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    images_deinit(&images);
    CHECK_INT(images_note(store, VM2, "/srv/a", true, &err), -1); /* the journal makes the VM's directory */
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(!scratch_has(&scratch, "store/" VM2));
}

static void killed_while_it_is_written(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note(store, VM1, "/srv/a", true, &err), 0);
    scratch_write(&scratch, FILE_PATH ".new", "{ \"ima");
    CHECK_STR(stored(store), "/srv/a made \n");
    CHECK_INT(images_note(store, VM1, "/srv/b", false, &err), 0);
    CHECK_STR(stored(store), "/srv/a made \n/srv/b found \n");
    CHECK(!scratch_has(&scratch, FILE_PATH ".new"));
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    int before = scratch_descriptors();
    struct err err = { 0 };

    images_note(store, VM1, "/srv/a", true, &err);
    new_vm(store, VM1);
    images_note(store, VM1, "/srv/a", true, &err);
    images_set_merging(store, VM1, "/srv/a", "/srv/b", &err);
    images_forget(store, VM1, "/srv/a", &err);
    scratch_write(&scratch, FILE_PATH, "{");
    images_note(store, VM1, "/srv/a", true, &err);
    images_forget(store, VM1, "/srv/a", &err);
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "no images are no file", nothing_is_no_file },
    { "images are noted and forgotten, and the file goes with the last", noted_and_forgotten },
    { "an image that is noted twice stays as it is", noted_twice },
    { "what is being merged is kept until it is done", merging_is_kept },
    { "the longest paths come back", longest_path },
    { "a list finds, adds and removes", in_memory },
    { "a damaged list is corrupt, and is not written over", damaged },
    { "an image is ours only if it says so", ours_only_if_it_says_so },
    { "a list that cannot be read or written says so", cannot_be_read },
    { "what a crash has left of a list is no list", killed_while_it_is_written },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
