/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot.h"

static void makes_its_root(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch), *again = NULL;
    struct err err = { 0 };

    CHECK_INT(scratch_mode(&scratch, "store"), 0700);
    CHECK_INT(store_open(&again, scratch_path(&scratch, "store"), &err), 0);
    CHECK(store_free_bytes(store) > 0);
    CHECK(store_close(NULL) == NULL);
}

static void no_root(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct store *store = NULL;
    struct err err = { 0 };

    CHECK_INT(store_open(&store, scratch_path(&scratch, "none/store"), &err), -1);
    CHECK_INT(err.code, ERR_IO);
    scratch_write(&scratch, "file", "");
    CHECK_INT(store_open(&store, scratch_path(&scratch, "file"), &err), -1);
    CHECK(store == NULL);
}

static void directory_of_a_vm(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };
    int dir;

    CHECK_INT(store_vm_dir(store, VM1, STORE_EXISTING, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(!scratch_has(&scratch, "store/" VM1));
    dir = store_vm_dir(store, VM1, STORE_MAKE, &err);
    CHECK(dir >= 0);
    closep(&dir);
    CHECK_INT(scratch_mode(&scratch, "store/" VM1), 0700);
    dir = store_vm_dir(store, VM1, STORE_EXISTING, &err);
    CHECK(dir >= 0);
    closep(&dir);
    dir = store_vm_dir(store, VM1, STORE_MAKE, &err);
    CHECK(dir >= 0);
    closep(&dir);
}

struct visited {
    int count, first, second;
};

static void visit(void *data, const char *vm)
{
    struct visited *visited = data;

    visited->count++;
    visited->first += strcmp(vm, VM1) == 0;
    visited->second += strcmp(vm, VM2) == 0;
}

static void visits_each_vm(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct visited visited = { 0 };
    struct err err;

    CHECK(store_each_vm(store, visit, &visited, &err) == 0);
    CHECK_INT(visited.count, 0);
    new_vm(store, VM1);
    new_vm(store, VM2);
    mkdirat(scratch.dir, "store/lost+found", 0700);
    mkdirat(scratch.dir, "store/0123ABCD-4567-89ab-cdef-0123456789ab", 0700);
    for (int i = 0; i < 2; i++)
        CHECK(store_each_vm(store, visit, &visited, &err) == 0);
    CHECK_INT(visited.first, 2);
    CHECK_INT(visited.second, 2);
    CHECK_INT(visited.count, 4);
}

static void a_file_is_no_vm(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct visited visited = { 0 };
    struct err err;

    scratch_write(&scratch, "store/" VM1, "");
    CHECK(store_each_vm(store, visit, &visited, &err) == 0);
    CHECK_INT(visited.count, 0);
}

static void journal_or_none(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);

    CHECK(!store_has_journal(store, VM1));
    new_vm(store, VM1);
    CHECK(!store_has_journal(store, VM1));
    scratch_write(&scratch, "store/" VM1 "/journal", "");
    CHECK(store_has_journal(store, VM1));
    CHECK(!store_has_journal(store, VM2));
}

static void list_of_nothing(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct snapshots snapshots;
    struct err err = { 0 };

    memset(&snapshots, 0xaa, sizeof snapshots);
    CHECK_INT(store_list(store, VM1, &snapshots, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_INT((long long)snapshots.count, 0);
    snapshots_deinit(&snapshots);
    new_vm(store, VM1);
    CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
    CHECK_INT((long long)snapshots.count, 0);
    CHECK_STR(snapshots.current, "");
    CHECK(snapshots_find(&snapshots, "a") == NULL);
    snapshots_deinit(&snapshots);
}

static void oldest_first(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record third = new_record(VM1, ID1, "third", 1700000000003);
    struct record first = new_record(VM1, ID2, "first", 1700000000001);
    struct record second = new_record(VM1, ID3, "second", 1700000000002);
    struct record other = new_record(VM2, ID1, "other", 1);
    struct snapshots snapshots;
    struct err err = { 0 };

    plant(&scratch, &third);
    plant(&scratch, &first);
    plant(&scratch, &second);
    plant(&scratch, &other);
    scratch_write(&scratch, "store/" VM1 "/current", ID3 "\n");
    CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
    if (CHECK_INT((long long)snapshots.count, 3)) {
        CHECK_STR(snapshots.records[0].name, "first");
        CHECK_STR(snapshots.records[1].name, "second");
        CHECK_STR(snapshots.records[2].name, "third");
        CHECK_STR(snapshots.records[2].disks[0].target, "/srv/a.qcow2");
    }
    CHECK_STR(snapshots.current, ID3);
    snapshots_deinit(&snapshots);
    CHECK(snapshots.records == NULL);
}

static void damaged_are_left_out(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record good = new_record(VM1, ID1, "good", 1), hidden = new_record(VM1, ID2, "hidden", 2);
    struct snapshots snapshots;
    struct err err = { 0 };

    plant(&scratch, &good);
    plant(&scratch, &hidden);
    CHECK_INT(renameat(scratch.dir, "store/" VM1 "/" ID2, scratch.dir, "store/" VM1 "/.draft"), 0);
    mkdirat(scratch.dir, "store/" VM1 "/" ID2, 0700);
    mkdirat(scratch.dir, "store/" VM1 "/" ID3, 0700);
    scratch_write(&scratch, "store/" VM1 "/" ID3 "/snapshot.json", "{ \"version\": 1,");
    scratch_write(&scratch, "store/" VM1 "/" VM2, "a file");
    CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
    if (CHECK_INT((long long)snapshots.count, 1))
        CHECK_STR(snapshots.records[0].name, "good");
    snapshots_deinit(&snapshots);
}

static void current_of_all_sorts(void)
{
    static const struct {
        const char *text, *current;
    } rows[] = {
        { ID1, ID1 },
        { ID1 "\n", ID1 },
        { "", "" },
        { "\n", "" },
        { "11111111", "" },
        { "this is not the id of any snapshot that there is", "" },
    };
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);

    new_vm(store, VM1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct snapshots snapshots;
        struct err err = { 0 };

        check_row = rows[i].text;
        scratch_write(&scratch, "store/" VM1 "/current", rows[i].text);
        CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
        CHECK_STR(snapshots.current, rows[i].current);
        snapshots_deinit(&snapshots);
    }
}

/* Somebody may name a snapshot with another one's id. */
static void found_by_name_then_by_id(void)
{
    struct record records[] = { new_record(VM1, ID1, "a", 1), new_record(VM1, ID2, ID1, 2) };
    struct snapshots snapshots = { .records = records, .count = 2 };

    CHECK(snapshots_find(&snapshots, "a") == &records[0]);
    CHECK(snapshots_find(&snapshots, ID1) == &records[1]);
    CHECK(snapshots_find(&snapshots, ID2) == &records[1]);
    CHECK(snapshots_find(&snapshots, "b") == NULL);
    CHECK(snapshots_find(&snapshots, "") == NULL);
}

/* Of one whose record cannot be read nobody knows the name. */
static void what_is_not_known_is_not_absent(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record good = new_record(VM1, ID1, "good", 1), lost = new_record(VM1, ID2, "lost", 2), found;
    struct err err = { 0 };

    plant(&scratch, &good);
    CHECK_INT(store_find(store, VM1, "lost", &found, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    plant(&scratch, &lost);
    scratch_write(&scratch, "store/" VM1 "/" ID2 "/snapshot.json", "{");
    CHECK_INT(store_find(store, VM1, "lost", &found, &err), -1);
    CHECK_INT(err.code, ERR_CORRUPT);
    CHECK(strstr(err.text, ID2) != NULL);
    CHECK_INT(store_find(store, VM1, "good", &found, &err), 0);
}

/* Images are told to QEMU by paths, which must not hang on where the agent was started or on a link. */
static void where_overlays_go(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch), *linked = NULL;
    char path[PATH_SIZE], wanted[PATH_SIZE];
    struct err err = { 0 };

    snprintf(wanted, sizeof wanted, "%s/store/" VM1 "/disk_xvda.11111111.qcow2", scratch.path);
    CHECK_INT(store_overlay_path(store, VM1, "xvda", ID1, path), 0);
    CHECK_STR(path, wanted);
    CHECK(store_is_inside(store, VM1, path));
    CHECK(!store_minds(store, VM1, path));
    CHECK_INT(symlinkat("store", scratch.dir, "link"), 0);
    CHECK_INT(store_open(&linked, scratch_path(&scratch, "link"), &err), 0);
    CHECK_INT(store_overlay_path(linked, VM1, "xvda", ID1, path), 0);
    CHECK_STR(path, wanted);
}

/* Directories in directories until the path is of that length. */
static void long_directory(const struct scratch *scratch, char *path, size_t wanted)
{
    size_t used = strlen(scratch->path);

    memcpy(path, scratch->path, used + 1);
    while (used < wanted) {
        size_t length = wanted - used > 200 ? 100 : wanted - used;

        path[used] = '/';
        memset(path + used + 1, 'd', length - 1);
        path[used += length] = '\0';
        CHECK_INT(mkdir(path, 0700), 0);
    }
}

static void no_overlay_that_is_too_long(void)
{
    const size_t behind = strlen("/" VM1 "/disk_xvda.11111111.qcow2");

    for (int more = 0; more < 2; more++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = NULL;
        char root[PATH_SIZE], path[PATH_SIZE];
        struct err err = { 0 };

        long_directory(&scratch, root, PATH_SIZE - 1 - behind + (size_t)more);
        if (CHECK_INT(store_open(&store, root, &err), 0))
            CHECK_INT(store_overlay_path(store, VM1, "xvda", ID1, path), more ? -1 : 0);
    }
}

static void no_root_that_is_too_long(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = NULL;
    char root[PATH_SIZE + 1];
    struct err err = { 0 };

    long_directory(&scratch, root, PATH_SIZE);
    CHECK_INT(store_open(&store, root, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_HAS(err.text, "too long");
    CHECK(store == NULL);
}

static void inside_or_not(void)
{
    static const struct {
        const char *path; /* below the store; NULL: as it is in OTHER */
        const char *other;
        bool inside, minds;
    } rows[] = {
        { "/" VM1 "/mine.qcow2", NULL, true, false },
        { "/" VM1 "/mine.save", NULL, true, false },
        { "/" VM1 "/a.b.save", NULL, true, false },
        { "/" VM1 "/current", NULL, true, true },
        { "/" VM1 "/journal", NULL, true, true },
        { "/" VM1 "/images.json", NULL, true, true },
        { "/" VM1 "/.draft", NULL, true, true },
        { "/" VM1 "/" ID1, NULL, true, true },
        { "/" VM1 "/mine.qcow2.new", NULL, true, true },
        { "/" VM1 "/mine.save2", NULL, true, true },
        { "/" VM1 "/qcow2", NULL, true, true },
        { "/" VM1 "/", NULL, false, true },
        { "/" VM1, NULL, false, true },
        { "/" VM1 "/" ID1 "/mine.qcow2", NULL, false, true },
        { "/" VM1 "/.draft/memory", NULL, false, true },
        { "/" VM2 "/mine.qcow2", NULL, false, true },
        { "/mine.qcow2", NULL, false, true },
        { "/" VM1 "x/mine.qcow2", NULL, false, true },
        { "", NULL, false, false }, /* the root itself; a file there cannot be made */
        { "2/" VM1 "/mine.qcow2", NULL, false, false },
        { "2/current", NULL, false, false },
        { NULL, "/srv/images/a", false, false },
        { NULL, "/srv/" VM1 "/current", false, false },
    };
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[PATH_SIZE];

        snprintf(path, sizeof path, "%s%s%s", rows[i].path ? scratch.path : "", rows[i].path ? "/store" : "",
                 rows[i].path ? rows[i].path : rows[i].other);
        check_row = path;
        CHECK_INT(store_is_inside(store, VM1, path), rows[i].inside);
        CHECK_INT(store_minds(store, VM1, path), rows[i].minds);
        check_row = NULL;
    }
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    int before = scratch_descriptors();
    struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct visited visited = { 0 };
    struct snapshots snapshots;
    struct err err = { 0 };

    plant(&scratch, &record);
    mkdirat(scratch.dir, "store/" VM1 "/" ID3, 0700);
    store_list(store, VM1, &snapshots, &err);
    snapshots_deinit(&snapshots);
    store_list(store, VM2, &snapshots, &err);
    store_each_vm(store, visit, &visited, &err);
    store_has_journal(store, VM1);
    store_close(store);
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "the root is made for nobody else to read", makes_its_root },
    { "a root that cannot be made or is a file is refused", no_root },
    { "a VM's directory is made only when it is asked for", directory_of_a_vm },
    { "each VM is visited and nothing else", visits_each_vm },
    { "a file with the name of a VM is none", a_file_is_no_vm },
    { "a journal is seen", journal_or_none },
    { "a VM without snapshots has an empty list, an unknown one none", list_of_nothing },
    { "a list is of one VM, oldest first, with the current one", oldest_first },
    { "drafts and damaged snapshots are left out", damaged_are_left_out },
    { "the current one is an id or nothing", current_of_all_sorts },
    { "a snapshot is found by its name first and by its id then", found_by_name_then_by_id },
    { "one that may be there and cannot be read is not said to be absent", what_is_not_known_is_not_absent },
    { "overlays go into the VM's directory, by its real path", where_overlays_go },
    { "a path that would be cut is no overlay's", no_overlay_that_is_too_long },
    { "a root whose path would be cut is refused", no_root_that_is_too_long },
    { "only right in the VM's directory, and under our endings, may a file be made in the store", inside_or_not },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
