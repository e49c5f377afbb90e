/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mentions.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "files.h"
#include "store.h"

/* What a domain is made of by its owner's wish, and what else may have a path in it. */
static const char *const configurations[] = { "config.json", "next.json", "kept", "disk.cfg" };
static const char *const others[] = { "images.json", "snapshot.json" };

struct search {
    struct store *store;
    const char *path, *name;
    char *where;
    enum mention found;
    const char *vm; /* the one that is being looked at, and the descriptor of its directory */
    int dir;
};

static bool goes_on(char c)
{
    return isalnum((unsigned char)c) || strchr("_.+@%~-", c);
}

/* Not as a part of a longer one. */
static bool names(const char *text, const char *word, bool is_name)
{
    size_t length = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at++) {
        bool begins = at == text || (is_name ? at[-1] == '/' : !goes_on(at[-1]) && at[-1] != '/');

        if (begins && (at[length] == '\0' || !goes_on(at[length])))
            return true;
    }
    return false;
}

static void take(struct search *search, enum mention found, const char *file)
{
    if (found <= search->found)
        return;
    search->found = found;
    if (store_file_path(search->store, search->vm, file, search->where) < 0)
        snprintf(search->where, PATH_SIZE, "%s", file);
}

static void look_into(struct search *search, const char *file, bool is_configuration)
{
    _cleanup_(freep) char *text = file_read(search->dir, file);

    if (!text && errno != ENOENT && errno != ENOTDIR)
        take(search, MENTION_PERHAPS, file);
    else if (text && is_configuration && names(text, search->path, false))
        take(search, MENTION_PATH, file);
    else if (text && names(text, search->name, true))
        take(search, MENTION_PERHAPS, file);
}

static void look_at_texts(struct search *search, const char *directory)
{
    char file[PATH_SIZE];

    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        snprintf(file, sizeof file, "%s%s", directory, configurations[i]);
        look_into(search, file, true);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(file, sizeof file, "%s%s", directory, others[i]);
        look_into(search, file, false);
    }
}

/* Each may be a snapshot's directory, under whatever name. */
static void look_below(void *data, const char *name)
{
    char directory[PATH_SIZE];

    snprintf(directory, sizeof directory, "%s/", name);
    look_at_texts(data, directory);
}

static void look_at_vm(void *data, const char *vm)
{
    struct search *search = data;
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(search->store, vm, STORE_EXISTING, &err);

    search->vm = vm;
    search->dir = dir;
    if (dir < 0) {
        take(search, MENTION_PERHAPS, "");
        return;
    }
    look_at_texts(search, "");
    if (dir_each(dir, ".", look_below, search) < 0)
        take(search, MENTION_PERHAPS, "");
}

/* Of other bytes JSON has spellings of its own. */
static bool is_plain(const char *name)
{
    for (; *name; name++)
        if (!goes_on(*name))
            return false;
    return true;
}

enum mention mentions_find(struct store *store, const char *path, char where[PATH_SIZE])
{
    struct search search = { .store = store, .path = path, .name = strrchr(path, '/') + 1, .where = where };
    struct err err;

    *where = '\0';
    if (store_each_vm(store, look_at_vm, &search, &err) < 0)
        take(&search, MENTION_PERHAPS, "");
    if (search.found == MENTION_NONE && !is_plain(search.name)) {
        search.found = MENTION_PERHAPS;
        snprintf(where, PATH_SIZE, "a configuration");
    }
    return search.found;
}
