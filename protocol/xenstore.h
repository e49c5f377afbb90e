/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORE_H_
#define XENSTORE_H_

/* Xenstore: the only user of libxenstore.
 * One connection, used by one thread.  Between xenstore_begin() and xenstore_commit() every call belongs to
 * the transaction.  Functions that change something return 0, or -1 with errno from xenstored. */

#include <stdbool.h>
#include <stddef.h>

#include "names.h"

struct err;
struct pairs;
struct xenstore;

int xenstore_open(struct xenstore **out, struct err *err);
struct xenstore *xenstore_close(struct xenstore *xs);

/* -1 where xenstored grants no transaction; then nothing may be done as if in one. */
int xenstore_begin(struct xenstore *xs);
/* True: it is done.  False: others were faster and everything has to be done again from xenstore_begin(),
 * or xenstored refused for good and errno is not EAGAIN. */
bool xenstore_commit(struct xenstore *xs);
void xenstore_abort(struct xenstore *xs);

/* The value, NUL-terminated and to be freed, or NULL where there is no such node.  LENGTH may be NULL. */
char *xenstore_read(struct xenstore *xs, const char *path, size_t *length);
bool xenstore_exists(struct xenstore *xs, const char *path);
int xenstore_write(struct xenstore *xs, const char *path, const char *value);
int xenstore_remove(struct xenstore *xs, const char *path);

/* The names of the children, NULL where there is no such node; one free() frees it all. */
char **xenstore_children(struct xenstore *xs, const char *path, size_t *count);

/* Whether any domain but dom0 may write the node, by its owner or by a permission. */
bool xenstore_guest_may_write(struct xenstore *xs, const char *path);
/* Owner dom0; DOMID may read, and nobody else. */
int xenstore_set_readable(struct xenstore *xs, const char *path, unsigned domid);
/* Owner dom0; DOMID may read and write, and nobody else. */
int xenstore_set_writable(struct xenstore *xs, const char *path, unsigned domid);

/* Every child of PATH that fits, as pairs; and the other way round, one write for each. */
bool xenstore_read_pairs(struct xenstore *xs, const char *path, struct pairs *pairs);
int xenstore_write_pairs(struct xenstore *xs, const char *path, const struct pairs *pairs);

int xenstore_watch(struct xenstore *xs, const char *path, const char *token);
void xenstore_unwatch(struct xenstore *xs, const char *path, const char *token);
/* To be polled for input; then take events until there are none. */
int xenstore_fd(struct xenstore *xs);
bool xenstore_next_event(struct xenstore *xs, char path[XS_PATH_SIZE], char token[XS_PATH_SIZE]);

static inline void xenstore_closep(struct xenstore **xs)
{
    xenstore_close(*xs);
}

#endif
