/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "kept.h"
#include "look.h"
#include "mentions.h"
#include "owed.h"
#include "qcow2.h"
#include "reach.h"
#include "savefile.h"

/* ---- the journal ----------------------------------------------------------------------------------------- */

static const char *operation_of(const struct journal_state *journal)
{
    return operation_word(journal->begun.order.request.operation);
}

static void check_journal(struct look *look)
{
    const struct journal_state *journal = &look->journal;
    const char *what_to_do = "the agent finishes or undoes it, by itself or when it is started (systemctl restart "
                             "xensnapd); until then everything else about this VM is busy";

    if (!look->left)
        return;
    if (!*journal->begun.order.vm && !journal->ended)
        found(look, "journal", "journal", "not even its first line can be read: what was begun had not "
              "done anything");
    else if (!op_knows(op_find(journal->begun.order.request.operation), journal)) {
        found(look, "journal", "journal", "another version of xensnap has begun something and not ended "
              "it");
        what_to_do = "start that version's agent again, which alone can put it right; or give it up: xensnap accept";
    } else if (journal->ended)
        found(look, "journal", "journal", "%s has ended, and nobody has heard how", operation_of(journal));
    else
        found(look, "journal", "journal", "%s was begun and not ended; its last step: %s",
              operation_of(journal), *journal->step ? journal->step : "(none)");
    way_out(look, "%s", what_to_do);
}

/* ---- the directory --------------------------------------------------------------------------------------- */

/* What may always be there. */
static const char *const known[] = { "config.json", "disk.cfg", "images.json", "current", "journal", "owed",
                                     "next.json" };
/* What only an operation has, with or without its journal, and who removes it. */
static const struct passing {
    const char *name, *what, *who;
} passing[] = {
    { ".draft", "a snapshot that was not finished", "the next create removes it" },
    { ".trash", "a snapshot that was deleted", "the next delete removes it" },
    { "kept", "the VM as it was before a revert, which is over", "the next revert writes it anew; it may be removed" },
    { "images.json.damaged", "a ledger that nobody could read, and that was given up", "it may be removed" },
    { "reserve", "room that was kept for a revert, which is over", "the next revert uses it; it may be removed" },
};

/* A snapshot's directory, also one that was released because its record cannot be read. */
static bool has_place(const char *name)
{
    static const char released[] = "damaged-";

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return uuid_valid(strncmp(name, released, sizeof released - 1) == 0 ? name + sizeof released - 1 : name);
}

static bool is_passing(struct look *look, const char *name)
{
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        if (strcmp(passing[i].name, name) != 0)
            continue;
        /* these two stay as long as next.json does; and kept has the mark of what is owed, and the configuration that
         * belongs to what a revert has replaced */
        if ((look->unsettled || look->owed || look->replaced_told) &&
            (strcmp(name, "kept") == 0 || strcmp(name, "reserve") == 0))
            return true;
        found(look, "left", name, "%s", passing[i].what);
        way_out(look, "%s", passing[i].who);
        return true;
    }
    return false;
}

/* While the VM runs it stays until the guest has let go of what a revert has replaced, and the VM may be paused, or
 * have no drivers, as long as its owner likes.  That of a revert that has failed is told of with its tags. */
static void check_next(struct look *look)
{
    char mark[UUID_LENGTH + 1];
    struct err err;

    if (!look->unsettled || !look->work.xl || look->reach.runs || kept_mark(&look->work, mark, &err) < 0 ||
        owed_has(&look->work, mark, &err) != 0)
        return;
    found(look, "left", "next.json", "what a revert has kept of the state before it was not given back yet");
    way_out(look, "if that revert has failed, revert again or start the VM; the next create, delete or revert gives it "
            "back while the VM runs");
}

/* A mark whose tag is gone does no harm; but where an image cannot be looked at it may be there. */
static void check_owed(struct look *look)
{
    if (!look->owed || look->owed_told || look_knows_all(look))
        return;
    found(look, "owed", "owed", "a revert has failed on a disk, and both states are kept inside its image");
    way_out(look, "put right first what cannot be looked at; if the VM has neither state, revert again when the cause "
            "is gone; what is kept is seen with: qemu-img snapshot -U -l IMAGE");
}

/* The memory of a snapshot may be kept here under a name of the administrator's. */
static bool is_memory(const struct look *look, const char *path)
{
    for (size_t i = 0; i < look->snapshots.count; i++)
        if (look->snapshots.records[i].memory && (strcmp(look->snapshots.records[i].memory_file, path) == 0 ||
                                                  same_file(look->snapshots.records[i].memory_file, path)))
            return true;
    return false;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), of_end = strlen(end);

    return length > of_end && strcmp(name + length - of_end, end) == 0;
}

/* One of ours is written as that and renamed. */
static bool is_half(const char *name)
{
    static const char *const replaced[] = { "config.json", "disk.cfg", "images.json", "next.json", "current", "kept",
                                            "owed" };
    size_t length = strlen(name) - strlen(".new");

    for (size_t i = 0; ends_with(name, ".new") && i < sizeof replaced / sizeof *replaced; i++)
        if (strlen(replaced[i]) == length && strncmp(replaced[i], name, length) == 0)
            return true;
    return false;
}

/* That file may be lost, and this all that is left of it. */
static void say_half(struct look *look, const char *path)
{
    char whole[PATH_SIZE];

    snprintf(whole, sizeof whole, "%.*s", (int)(strlen(path) - strlen(".new")), path);
    if (access(whole, F_OK) == 0)
        way_out(look, "it may be removed: rm %s", quoted(path));
    else
        way_out(look, "%s is not there: see whether this is all that is left of it, and keep it until that is known",
                whole);
}

/* What a disk or a memory held, whose record or entry may be what was lost. */
static const char *kind_of(const char *path)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    struct err err;
    bool empty;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    if (qcow2_is_image(path))
        return qcow2_is_empty(path, &empty, &err) == 0 && empty ? NULL : "a disk's image";
    return savefile_skip_header(fd, &err) == 0 ? "a memory image" : NULL;
}

/* Only what is nobody's by all that can be known is called removable. */
static void say_removable(struct look *look, const char *path, enum mention mention, const char *where)
{
    const char *kind = kind_of(path);
    struct err err;

    if (!look_knows_all(look))
        way_out(look, "do not remove it, for not all is known that could need it: put that right first");
    else if (mention != MENTION_NONE)
        way_out(look, "do not remove it before you know that %s means another file", where);
    else if (reach_check_unused(path, "-", &err) < 0)
        way_out(look, "do not remove it: it is in use%s", strstr(err.text, ":") ? strstr(err.text, ":") : "");
    else if (kind)
        way_out(look, "it is %s, and what names it may be what was lost; who knows that it is not needed moves it to "
                "another directory", kind);
    else
        way_out(look, "if no other VM's disk is in it and you know what it is, it may be removed: rm %s", quoted(path));
}

static bool is_known(struct look *look, const char *name, const char *path)
{
    return has_place(name) || chain_find(&look->chain, path) || images_find(&look->images, path) ||
           is_memory(look, path) || is_passing(look, name);
}

static void check_file(void *data, const char *name)
{
    struct look *look = data;
    char path[PATH_SIZE], where[PATH_SIZE];
    enum mention mention;
    struct stat st;

    if (store_file_path(look->work.store, look_vm(look), name, path) < 0 || is_known(look, name, path))
        return;
    if (!look->listed && ends_with(name, ".qcow2"))
        return; /* whose it is could not be looked at, which is told of */
    if (is_half(name)) {
        found(look, "file", path, "the half of a file that was being written");
        say_half(look, path);
        return;
    }
    mention = mentions_find(look->work.store, path, where);
    if (mention == MENTION_PATH)
        return; /* a CD-ROM, a kernel, a disk that is none of ours; or of a snapshot's configuration */
    if (lstat(path, &st) < 0)
        st.st_blocks = 0;
    found(look, "file", path, "neither images.json nor a snapshot nor the VM's configuration names "
          "it: %s", size_text((long long)st.st_blocks * 512));
    say_removable(look, path, mention, where);
}

void check_files(struct look *look)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);

    check_journal(look);
    if (!look_in_between(look)) {
        check_next(look);
        check_owed(look);
    }
    /* without the ledger nobody knows whose an image is, which is told of */
    if (dir >= 0 && look->ledger_read && !look_in_between(look))
        dir_each(dir, ".", check_file, look);
}
