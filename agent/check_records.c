/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "draft.h"
#include "files.h"
#include "json.h"
#include "look.h"
#include "savefile.h"

static const char *thing_of(const struct record *record)
{
    static char thing[NAME_MAX_BYTES + UUID_LENGTH + 16];

    snprintf(thing, sizeof thing, "snapshot %s (%s)", record->name, record->id);
    return thing;
}

static void add(struct look *look, const char *kind, const struct record *record, const char *what)
{
    found(look, kind, thing_of(record), "%s", what);
}

static void say_delete(struct look *look, const char *before, const struct record *record)
{
    way_out(look, "%sxensnap delete %s %s", before, look_vm(look), look_word(look, record));
}

/* ---- records that cannot be read ------------------------------------------------------------------------- */

static const struct record *find_id(const struct look *look, const char *id)
{
    for (size_t i = 0; i < look->snapshots.count; i++)
        if (strcmp(look->snapshots.records[i].id, id) == 0)
            return &look->snapshots.records[i];
    return NULL;
}

static void check_readable(void *data, const char *id)
{
    struct look *look = data;
    struct record *record;
    struct err err;

    if (!uuid_valid(id) || find_id(look, id))
        return;
    record = malloc(sizeof *record);
    if (!record)
        abort();
    if (store_read_record(look->work.store, look_vm(look), id, record, &err) < 0) {
        char thing[UUID_LENGTH + 16];

        snprintf(thing, sizeof thing, "snapshot %s", id);
        found(look, "record", thing,
              "its record cannot be read (%s), so that nothing of the VM is merged or removed", err.text);
        way_out(look, "put its snapshot.json back from a backup; until then the others can be gone back to; or give it "
                "up: xensnap release %s %s", look_vm(look), id);
    }
    free(record);
}

static void check_all_readable(struct look *look)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);

    if (dir >= 0 && dir_each(dir, ".", check_readable, look) == 0)
        return;
    found(look, "store", "directory", "it cannot be listed to its end: %s", strerror(errno));
    way_out(look, "check the file system of the store");
}

/* ---- one record ------------------------------------------------------------------------------------------ */

static bool state_is_known(const char *state)
{
    return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 || strcmp(state, "stopped") == 0;
}

static void check_fields(struct look *look, const struct record *record)
{
    if (!state_is_known(record->state) || record->created_ms <= 0 ||
        (*record->parent && !uuid_valid(record->parent))) {
        add(look, "record", record, "its record has a state, a time or a parent that is none");
        say_delete(look, "put its snapshot.json back from a backup, or ", record);
    } else if (*record->parent && !look_in_between(look) && !find_id(look, record->parent) &&
               !look_has_snapshot(look, record->parent)) {
        found(look, "parent", thing_of(record),
              "it was made after snapshot %s, which is gone without having been deleted", record->parent);
        say_delete(look, "put that one's directory back from a backup; this one can be gone back to all the same; "
                   "when it is not needed: ", record);
    }
}

/* The first of that name is the one that the name means. */
static void check_name(struct look *look, size_t n)
{
    const struct record *record = &look->snapshots.records[n];
    const struct record *first = snapshots_find(&look->snapshots, record->name);

    if (first == record)
        return;
    found(look, "name", thing_of(record), "snapshot %s has the same name, which means that one",
          first->id);
    way_out(look, "say its id instead, as in: xensnap list %s %s", look_vm(look), record->id);
}

static void check_stored_config(struct look *look, const struct record *record)
{
    struct err err;
    _cleanup_(freep) char *text = store_read_file(look->work.store, record->vm, record->id, "config.json", &err);
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    bool whole;

    if (text && look->work.xl)
        whole = xl_config_parse(look->work.xl, text, &config, &err) == 0;
    else {
        json = text ? json_parse(text) : NULL;
        whole = json != NULL;
        if (text)
            err_set(&err, ERR_CORRUPT, "it is not JSON");
    }
    if (whole)
        return;
    found(look, "config", thing_of(record),
          "the configuration that it would be gone back to with cannot be read: %s", err.text);
    say_delete(look, "put its config.json back from a backup, or ", record);
}

static void check_memory(struct look *look, const struct record *record)
{
    struct err err;
    _cleanup_(closep) int fd = record->memory ? store_open_memory(look->work.store, record, &err) : -1;
    struct stat st;
    int rc = -1;

    if (!record->memory)
        return;
    if (fd < 0)
        ;
    else if (fstat(fd, &st) < 0)
        err_errno(&err, "it cannot be looked at");
    else if (st.st_size != record->memory_size)
        err_set(&err, ERR_CORRUPT, "the memory image has %lld bytes and had %lld", (long long)st.st_size,
                record->memory_size);
    else
        rc = savefile_skip_header(fd, &err);
    if (rc == 0)
        return;
    add(look, "memory", record, err.text);
    say_delete(look, fd < 0 && *record->memory_file == '/'
               ? "see that what it is stored on is mounted; else put the file back from a backup, or "
               : "it cannot be gone back to with this memory; put the file back from a backup, or ", record);
}

struct directory {
    struct look *look;
    const struct record *record;
};

static void check_other(void *data, const char *name)
{
    const struct directory *directory = data;

    if (strcmp(name, "snapshot.json") == 0 || strcmp(name, "config.json") == 0 || strcmp(name, "memory") == 0)
        return;
    found(directory->look, "file", thing_of(directory->record),
          "the file %s in its directory is nothing of a snapshot's, and keeps the directory when the snapshot is "
          "deleted", name);
    way_out(directory->look, "move it somewhere else");
}

static void check_others(struct look *look, const struct record *record)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, record->vm, STORE_EXISTING, &err);

    if (dir >= 0)
        dir_each(dir, record->id, check_other, &(struct directory){ look, record });
}

/* ---- all of them ----------------------------------------------------------------------------------------- */

static void check_current(struct look *look)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);
    _cleanup_(freep) char *text = dir < 0 ? NULL : file_read(dir, "current");

    if (!text && errno == ENOENT)
        return;
    if (text && *look->snapshots.current && look_has_snapshot(look, look->snapshots.current))
        return;
    found(look, "current", "current", "it names no snapshot, so that it is not known which one the VM's "
          "state descends from, and the next one will have no parent");
    way_out(look, "the next create or revert writes it anew");
}

void check_records(struct look *look)
{
    check_all_readable(look);
    for (size_t i = 0; i < look->snapshots.count; i++) {
        const struct record *record = &look->snapshots.records[i];

        check_fields(look, record);
        check_name(look, i);
        check_stored_config(look, record);
        check_memory(look, record);
        if (!look_in_between(look)) /* an operation writes what replaces a record beside it */
            check_others(look, record);
    }
    if (!look_in_between(look))
        check_current(look);
}
