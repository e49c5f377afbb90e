/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "client_internal.h"
#include "pairs.h"
#include "xenstore.h"

enum { LIST_TRIES = 8, LIST_MAX = 4096, HEARTBEAT_MS = 5000 };

int client_open(struct client **out, struct err *err)
{
    struct client *client = calloc(1, sizeof *client);

    if (!client)
        return err_set(err, ERR_IO, "out of memory");
    if (xenstore_open(&client->xs, err) < 0) {
        free(client);
        return -1;
    }
    *out = client;
    return 0;
}

struct client *client_close(struct client *client)
{
    if (client) {
        xenstore_close(client->xs);
        free(client);
    }
    return NULL;
}

/* ---- paths --------------------------------------------------------------------------------------------- */

static void path_below(char path[XS_PATH_SIZE], const char *parent, const char *child)
{
    snprintf(path, XS_PATH_SIZE, "%s/%s", parent, child);
}

static bool read_number(struct client *client, const char *parent, const char *child, long long *number)
{
    char path[XS_PATH_SIZE];
    _cleanup_(freep) char *value = NULL;

    path_below(path, parent, child);
    value = xenstore_read(client->xs, path, NULL);
    *number = value ? atoll(value) : 0;
    return value != NULL;
}

bool client_has_agent(struct client *client)
{
    return xenstore_exists(client->xs, NODE_REQUEST);
}

bool client_is_dom0(struct client *client)
{
    _cleanup_(freep) char *domid = xenstore_read(client->xs, "domid", NULL);

    return !domid || strcmp(domid, "0") == 0;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static int complain(struct err *err, const char *what)
{
    if (errno == EACCES || errno == EPERM)
        return err_set(err, ERR_DENIED, "this domain may not %s", what);
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "nobody takes requests from this domain");
    return err_errno(err, "cannot %s", what);
}

static void make_id(char id[REQUEST_ID_MAX + 1])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(id, REQUEST_ID_MAX + 1, "xensnap-%ld-%llx", (long)getpid(),
             (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec);
}

/* The agent sees all of it or nothing.  A write would make the directory of requests, too, so that a
 * missing one has to be noticed before. */
static int write_request(struct client *client, const char *path, const struct pairs *pairs)
{
    bool done;

    do {
        if (xenstore_begin(client->xs) < 0)
            return -1;
        if (!client_has_agent(client) || xenstore_write_pairs(client->xs, path, pairs) < 0) {
            int error = errno;

            xenstore_abort(client->xs);
            errno = error;
            return -1;
        }
        done = xenstore_commit(client->xs);
    } while (!done && errno == EAGAIN);
    return done ? 0 : -1;
}

int client_follow(struct client *client, const char *id, struct err *err)
{
    char path[XS_PATH_SIZE];

    if (!request_id_valid(id))
        return err_set(err, ERR_INVALID, "a request's id is 1 to %d of A-Z a-z 0-9 _ -", REQUEST_ID_MAX);
    path_below(path, NODE_STATUS, id);
    return xenstore_watch(client->xs, path, id) < 0 ? err_errno(err, "cannot watch %s", path) : 0;
}

static void unfollow(struct client *client, const char *id)
{
    char path[XS_PATH_SIZE];

    path_below(path, NODE_STATUS, id);
    xenstore_unwatch(client->xs, path, id);
}

void client_forget(struct client *client, const char *id)
{
    char path[XS_PATH_SIZE];

    unfollow(client, id);
    path_below(path, NODE_STATUS, id);
    xenstore_remove(client->xs, path);
}

int client_send(struct client *client, const struct request *request, char id[REQUEST_ID_MAX + 1],
                struct err *err)
{
    struct pairs pairs = { 0 };
    char path[XS_PATH_SIZE];

    if (*request->id)
        memcpy(id, request->id, REQUEST_ID_MAX + 1);
    else
        make_id(id);
    if (client_follow(client, id, err) < 0)
        return -1;
    request_format(request, &pairs);
    path_below(path, NODE_REQUEST, id);
    if (write_request(client, path, &pairs) < 0) {
        complain(err, "ask for that");
        unfollow(client, id);
        return -1;
    }
    return 0;
}

int client_cancel(struct client *client, const char *id, struct err *err)
{
    struct pairs pairs = { 0 };
    char path[XS_PATH_SIZE];

    pairs_add(&pairs, "cancel", "1");
    path_below(path, NODE_REQUEST, id);
    return write_request(client, path, &pairs) < 0 ? complain(err, "cancel that") : 0;
}

bool client_withdraw(struct client *client, const char *id)
{
    char path[XS_PATH_SIZE];
    bool there, done;

    path_below(path, NODE_REQUEST, id);
    do {
        if (xenstore_begin(client->xs) < 0)
            return false;
        there = xenstore_exists(client->xs, path) && xenstore_remove(client->xs, path) == 0;
        done = xenstore_commit(client->xs);
    } while (!done && errno == EAGAIN);
    return there && done;
}

/* ---- status -------------------------------------------------------------------------------------------- */

/* In a transaction: keys of two states must not be taken for one. */
static bool read_status(struct client *client, const char *path, struct status *status)
{
    struct pairs pairs = { 0 };
    bool done;

    do {
        pairs.count = 0;
        if (xenstore_begin(client->xs) < 0)
            return false;
        xenstore_read_pairs(client->xs, path, &pairs);
        done = xenstore_commit(client->xs);
    } while (!done && errno == EAGAIN);
    if (!done || pairs.count == 0)
        return false;
    status_parse(status, &pairs);
    return true;
}

bool client_status(struct client *client, const char *id, struct status *status)
{
    char path[XS_PATH_SIZE];

    path_below(path, NODE_STATUS, id);
    return read_status(client, path, status);
}

int client_fd(struct client *client)
{
    return xenstore_fd(client->xs);
}

bool client_dispatch(struct client *client, char id[REQUEST_ID_MAX + 1])
{
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];

    while (xenstore_next_event(client->xs, path, token))
        if (request_id_valid(token)) {
            memcpy(id, token, strlen(token) + 1);
            return true;
        }
    return false;
}

static bool same_status(const struct status *a, const struct status *b)
{
    struct pairs left = { 0 }, right = { 0 };

    status_format(a, &left);
    status_format(b, &right);
    for (size_t i = 0; i < left.count && i < right.count; i++)
        if (strcmp(left.item[i].key, right.item[i].key) != 0 ||
            strcmp(left.item[i].value, right.item[i].value) != 0)
            return false;
    return left.count == right.count;
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static bool connected(struct client *client)
{
    return xenstore_exists(client->xs, NODE_STATUS) || errno == ENOENT || errno == EACCES;
}

/* Sleeps until there are events, and takes them: one status is many writes, so many events.  The end of
 * the connection is no event (libxenstore's descriptor is a pipe from its own thread, which stays open):
 * now and then it has to be looked for. */
static enum client_event sleep_until(struct client *client, long long deadline, const sigset_t *mask)
{
    struct pollfd poll = { .fd = client_fd(client), .events = POLLIN };
    long long left = deadline < 0 ? HEARTBEAT_MS : deadline - now_ms();
    struct timespec time;
    char id[REQUEST_ID_MAX + 1];

    if (left < 0)
        return CLIENT_TIMEOUT;
    if (left > HEARTBEAT_MS)
        left = HEARTBEAT_MS;
    time = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
    switch (ppoll(&poll, 1, &time, mask)) {
    case -1:
        return errno == EINTR ? CLIENT_INTERRUPTED : CLIENT_LOST;
    case 0:
        return connected(client) ? CLIENT_CHANGED : CLIENT_LOST;
    }
    if (!(poll.revents & POLLIN))
        return CLIENT_LOST;
    while (client_dispatch(client, id))
        ;
    return CLIENT_CHANGED;
}

enum client_event client_wait(struct client *client, const char *id, struct status *status, int timeout_ms,
                              const sigset_t *mask)
{
    long long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

    for (;;) {
        enum client_event event;
        struct status now;

        if (client_status(client, id, &now) && !same_status(&now, status)) {
            *status = now;
            return CLIENT_CHANGED;
        }
        event = sleep_until(client, deadline, mask);
        if (event != CLIENT_CHANGED)
            return event;
    }
}

/* ---- what is published --------------------------------------------------------------------------------- */

static struct entry *read_entries(struct client *client, const char *list, size_t count)
{
    struct entry *entries = calloc(count + 1, sizeof *entries);

    for (size_t i = 0; entries && i < count; i++) {
        struct pairs pairs = { 0 };
        char path[XS_PATH_SIZE], number[24];

        snprintf(number, sizeof number, "%zu", i);
        path_below(path, list, number);
        xenstore_read_pairs(client->xs, path, &pairs);
        entry_parse(&entries[i], &pairs);
    }
    return entries;
}

/* A listing may hold more nodes than a guest may touch in one transaction: its generation tells whether
 * what was read is of one piece. */
static int read_list(struct client *client, const char *list, struct entry **out, size_t *count,
                     struct err *err)
{
    for (int try = 0; try < LIST_TRIES; try++) {
        long long before, after, wanted;
        struct entry *entries;

        read_number(client, list, "generation", &before);
        read_number(client, list, "count", &wanted);
        *count = wanted < 0 ? 0 : wanted > LIST_MAX ? LIST_MAX : (size_t)wanted;
        entries = read_entries(client, list, *count);
        if (!entries)
            return err_set(err, ERR_IO, "out of memory");
        read_number(client, list, "generation", &after);
        if (before == after) {
            *out = entries;
            return 0;
        }
        free(entries);
    }
    return err_set(err, ERR_BUSY, "the listing changes all the time");
}

int client_list(struct client *client, const char *vm, struct entry **out, size_t *count, struct err *err)
{
    char path[XS_PATH_SIZE];

    if (!vm)
        return read_list(client, NODE_LIST, out, count, err);
    if (!uuid_valid(vm))
        return err_set(err, ERR_INVALID, "that is no UUID");
    path_vm(path, vm, "list");
    return read_list(client, path, out, count, err);
}

/* The status of request ID, or of all of them where it is NULL, below DOMID or the caller's own domain. */
static void path_status(char path[XS_PATH_SIZE], int domid, const char *id)
{
    if (domid >= 0)
        path_domain(path, (unsigned)domid, NODE_STATUS, id, NULL);
    else
        snprintf(path, XS_PATH_SIZE, NODE_STATUS "%s%s", id ? "/" : "", id ? id : "");
}

int client_requests(struct client *client, int domid, struct client_request **out, size_t *count,
                    struct err *err)
{
    char path[XS_PATH_SIZE];
    struct client_request *requests;
    size_t children;
    _cleanup_(freep) char **ids = NULL;

    path_status(path, domid, NULL);
    ids = xenstore_children(client->xs, path, &children);
    requests = calloc(children + 1, sizeof *requests);
    if (!requests)
        return err_set(err, ERR_IO, "out of memory");
    *count = 0;
    for (size_t i = 0; i < children; i++) {
        if (!request_id_valid(ids[i]))
            continue;
        path_status(path, domid, ids[i]);
        if (read_status(client, path, &requests[*count].status))
            memcpy(requests[(*count)++].id, ids[i], strlen(ids[i]) + 1);
    }
    *out = requests;
    return 0;
}
