/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xenstore.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "cleanup.h"
#include "errors.h"
#include "pairs.h"
#include "wire.h"

struct xenstore {
    struct wire *wire;
    uint32_t transaction; /* 0: none */
};

int xenstore_open(struct xenstore **out, struct err *err)
{
    struct xenstore *xs = calloc(1, sizeof *xs);

    if (!xs)
        return err_set(err, ERR_IO, "out of memory");
    xs->wire = wire_open();
    if (!xs->wire) {
        err_errno(err, "cannot reach xenstore");
        free(xs);
        return -1;
    }
    *out = xs;
    return 0;
}

struct xenstore *xenstore_close(struct xenstore *xs)
{
    if (xs) {
        wire_close(xs->wire);
        free(xs);
    }
    return NULL;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

enum { QUESTION_MAX = XENSTORE_PAYLOAD_MAX };

static char *ask(struct xenstore *xs, uint32_t type, const void *data, size_t size, size_t *length)
{
    size_t ignored;

    return wire_ask(xs->wire, type, xs->transaction, data, size, length ? length : &ignored);
}

static char *ask_path(struct xenstore *xs, uint32_t type, const char *path, size_t *length)
{
    return ask(xs, type, path, strlen(path) + 1, length);
}

/* The same where only success counts, with MORE behind the path. */
static int tell(struct xenstore *xs, uint32_t type, const char *path, const void *more, size_t size)
{
    _cleanup_(freep) char *answer = NULL;
    size_t length = strlen(path) + 1;
    char data[QUESTION_MAX];

    if (length > sizeof data || size > sizeof data - length) {
        errno = E2BIG;
        return -1;
    }
    memcpy(data, path, length);
    memcpy(data + length, more, size);
    answer = ask(xs, type, data, length + size, NULL);
    return answer ? 0 : -1;
}

/* ---- transactions -------------------------------------------------------------------------------------- */

int xenstore_begin(struct xenstore *xs)
{
    _cleanup_(freep) char *answer = ask_path(xs, XS_TRANSACTION_START, "", NULL);

    xs->transaction = answer ? (uint32_t)strtoul(answer, NULL, 10) : 0;
    return xs->transaction ? 0 : -1;
}

/* One that xenstored does not know (ENOENT) was begun by a guest before it was saved or brought back: as good as one
 * that others were faster than. */
static bool end_transaction(struct xenstore *xs, const char *how)
{
    _cleanup_(freep) char *answer = ask_path(xs, XS_TRANSACTION_END, how, NULL);

    xs->transaction = 0;
    if (!answer && errno == ENOENT)
        errno = EAGAIN;
    return answer != NULL;
}

bool xenstore_commit(struct xenstore *xs)
{
    return end_transaction(xs, "T");
}

bool xenstore_abort(struct xenstore *xs)
{
    return end_transaction(xs, "F");
}

/* ---- nodes --------------------------------------------------------------------------------------------- */

char *xenstore_read(struct xenstore *xs, const char *path, size_t *length)
{
    return ask_path(xs, XS_READ, path, length);
}

bool xenstore_exists(struct xenstore *xs, const char *path)
{
    _cleanup_(freep) char *value = xenstore_read(xs, path, NULL);

    return value != NULL;
}

int xenstore_write(struct xenstore *xs, const char *path, const char *value)
{
    return tell(xs, XS_WRITE, path, value, strlen(value));
}

int xenstore_remove(struct xenstore *xs, const char *path)
{
    return tell(xs, XS_RM, path, "", 0);
}

/* A list that is too long for one answer comes in parts: "GENERATION", a NUL, and the names from an offset on; behind
 * the last stands an empty one.  Where the generation is another one it begins anew. */
static char *ask_parts(struct xenstore *xs, const char *path, size_t *length)
{
    _cleanup_(freep) char *list = NULL;
    char generation[24] = "", *result;
    bool ended = false;

    for (*length = 0; !ended;) {
        char question[QUESTION_MAX], *more;
        int size = snprintf(question, sizeof question, "%s%c%zu", path, 0, *length);
        size_t got = 0, head;
        _cleanup_(freep) char *part = ask(xs, XS_DIRECTORY_PART, question, (size_t)size + 1, &got);

        head = part ? strlen(part) + 1 : 0;
        if (!part || head >= got || head > sizeof generation)
            return NULL;
        if (*length > 0 && strcmp(part, generation) != 0) {
            *length = 0;
            continue;
        }
        memcpy(generation, part, head);
        more = realloc(list, *length + got - head);
        if (!more)
            return NULL;
        list = more;
        memcpy(list + *length, part + head, got - head);
        *length += got - head;
        ended = *length == 1 || (list[*length - 1] == '\0' && list[*length - 2] == '\0');
    }
    --*length; /* the empty name */
    result = list;
    list = NULL;
    return result;
}

/* The names as an array, with their text behind it. */
static char **split(const char *list, size_t length, size_t *count)
{
    size_t names = 0;
    char **array, *text;

    for (size_t i = 0; i < length; i++)
        names += list[i] == '\0';
    array = malloc((names + 1) * sizeof *array + length + 1);
    if (!array)
        return NULL;
    text = memcpy((char *)(array + names + 1), list, length);
    text[length] = '\0';
    for (size_t i = 0; i < names; i++) {
        array[i] = text;
        text += strlen(text) + 1;
    }
    *count = names;
    return array;
}

char **xenstore_children(struct xenstore *xs, const char *path, size_t *count)
{
    size_t length = 0;
    _cleanup_(freep) char *list = ask_path(xs, XS_DIRECTORY, path, &length);

    *count = 0;
    if (!list && errno == E2BIG)
        list = ask_parts(xs, path, &length);
    return list ? split(list, length, count) : NULL;
}

/* ---- permissions: "n0", "r5", ... ----------------------------------------------------------------------- */

/* The first entry names the owner, who may do everything; its letter is what everybody else may. */
bool xenstore_guest_may_write(struct xenstore *xs, const char *path)
{
    size_t length = 0;
    _cleanup_(freep) char *list = ask_path(xs, XS_GET_PERMS, path, &length);
    bool may = !list || length == 0;

    for (size_t at = 0; at < length; at += strlen(list + at) + 1) {
        bool dom0 = strcmp(list + at + (list[at] != '\0'), "0") == 0, writes = list[at] == 'w' || list[at] == 'b';

        may |= at == 0 ? !dom0 || writes : !dom0 && writes;
    }
    return may;
}

static int set_permissions(struct xenstore *xs, const char *path, unsigned domid, char guest)
{
    char permissions[24];
    int size = snprintf(permissions, sizeof permissions, "n0%c%c%u", 0, guest, domid);

    return tell(xs, XS_SET_PERMS, path, permissions, domid ? (size_t)size + 1 : sizeof "n0");
}

int xenstore_set_readable(struct xenstore *xs, const char *path, unsigned domid)
{
    return set_permissions(xs, path, domid, 'r');
}

int xenstore_set_writable(struct xenstore *xs, const char *path, unsigned domid)
{
    return set_permissions(xs, path, domid, 'b');
}

/* ---- pairs --------------------------------------------------------------------------------------------- */

static void join(char path[XS_PATH_SIZE], const char *parent, const char *child)
{
    snprintf(path, XS_PATH_SIZE, "%s/%s", parent, child);
}

bool xenstore_read_pairs(struct xenstore *xs, const char *path, struct pairs *pairs)
{
    size_t count;
    _cleanup_(freep) char **names = xenstore_children(xs, path, &count);

    for (size_t i = 0; i < count && pairs->count < PAIRS_MAX; i++) {
        char child[XS_PATH_SIZE];
        _cleanup_(freep) char *value = NULL;

        if (strlen(names[i]) >= PAIR_KEY_SIZE)
            continue;
        join(child, path, names[i]);
        value = xenstore_read(xs, child, NULL);
        if (value)
            pairs_add(pairs, names[i], "%s", value);
    }
    return names != NULL;
}

int xenstore_write_pairs(struct xenstore *xs, const char *path, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        char child[XS_PATH_SIZE];

        join(child, path, pairs->item[i].key);
        if (xenstore_write(xs, child, pairs->item[i].value) < 0)
            return -1;
    }
    return 0;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int tell_watch(struct xenstore *xs, uint32_t type, const char *path, const char *token)
{
    uint32_t transaction = xs->transaction;
    int result;

    xs->transaction = 0; /* watches belong to none */
    result = tell(xs, type, path, token, strlen(token) + 1);
    xs->transaction = transaction;
    return result;
}

int xenstore_watch(struct xenstore *xs, const char *path, const char *token)
{
    return tell_watch(xs, XS_WATCH, path, token);
}

void xenstore_unwatch(struct xenstore *xs, const char *path, const char *token)
{
    tell_watch(xs, XS_UNWATCH, path, token);
}

int xenstore_fd(struct xenstore *xs)
{
    return wire_fd(xs->wire);
}

bool xenstore_next_event(struct xenstore *xs, char path[XS_PATH_SIZE], char token[XS_PATH_SIZE])
{
    _cleanup_(freep) char *event = wire_event(xs->wire);

    if (!event)
        return false;
    snprintf(path, XS_PATH_SIZE, "%s", event);
    snprintf(token, XS_PATH_SIZE, "%s", event + strlen(event) + 1);
    return true;
}

bool xenstore_lost(struct xenstore *xs)
{
    return wire_broken(xs->wire);
}
