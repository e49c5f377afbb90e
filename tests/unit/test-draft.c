/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "draft.h"

#include <dirent.h>
#include <dlfcn.h>

#include "snapshot.h"

#define VM_DIR "store/" VM1 "/"

static bool unreadable; /* every directory */

/* In the place of the C library's. */
struct dirent *readdir(DIR *stream)
{
    static struct dirent *(*real)(DIR *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "readdir64");
    errno = unreadable ? EIO : errno;
    return unreadable ? NULL : real(stream);
}

static size_t listed(struct store *store, const char *vm)
{
    struct snapshots snapshots;
    struct err err = { 0 };
    size_t count;

    CHECK_INT(store_list(store, vm, &snapshots, &err), 0);
    count = snapshots.count;
    snapshots_deinit(&snapshots);
    return count;
}

/* A draft with all its files. */
static void make_draft(struct store *store, const struct record *record)
{
    _cleanup_(freep) char *text = record_format(record);
    struct err err = { 0 };
    int draft = draft_begin(store, record->vm, &err), memory = -1;

    CHECK(draft >= 0);
    memory = draft_create(draft, "memory", &err);
    CHECK(memory >= 0);
    CHECK(write(memory, "the memory", 10) == 10);
    CHECK_INT(draft_write(draft, "config.json", "{}", &err), 0);
    CHECK_INT(draft_write(draft, "snapshot.json", text, &err), 0);
    closep(&memory);
    closep(&draft);
}

static void becomes_a_snapshot(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), again;
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(draft_record(store, VM1, &again, &err), 0);
    make_draft(store, &record);
    CHECK_INT(scratch_mode(&scratch, VM_DIR ".draft"), 0700);
    CHECK_INT(scratch_mode(&scratch, VM_DIR ".draft/memory"), 0600);
    CHECK_INT((long long)listed(store, VM1), 0);
    CHECK_INT(draft_record(store, VM1, &again, &err), 1);
    CHECK_STR(again.name, "a");
    CHECK_INT(draft_commit(store, VM1, ID1, &err), 0);
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK(!scratch_has(&scratch, VM_DIR ".draft"));
    CHECK(scratch_has(&scratch, VM_DIR ID1 "/memory"));
    CHECK_INT(draft_record(store, VM1, &again, &err), 0);
}

static void memory_can_be_read_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };
    char bytes[4] = "";
    int draft, memory;

    new_vm(store, VM1);
    draft = draft_begin(store, VM1, &err);
    memory = draft_create(draft, "memory", &err);
    CHECK(write(memory, "abc", 3) == 3);
    CHECK(pread(memory, bytes, 3, 0) == 3);
    CHECK_STR(bytes, "abc");
    CHECK_INT(draft_create(draft, "memory", &err), -1);
    CHECK_HAS(err.text, "cannot create memory");
    closep(&memory);
    closep(&draft);
}

static void begins_empty(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), again;
    struct err err = { 0 };
    int draft;

    CHECK_INT(draft_begin(store, VM1, &err), -1); /* the journal makes the VM's directory, and comes first */
    CHECK_INT(err.code, ERR_NOT_FOUND);
    new_vm(store, VM1);
    make_draft(store, &record);
    draft = draft_begin(store, VM1, &err);
    CHECK(draft >= 0);
    CHECK(!scratch_has(&scratch, VM_DIR ".draft/memory"));
    CHECK_INT(draft_record(store, VM1, &again, &err), 0);
    closep(&draft);
}

static void is_abandoned(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct err err = { 0 };

    new_vm(store, VM1);
    CHECK_INT(draft_abandon(store, VM1, &err), 0);
    make_draft(store, &record);
    scratch_write(&scratch, VM_DIR ".draft/snapshot.json.new", "half of it");
    scratch_write(&scratch, VM_DIR ".draft/config.json.new", "half of it");
    CHECK_INT(draft_abandon(store, VM1, &err), 0);
    CHECK(!scratch_has(&scratch, VM_DIR ".draft"));
    CHECK_INT(draft_abandon(store, VM1, &err), 0);
}

static void strangers_stay(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct err err = { 0 };

    new_vm(store, VM1);
    make_draft(store, &record);
    scratch_write(&scratch, VM_DIR ".draft/notes.txt", "mine");
    CHECK_INT(draft_abandon(store, VM1, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK(scratch_has(&scratch, VM_DIR ".draft/notes.txt"));
    CHECK_INT(draft_begin(store, VM1, &err), -1);
    CHECK(scratch_has(&scratch, VM_DIR ".draft/notes.txt"));
}

static void never_over_another(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record there = new_record(VM1, ID1, "there", 1), record = new_record(VM1, ID1, "new", 2), again;
    struct err err = { 0 };

    plant(&scratch, &there);
    make_draft(store, &record);
    CHECK_INT(draft_commit(store, VM1, ID1, &err), -1);
    CHECK_INT(draft_record(store, VM1, &again, &err), 1);
    CHECK_STR(again.name, "new");
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK_INT(draft_abandon(store, VM1, &err), 0);
    CHECK_INT(draft_commit(store, VM1, ID2, &err), -1); /* and there is none to commit */
}

static void out_of_the_list_and_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), again;
    struct err err = { 0 };

    plant(&scratch, &record);
    CHECK_INT(trash_record(store, VM1, &again, &err), 0);
    CHECK_INT(trash_move_in(store, VM1, ID2, &err), -1);
    CHECK_INT(trash_move_in(store, VM1, ID1, &err), 0);
    CHECK_INT((long long)listed(store, VM1), 0);
    CHECK_INT(trash_record(store, VM1, &again, &err), 1);
    CHECK_STR(again.id, ID1);
    CHECK_INT(trash_move_out(store, VM1, ID1, &err), 0);
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK_INT(trash_record(store, VM1, &again, &err), 0);
}

static void trash_is_emptied(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), other = new_record(VM1, ID2, "b", 2);
    struct err err = { 0 };

    plant(&scratch, &record);
    plant(&scratch, &other);
    CHECK_INT(trash_empty(store, VM1, &err), 0);
    CHECK_INT(trash_move_in(store, VM1, ID1, &err), 0);
    CHECK_INT(trash_move_in(store, VM1, ID2, &err), -1); /* one at a time */
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK_INT(trash_empty(store, VM1, &err), 0);
    CHECK(!scratch_has(&scratch, VM_DIR ".trash"));
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK_INT(trash_move_in(store, VM1, ID2, &err), 0);
    scratch_write(&scratch, VM_DIR ".trash/notes.txt", "mine");
    CHECK_INT(trash_empty(store, VM1, &err), -1);
    CHECK(scratch_has(&scratch, VM_DIR ".trash/notes.txt"));
}

static void check_current(struct store *store, const char *wanted)
{
    struct snapshots snapshots;
    struct err err = { 0 };

    CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
    CHECK_STR(snapshots.current, wanted);
    snapshots_deinit(&snapshots);
}

static void current_is_kept(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct err err = { 0 };

    CHECK_INT(store_set_current(store, VM1, ID1, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    new_vm(store, VM1);
    CHECK_INT(store_set_current(store, VM1, "", &err), 0);
    check_current(store, "");
    CHECK_INT(store_set_current(store, VM1, ID1, &err), 0);
    check_current(store, ID1);
    CHECK_INT(store_set_current(store, VM1, ID2, &err), 0);
    check_current(store, ID2);
    CHECK_INT(store_set_current(store, VM1, "", &err), 0);
    check_current(store, "");
    CHECK(!scratch_has(&scratch, VM_DIR "current"));
}

static void record_is_rewritten(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), none = new_record(VM1, ID2, "b", 2);
    struct snapshots snapshots;
    struct err err = { 0 };

    plant(&scratch, &record);
    snprintf(record.parent, sizeof record.parent, "%s", ID3);
    CHECK_INT(store_rewrite_record(store, &record, &err), 0);
    CHECK_INT(store_list(store, VM1, &snapshots, &err), 0);
    if (CHECK_INT((long long)snapshots.count, 1))
        CHECK_STR(snapshots.records[0].parent, ID3);
    snapshots_deinit(&snapshots);
    CHECK_INT(store_rewrite_record(store, &none, &err), -1);
    CHECK(!scratch_has(&scratch, VM_DIR ID2));
}

static void files_of_a_snapshot(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    _cleanup_(freep) char *config = NULL;
    struct err err = { 0 };
    char bytes[11] = "";
    int memory;

    plant(&scratch, &record);
    config = store_read_file(store, VM1, ID1, "config.json", &err);
    CHECK_STR(config, "{}");
    memory = store_open_file(store, VM1, ID1, "memory", &err);
    CHECK(memory >= 0 && read(memory, bytes, 10) == 10);
    CHECK_STR(bytes, "the memory");
    closep(&memory);
}

static void files_that_are_not_there(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct err err = { 0 };

    plant(&scratch, &record);
    CHECK_INT(unlinkat(scratch.dir, VM_DIR ID1 "/memory", 0), 0);
    CHECK_INT(unlinkat(scratch.dir, VM_DIR ID1 "/config.json", 0), 0);
    CHECK_INT(store_open_file(store, VM1, ID1, "memory", &err), -1);
    CHECK_INT(err.code, ERR_CORRUPT);
    CHECK_HAS(err.text, "memory");
    CHECK(store_read_file(store, VM1, ID1, "config.json", &err) == NULL);
    CHECK_INT(err.code, ERR_CORRUPT);
    CHECK_HAS(err.text, "config.json");
    CHECK_INT(store_open_file(store, VM1, ID2, "memory", &err), -1);
    CHECK(store_read_file(store, VM1, ID2, "config.json", &err) == NULL);
    CHECK_INT(store_open_file(store, VM2, ID1, "memory", &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
}

static void memory_wherever_it_is(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct err err = { 0 };
    char bytes[11] = "";
    int memory;

    plant(&scratch, &record);
    memory = store_open_memory(store, &record, &err);
    CHECK(memory >= 0 && read(memory, bytes, 10) == 10);
    CHECK_STR(bytes, "the memory");
    closep(&memory);
    scratch_write(&scratch, "elsewhere", "of another");
    snprintf(record.memory_file, sizeof record.memory_file, "%s", scratch_path(&scratch, "elsewhere"));
    memory = store_open_memory(store, &record, &err);
    CHECK(memory >= 0 && read(memory, bytes, 10) == 10);
    CHECK_STR(bytes, "of another");
    CHECK(fcntl(memory, F_GETFD) & FD_CLOEXEC);
    closep(&memory);
    CHECK_INT(unlinkat(scratch.dir, "elsewhere", 0), 0);
    CHECK_INT(store_open_memory(store, &record, &err), -1);
    CHECK_INT(err.code, ERR_CORRUPT);
    CHECK_HAS(err.text, "memory image");
}

static void tidied_when_empty(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);
    struct err err = { 0 };

    store_tidy(store, VM1);
    plant(&scratch, &record);
    store_tidy(store, VM1);
    CHECK_INT((long long)listed(store, VM1), 1);
    CHECK_INT(trash_move_in(store, VM1, ID1, &err), 0);
    CHECK_INT(trash_empty(store, VM1, &err), 0);
    store_tidy(store, VM1);
    CHECK(!scratch_has(&scratch, "store/" VM1));
    CHECK(scratch_has(&scratch, "store"));
}

/* What is of no use without a snapshot is removed with the directory. */
static void leftovers_are_tidied(void)
{
    static const char *const names[] = { "config.json", "config.json.new", "disk.cfg",       "disk.cfg.new", "current",
                                         "current.new", "images.json.new", "next.json.new", "next.json" };
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    char path[128];

    new_vm(store, VM1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, VM_DIR "%s", names[i]);
        scratch_write(&scratch, path, "left over");
    }
    store_tidy(store, VM1);
    CHECK(!scratch_has(&scratch, "store/" VM1));
}

/* Whoever is still there needs them: nothing at all is removed. */
static void leftovers_of_use_stay(void)
{
    static const char *const files[] = { "images.json", "journal", "disk_xvda.11111111.qcow2", "mine.save",
                                         "config.json~" };
    static const char *const dirs[] = { ID1, ".draft", ".trash", ".reverting" };

    for (size_t i = 0; i < sizeof files / sizeof *files + sizeof dirs / sizeof *dirs; i++) {
        _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
        _cleanup_(store_closep) struct store *store = new_store(&scratch);
        bool file = i < sizeof files / sizeof *files;
        char path[128];

        check_row = file ? files[i] : dirs[i - sizeof files / sizeof *files];
        new_vm(store, VM1);
        scratch_write(&scratch, VM_DIR "config.json", "{}");
        scratch_write(&scratch, VM_DIR "current", ID1 "\n");
        snprintf(path, sizeof path, VM_DIR "%s", check_row);
        if (file)
            scratch_write(&scratch, path, "");
        else
            mkdirat(scratch.dir, path, 0700);
        store_tidy(store, VM1);
        CHECK(scratch_has(&scratch, path));
        CHECK(scratch_has(&scratch, VM_DIR "config.json"));
        CHECK(scratch_has(&scratch, VM_DIR "current"));
    }
}

/* A directory that cannot be read is not an empty one. */
static void unreadable_is_left_alone(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1);

    plant(&scratch, &record);
    scratch_write(&scratch, VM_DIR "config.json", "{}");
    scratch_write(&scratch, VM_DIR "disk.cfg", "disk=[]");
    unreadable = true;
    store_tidy(store, VM1);
    unreadable = false;
    CHECK(scratch_has(&scratch, VM_DIR "config.json"));
    CHECK(scratch_has(&scratch, VM_DIR "disk.cfg"));
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(store_closep) struct store *store = new_store(&scratch);
    struct record record = new_record(VM1, ID1, "a", 1), again;
    int before = scratch_descriptors();
    struct err err = { 0 };

    draft_begin(store, VM1, &err);
    new_vm(store, VM1);
    make_draft(store, &record);
    draft_record(store, VM1, &again, &err);
    draft_commit(store, VM1, ID1, &err);
    draft_commit(store, VM1, ID1, &err);
    draft_abandon(store, VM1, &err);
    store_set_current(store, VM1, ID1, &err);
    store_rewrite_record(store, &record, &err);
    store_open_file(store, VM1, ID1, "none", &err);
    store_tidy(store, VM1);
    free(store_read_file(store, VM1, ID1, "config.json", &err));
    trash_move_in(store, VM1, ID1, &err);
    trash_record(store, VM1, &again, &err);
    trash_empty(store, VM1, &err);
    store_tidy(store, VM1);
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "a draft becomes a snapshot, and is none before", becomes_a_snapshot },
    { "a draft's file is new, and for reading too", memory_can_be_read_back },
    { "a draft begins empty, whatever a crash has left", begins_empty },
    { "a draft is abandoned, also half of one or none", is_abandoned },
    { "a file that is not ours stays, and so does the draft", strangers_stay },
    { "a draft does not replace a snapshot", never_over_another },
    { "a snapshot goes into the trash and back", out_of_the_list_and_back },
    { "the trash holds one and is emptied", trash_is_emptied },
    { "the current snapshot is kept", current_is_kept },
    { "a record is rewritten where there is one", record_is_rewritten },
    { "a snapshot's files can be read", files_of_a_snapshot },
    { "a file that is missing means a corrupt snapshot", files_that_are_not_there },
    { "the memory image is opened wherever it is", memory_wherever_it_is },
    { "a VM's directory goes with the last snapshot", tidied_when_empty },
    { "what is of no use without a snapshot goes with it", leftovers_are_tidied },
    { "as long as anything else is there nothing goes", leftovers_of_use_stay },
    { "as long as nobody knows what is there nothing goes", unreadable_is_left_alone },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
