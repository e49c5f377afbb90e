/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images.h"

#include "files.h"
#include "images_note.h"
#include "snapshot.h"

#define FILE_PATH "store/" VM1 "/images.json"
#define LEDGER(list) "{ \"version\": 2, \"ledger\": " list " }"

static void put(char *text, size_t size, const struct image *image)
{
    static const char *const roles[] = { "made", "head", "content", "retired" };
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s %s %s%s%s%s%s%s%s%s\n", image->path, image->made ? "ours" : "theirs",
             roles[image->role], *image->vdev ? " " : "", image->vdev, *image->snapshot ? " " : "", image->snapshot,
             image->role == IMAGE_RETIRED ? " " : "", image->role == IMAGE_RETIRED ? image_why_word(image->why) : "",
             image->waits ? " waits" : image->leaving ? " leaving" : "");
    if (*image->merging)
        snprintf(text + strlen(text) - 1, size - strlen(text) + 1, " < %s\n", image->merging);
}

/* The list as it stands on disk, one image a line: "PATH ours|theirs ROLE [waits|leaving] [< MERGING]".  Good until the
 * next call. */
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
        put(text, sizeof text, &images.item[i]);
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

/* What a create, a delete and a revert tell of it, one after the other. */
static void told_of(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = { .id = ID1, .vm = VM1, .disk_count = 2 };
    struct images_disk now = { "xvda", "/srv/o" }, next = { "xvda", "/srv/n" };
    struct err err = { 0 };

    record.disks[0] = (struct record_disk){ .vdev = "xvda", .place = PLACE_EXTERNAL, .target = "/srv/b",
                                            .format = "raw", .overlay = "/srv/o" };
    record.disks[1] = (struct record_disk){ .vdev = "xvdb", .place = PLACE_INTERNAL, .target = "/srv/i" };
    new_vm(store, VM1);
    CHECK_INT(images_note_overlay(store, VM1, &record.disks[0], 1 << 20, "", &err), 0);
    CHECK_STR(stored(store), "/srv/b theirs head xvda\n/srv/o ours made\n");
    CHECK_INT(scratch_mode(&scratch, FILE_PATH), 0600);
    CHECK(!scratch_has(&scratch, FILE_PATH ".new"));
    CHECK_INT(images_note_heads(store, &record, &err), 0);
    CHECK_STR(stored(store), "/srv/b theirs head xvda\n/srv/o ours head xvda\n");
    CHECK_INT(images_note_content(store, &record, &err), 0);
    CHECK_STR(stored(store), "/srv/b theirs content " ID1 "\n/srv/o ours head xvda\n");
    CHECK_INT(images_note_made(store, VM1, "/srv/n", &err), 0);
    CHECK_INT(images_note_leaving(store, VM1, &now, 1, &err), 0);
    CHECK_INT(images_note_next(store, VM1, &next, 1, &err), 0);
    CHECK_STR(stored(store), "/srv/b theirs content " ID1 "\n/srv/o ours head xvda leaving\n/srv/n ours head xvda\n");
    CHECK_INT(images_retire_left(store, VM1, &next, 1, &err), 0);
    CHECK_INT(images_retire_content(store, &record, true, &err), 0);
    CHECK_STR(stored(store), "/srv/b theirs retired deleted waits\n/srv/o ours retired replaced\n"
                             "/srv/n ours head xvda\n");
    CHECK_INT(images_retire(store, VM1, "/srv/none", WHY_UNUSED, false, &err), 0);
    CHECK_INT(images_forget(store, VM1, "/srv/none", &err), 0);
    CHECK_INT(images_forget(store, VM1, "/srv/b", &err), 0);
    CHECK_INT(images_forget(store, VM1, "/srv/n", &err), 0);
    CHECK_INT(images_retire(store, VM1, "/srv/o", WHY_MERGED, true, &err), 0);
    CHECK_STR(stored(store), "/srv/o ours retired merged waits\n");
    CHECK_INT(images_forget(store, VM1, "/srv/o", &err), 0);
    CHECK(!scratch_has(&scratch, FILE_PATH)); /* and with the last one the file goes */
    CHECK_STR(stored(store), "");
}

/* What is leaving stays if the revert is given up, and so does what the new domain has, too. */
static void leaving_is_taken_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images_disk now[] = { { "xvda", "/srv/a" }, { "xvdb", "/srv/b" } };
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note_head(store, VM1, "xvda", "/srv/a", "qcow2", &err), 0);
    CHECK_INT(images_note_head(store, VM1, "xvdb", "/srv/b", "qcow2", &err), 0);
    CHECK_INT(images_note_leaving(store, VM1, now, 2, &err), 0);
    CHECK_STR(stored(store), "/srv/a theirs head xvda leaving\n/srv/b theirs head xvdb leaving\n");
    CHECK_INT(images_note_leaving(store, VM1, NULL, 0, &err), 0);
    CHECK_STR(stored(store), "/srv/a theirs head xvda\n/srv/b theirs head xvdb\n");
    CHECK_INT(images_note_leaving(store, VM1, now, 2, &err), 0);
    CHECK_INT(images_retire_left(store, VM1, now + 1, 1, &err), 0);
    CHECK_STR(stored(store), "/srv/a theirs retired replaced\n/srv/b theirs head xvdb\n");
}

/* Who notes an image again may know less of it: what is ours stays ours, and what is not never becomes it. */
static void noted_twice(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note_made(store, VM1, "/srv/ours", &err), 0);
    CHECK_INT(images_note_head(store, VM1, "xvda", "/srv/ours", "qcow2", &err), 0);
    CHECK_INT(images_note_head(store, VM1, "xvdb", "/srv/theirs", "qcow2", &err), 0);
    CHECK_INT(images_note_made(store, VM1, "/srv/theirs", &err), 0);
    CHECK_INT(images_set_merging(store, VM1, "/srv/theirs", "/srv/ours", false, &err), 0);
    CHECK_INT(images_note_made(store, VM1, "/srv/theirs", &err), 0);
    CHECK_STR(stored(store), "/srv/ours ours head xvda\n/srv/theirs theirs head xvdb < /srv/ours\n");
    CHECK_INT(images_set_merging(store, VM1, "/srv/theirs", NULL, false, &err), 0);
    CHECK_STR(stored(store), "/srv/ours ours head xvda\n/srv/theirs theirs head xvdb\n");
    CHECK_INT(images_set_merging(store, VM1, "/srv/none", "/srv/ours", false, &err), -1);
}

static bool is_version(const struct scratch *scratch, int version)
{
    FILE *file = fopen(scratch_path(scratch, FILE_PATH), "r");
    char text[64] = "";
    int is = -1;

    if (file && fgets(text, sizeof text, file) && fgets(text, sizeof text, file))
        sscanf(text, " \"version\": %d", &is);
    if (file)
        fclose(file);
    return is == version;
}

/* What is released is never ours again; and who does not know what that is, or what is set apart, refuses the file. */
static void handed_over(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images images = { 0 };
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note_made(store, VM1, "/srv/o", &err), 0);
    CHECK_INT(images_note_head(store, VM1, "xvda", "/srv/o", "qcow2", &err), 0);
    CHECK(is_version(&scratch, 2));
    CHECK_INT(images_release(store, VM1, "/srv/o", &err), 0);
    CHECK_STR(stored(store), "/srv/o theirs retired released\n");
    CHECK(is_version(&scratch, 3));
    CHECK_INT(images_note_made(store, VM1, "/srv/o", &err), 0);
    CHECK_INT(images_note_head(store, VM1, "xvda", "/srv/o", "qcow2", &err), 0);
    CHECK_STR(stored(store), "/srv/o theirs head xvda\n");
    CHECK(is_version(&scratch, 2));
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    images.item->apart = true;
    CHECK_INT(images_save(&images, store, VM1, &err), 0);
    images_deinit(&images);
    CHECK(is_version(&scratch, 3));
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(images.count == 1 && images.item->apart);
    images_deinit(&images);
}

static void tags_wait(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images images = { 0 };
    struct err err = { 0 };
    char tag[TAG_SIZE];

    new_vm(store, VM1);
    for (int i = 0; i < IMAGE_TAGS_MAX; i++) {
        snprintf(tag, sizeof tag, "tag-%d", i);
        CHECK_INT(images_add_tag(store, VM1, "/srv/a", tag, &err), 0);
    }
    CHECK_INT(images_add_tag(store, VM1, "/srv/a", "tag-3", &err), 0); /* it waits already */
    CHECK_INT(images_add_tag(store, VM1, "/srv/a", "one-more", &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    CHECK_INT(images_remove_tag(store, VM1, "/srv/a", "tag-31", &err), 0);
    CHECK_INT(images_remove_tag(store, VM1, "/srv/a", "tag-0", &err), 0);
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    if (CHECK_INT((long long)images.count, 1) && CHECK_INT((long long)images.item->tag_count, IMAGE_TAGS_MAX - 2))
        CHECK_STR(images.item->tags[0], "tag-30");
    CHECK_STR(stored(store), "/srv/a theirs head\n");
    images_deinit(&images);
}

/* The first version's: what it made may be a disk, and what it did not make was the content of what was deleted. */
static void of_the_first_version(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct images images = { 0 };
    struct err err = { 0 };

    new_vm(store, VM1);
    scratch_write(&scratch, FILE_PATH,
                  "{ \"images\": [ { \"path\": \"/a\" }, { \"path\": \"/b\", \"made\": \"true\" },"
                  " { \"path\": \"/c\", \"made\": false, \"merging\": \"/d\", \"remove\": [ \"t\" ] },"
                  " { \"path\": \"/d\", \"made\": true } ], \"x\": 1 }");
    CHECK_STR(stored(store), "/a theirs retired deleted\n/b theirs retired deleted\n/c theirs retired deleted < /d\n"
                             "/d ours head\n");
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(images.old);
    CHECK_INT((long long)images.item[2].tag_count, 1);
    CHECK_INT(images_save(&images, store, VM1, &err), 0);
    images_deinit(&images);
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(!images.old);
    images_deinit(&images);
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
    CHECK_INT(images_note_made(store, VM1, path, &err), 0);
    CHECK_INT(images_set_merging(store, VM1, path, upper, false, &err), 0);
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    if (CHECK(images_find(&images, path) != NULL)) {
        CHECK_STR(images_find(&images, path)->merging, upper);
        CHECK(!images_find(&images, path)->arrived && images_find(&images, path)->this_boot);
        memset(images_find(&images, path)->boot, '0', 8); /* in another run of the host */
    }
    CHECK_INT(images_save(&images, store, VM1, &err), 0);
    images_deinit(&images);
    CHECK_INT(images_set_merging(store, VM1, path, upper, true, &err), 0);
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(images_find(&images, path) && images_find(&images, path)->arrived);
    images_deinit(&images);
    CHECK_INT(images_set_merging(store, VM1, path, upper, false, &err), 0); /* taken back: it is not begun anew */
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(images_find(&images, path) && !images_find(&images, path)->this_boot);
    images_deinit(&images);
    CHECK_INT(images_set_merging(store, VM1, path, upper, false, &err), 0); /* begun anew */
    CHECK_INT(images_load(&images, store, VM1, &err), 0);
    CHECK(images_find(&images, path) && images_find(&images, path)->this_boot);
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
        CHECK(images_add(&images, path, "qcow2", i % 2) != NULL);
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
        "{ \"version\": 2 }", LEDGER("7"), LEDGER("[ 7 ]"), LEDGER("[ { } ]"),
        "{ \"version\": 4, \"ledger\": [ ] }", "{ \"ledger\": [ ] }",
        LEDGER("[ { \"path\": \"/srv/a\" } ]"), LEDGER("[ { \"role\": \"made\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"orphan\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"head\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"content\", \"snapshot\": \"s1\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"retired\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"retired\", \"why\": \"old\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"made\", \"format\": \"vpc\" } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"made\", \"merging\": 7 } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"made\", \"remove\": [ 7 ] } ]"),
        LEDGER("[ { \"path\": \"/srv/a\", \"role\": \"made\" }, { \"path\": \"/srv/a\", \"role\": \"made\" } ]"),
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
        CHECK_INT(images_note_made(store, VM1, "/srv/b", &err), -1);
        CHECK_INT(images_forget(store, VM1, "/srv/a", &err), -1);
        CHECK_INT(images_set_merging(store, VM1, "/srv/a", "/srv/b", false, &err), -1);
        after = file_read(scratch.dir, FILE_PATH);
        CHECK_STR(after, rows[i]);
    }
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
    CHECK_INT(images_note_made(store, VM2, "/srv/a", &err), -1); /* the journal makes the VM's directory */
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(!scratch_has(&scratch, "store/" VM2));
}

static void killed_while_it_is_written(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(images_note_made(store, VM1, "/srv/a", &err), 0);
    scratch_write(&scratch, FILE_PATH ".new", "{ \"ima");
    CHECK_STR(stored(store), "/srv/a ours made\n");
    CHECK_INT(images_note_head(store, VM1, "xvda", "/srv/b", "qcow2", &err), 0);
    CHECK_STR(stored(store), "/srv/a ours made\n/srv/b theirs head xvda\n");
    CHECK(!scratch_has(&scratch, FILE_PATH ".new"));
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    int before = scratch_descriptors();
    struct err err = { 0 };

    images_note_made(store, VM1, "/srv/a", &err);
    new_vm(store, VM1);
    images_note_made(store, VM1, "/srv/a", &err);
    images_set_merging(store, VM1, "/srv/a", "/srv/b", false, &err);
    images_forget(store, VM1, "/srv/a", &err);
    scratch_write(&scratch, FILE_PATH, "{");
    images_note_made(store, VM1, "/srv/a", &err);
    images_forget(store, VM1, "/srv/a", &err);
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "no images are no file", nothing_is_no_file },
    { "operations tell what images are, and the file goes with the last one", told_of },
    { "what a revert was going to replace stays if it is given up", leaving_is_taken_back },
    { "an image that is noted twice stays as it is", noted_twice },
    { "internal snapshots wait for their removal, up to a limit", tags_wait },
    { "a list of the first version is read, and written anew", of_the_first_version },
    { "what is released is theirs, and no older version reads past it", handed_over },
    { "the longest paths come back", longest_path },
    { "a list finds, adds and removes", in_memory },
    { "a damaged list is corrupt, and is not written over", damaged },
    { "a list that cannot be read or written says so", cannot_be_read },
    { "what a crash has left of a list is no list", killed_while_it_is_written },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
