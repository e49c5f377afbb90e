/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xenstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "cleanup.h"
#include "errors.h"
#include "pairs.h"

struct xenstore {
    struct xs_handle *handle;
    xs_transaction_t transaction;
};

int xenstore_open(struct xenstore **out, struct err *err)
{
    struct xenstore *xs = calloc(1, sizeof *xs);

    if (!xs)
        return err_set(err, ERR_IO, "out of memory");
    xs->handle = xs_open(0);
    if (!xs->handle) {
        free(xs);
        return err_errno(err, "cannot reach xenstore");
    }
    *out = xs;
    return 0;
}

struct xenstore *xenstore_close(struct xenstore *xs)
{
    if (xs) {
        xs_close(xs->handle);
        free(xs);
    }
    return NULL;
}

int xenstore_begin(struct xenstore *xs)
{
    xs->transaction = xs_transaction_start(xs->handle);
    return xs->transaction == XBT_NULL ? -1 : 0;
}

bool xenstore_commit(struct xenstore *xs)
{
    xs_transaction_t transaction = xs->transaction;

    xs->transaction = XBT_NULL;
    return xs_transaction_end(xs->handle, transaction, false);
}

void xenstore_abort(struct xenstore *xs)
{
    xs_transaction_end(xs->handle, xs->transaction, true);
    xs->transaction = XBT_NULL;
}

char *xenstore_read(struct xenstore *xs, const char *path, size_t *length)
{
    unsigned int len = 0;
    char *value = xs_read(xs->handle, xs->transaction, path, &len);

    if (length)
        *length = len;
    return value;
}

bool xenstore_exists(struct xenstore *xs, const char *path)
{
    _cleanup_(freep) char *value = xenstore_read(xs, path, NULL);

    return value != NULL;
}

static int done(bool ok)
{
    return ok ? 0 : -1;
}

int xenstore_write(struct xenstore *xs, const char *path, const char *value)
{
    return done(xs_write(xs->handle, xs->transaction, path, value, (unsigned int)strlen(value)));
}

int xenstore_remove(struct xenstore *xs, const char *path)
{
    return done(xs_rm(xs->handle, xs->transaction, path));
}

char **xenstore_children(struct xenstore *xs, const char *path, size_t *count)
{
    unsigned int n = 0;
    char **names = xs_directory(xs->handle, xs->transaction, path, &n);

    *count = names ? n : 0;
    return names;
}

bool xenstore_guest_may_write(struct xenstore *xs, const char *path)
{
    unsigned int count = 0;
    struct xs_permissions *perms = xs_get_permissions(xs->handle, xs->transaction, path, &count);
    /* The first entry names the owner, who may do everything; its bits are those of everybody else. */
    bool may = !perms || count == 0 || perms[0].id != 0 || (perms[0].perms & XS_PERM_WRITE);

    for (unsigned int i = 1; i < count; i++)
        may |= perms[i].id != 0 && (perms[i].perms & XS_PERM_WRITE);
    free(perms);
    return may;
}

static int set_permissions(struct xenstore *xs, const char *path, unsigned domid, unsigned may)
{
    struct xs_permissions perms[] = {
        { .id = 0, .perms = XS_PERM_NONE },
        { .id = domid, .perms = may },
    };

    return done(xs_set_permissions(xs->handle, xs->transaction, path, perms, domid ? 2 : 1));
}

int xenstore_set_readable(struct xenstore *xs, const char *path, unsigned domid)
{
    return set_permissions(xs, path, domid, XS_PERM_READ);
}

int xenstore_set_writable(struct xenstore *xs, const char *path, unsigned domid)
{
    return set_permissions(xs, path, domid, XS_PERM_READ | XS_PERM_WRITE);
}

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

int xenstore_watch(struct xenstore *xs, const char *path, const char *token)
{
    return done(xs_watch(xs->handle, path, token));
}

void xenstore_unwatch(struct xenstore *xs, const char *path, const char *token)
{
    xs_unwatch(xs->handle, path, token);
}

int xenstore_fd(struct xenstore *xs)
{
    return xs_fileno(xs->handle);
}

bool xenstore_next_event(struct xenstore *xs, char path[XS_PATH_SIZE], char token[XS_PATH_SIZE])
{
    _cleanup_(freep) char **event = xs_check_watch(xs->handle);

    if (!event)
        return false;
    snprintf(path, XS_PATH_SIZE, "%s", event[XS_WATCH_PATH]);
    snprintf(token, XS_PATH_SIZE, "%s", event[XS_WATCH_TOKEN]);
    return true;
}
