/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "names.h"
#include "pairs.h"
#include "request.h"

enum { HEARTBEAT_MS = 5000 };

/* ---- errors -------------------------------------------------------------------------------------------- */

_Static_assert(XENSNAP_INTERNAL == (int)ERR_INTERNAL && ERR_INTERNAL + 1 == ERR_CODES &&
                   XENSNAP_GUEST_TIMEOUT == (int)ERR_GUEST_TIMEOUT,
               "the public codes are ours");
_Static_assert(XENSNAP_MESSAGE_SIZE == sizeof((struct err *)0)->text, "a sentence has the same room");
_Static_assert(XENSNAP_ID_SIZE == REQUEST_ID_MAX + 1, "an ID has the same room");

int client_fail(struct xensnap_error *error, const struct err *err)
{
    if (error) {
        error->code = (int)err->code;
        memcpy(error->message, err->text, sizeof error->message);
    }
    return -1;
}

int client_no_memory(struct xensnap_error *error)
{
    return xensnap_error_set(error, XENSNAP_IO, "out of memory");
}

const char *xensnap_word(int code)
{
    return err_word(code >= 0 ? (enum err_code)code : ERR_INTERNAL);
}

int xensnap_error_set(struct xensnap_error *error, int code, const char *format, ...)
{
    struct err err;
    va_list args;

    va_start(args, format);
    err_set_list(&err, (enum err_code)code, format, args);
    va_end(args);
    return client_fail(error, &err);
}

/* ---- the connection ------------------------------------------------------------------------------------ */

int xensnap_open(struct xensnap **out, struct xensnap_error *error)
{
    struct xensnap *xensnap = calloc(1, sizeof *xensnap);
    struct err err;

    if (!xensnap)
        return client_no_memory(error);
    if (xenstore_open(&xensnap->xs, &err) < 0) {
        free(xensnap);
        return client_fail(error, &err);
    }
    *out = xensnap;
    return 0;
}

void xensnap_close(struct xensnap *xensnap)
{
    if (xensnap)
        xenstore_close(xensnap->xs);
    free(xensnap);
}

bool xensnap_has_agent(struct xensnap *xensnap)
{
    return xenstore_exists(xensnap->xs, NODE_REQUEST);
}

bool xensnap_is_dom0(struct xensnap *xensnap)
{
    _cleanup_(freep) char *domid = xenstore_read(xensnap->xs, "domid", NULL);

    return !domid || strcmp(domid, "0") == 0;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

/* All paths are relative to the caller's own tree, so that the same code works in dom0 and in a guest, and goes on
 * working in a guest that a revert has moved to another domid. */
static void path_below(char path[XS_PATH_SIZE], const char *parent, const char *child)
{
    snprintf(path, XS_PATH_SIZE, "%s/%s", parent, child);
}

static int complain(struct xensnap_error *error, const char *what)
{
    struct err err;

    if (errno == EACCES || errno == EPERM)
        err_set(&err, ERR_DENIED, "this domain may not %s", what);
    else if (errno == ENOENT)
        err_set(&err, ERR_NOT_FOUND, "nobody takes requests from this domain");
    else
        err_errno(&err, "cannot %s", what);
    return client_fail(error, &err);
}

static int check_id(const char *id, struct xensnap_error *error)
{
    if (request_id_valid(id))
        return 0;
    return xensnap_error_set(error, XENSNAP_INVALID, "a request's id is 1 to %d of A-Z a-z 0-9 _ -", REQUEST_ID_MAX);
}

/* By way of the parser, so that what the agent would refuse is refused here, in the same words. */
static int parse(const struct xensnap_map *map, struct request *request, struct xensnap_error *error)
{
    const char *id = xensnap_map_get(map, "id");
    struct pairs pairs = { 0 };
    struct err err;

    if (id && check_id(id, error) < 0)
        return -1;
    if (map_to_pairs(map, &pairs, &err) < 0 || request_parse_pairs(request, &pairs, &err) < 0)
        return client_fail(error, &err);
    return 0;
}

int xensnap_check(const struct xensnap_map *request, struct xensnap_error *error)
{
    struct request parsed = { 0 };

    return parse(request, &parsed, error);
}

static void make_id(char id[XENSNAP_ID_SIZE])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(id, XENSNAP_ID_SIZE, "xensnap-%ld-%llx", (long)getpid(),
             (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec);
}

/* The agent sees all of it or nothing.  A write would make the directory of requests, too, so that a
 * missing one has to be noticed before. */
static int write_request(struct xensnap *xensnap, const char *path, const struct pairs *pairs)
{
    bool done, again;

    do {
        if (xenstore_begin(xensnap->xs) < 0)
            return -1;
        if (xensnap_has_agent(xensnap) && xenstore_write_pairs(xensnap->xs, path, pairs) == 0) {
            done = xenstore_commit(xensnap->xs);
            again = !done && errno == EAGAIN;
        } else {
            int error = errno;

            done = false;
            again = !xenstore_abort(xensnap->xs) && errno == EAGAIN;
            errno = error;
        }
    } while (again);
    return done ? 0 : -1;
}

int xensnap_follow(struct xensnap *xensnap, const char *id, struct xensnap_error *error)
{
    char path[XS_PATH_SIZE];

    if (check_id(id, error) < 0)
        return -1;
    path_below(path, NODE_STATUS, id);
    return xenstore_watch(xensnap->xs, path, id) < 0 && errno != EEXIST ? complain(error, "watch that") : 0;
}

static void unfollow(struct xensnap *xensnap, const char *id)
{
    char path[XS_PATH_SIZE];

    path_below(path, NODE_STATUS, id);
    xenstore_unwatch(xensnap->xs, path, id);
}

void xensnap_forget(struct xensnap *xensnap, const char *id)
{
    char path[XS_PATH_SIZE];

    if (!request_id_valid(id))
        return;
    unfollow(xensnap, id);
    path_below(path, NODE_STATUS, id);
    xenstore_remove(xensnap->xs, path);
}

int xensnap_send(struct xensnap *xensnap, const struct xensnap_map *map, char id[XENSNAP_ID_SIZE],
                 struct xensnap_error *error)
{
    const char *wanted = xensnap_map_get(map, "id");
    struct request request = { 0 };
    struct pairs pairs = { 0 };
    char path[XS_PATH_SIZE];

    if (parse(map, &request, error) < 0)
        return -1;
    if (wanted)
        memcpy(id, wanted, strlen(wanted) + 1);
    else
        make_id(id);
    if (xensnap_follow(xensnap, id, error) < 0)
        return -1;
    request_format(&request, &pairs);
    path_below(path, NODE_REQUEST, id);
    if (write_request(xensnap, path, &pairs) == 0)
        return 0;
    complain(error, "ask for that");
    unfollow(xensnap, id);
    return -1;
}

int xensnap_cancel(struct xensnap *xensnap, const char *id, struct xensnap_error *error)
{
    struct pairs pairs = { 0 };
    char path[XS_PATH_SIZE];

    if (check_id(id, error) < 0)
        return -1;
    pairs_add(&pairs, "cancel", "1");
    path_below(path, NODE_REQUEST, id);
    return write_request(xensnap, path, &pairs) < 0 ? complain(error, "cancel that") : 0;
}

bool xensnap_withdraw(struct xensnap *xensnap, const char *id)
{
    char path[XS_PATH_SIZE];
    bool there, done;

    if (!request_id_valid(id))
        return false;
    path_below(path, NODE_REQUEST, id);
    do {
        if (xenstore_begin(xensnap->xs) < 0)
            return false;
        there = xenstore_exists(xensnap->xs, path) && xenstore_remove(xensnap->xs, path) == 0;
        done = xenstore_commit(xensnap->xs);
    } while (!done && errno == EAGAIN);
    return there && done;
}

/* ---- status -------------------------------------------------------------------------------------------- */

enum xensnap_outcome xensnap_outcome(const struct xensnap_map *status)
{
    const char *state = status ? xensnap_map_get(status, "state") : NULL;

    if (!state)
        return XENSNAP_PENDING;
    if (strcmp(state, "done") == 0)
        return xensnap_map_get(status, "returned") ? XENSNAP_RETURNED : XENSNAP_DONE;
    if (strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0 || strcmp(state, "rejected") == 0)
        return XENSNAP_FAILED;
    return XENSNAP_PENDING;
}

enum xensnap_code xensnap_code(const struct xensnap_map *status)
{
    const char *word = xensnap_map_get(status, "error");

    if (word)
        return (enum xensnap_code)err_from_word(word);
    return xensnap_outcome(status) == XENSNAP_FAILED ? XENSNAP_INTERNAL : XENSNAP_OK;
}

/* In a transaction: keys of two states must not be taken for one. */
enum client_found client_read_status(struct xensnap *xensnap, const char *path, const char *id,
                                     struct xensnap_map **status)
{
    struct pairs pairs = { 0 };
    bool done, there, none;

    do {
        pairs.count = 0;
        if (xenstore_begin(xensnap->xs) < 0)
            return CLIENT_UNKNOWN;
        there = xenstore_read_pairs(xensnap->xs, path, &pairs);
        none = !there && errno == ENOENT;
        done = xenstore_commit(xensnap->xs);
    } while (!done && errno == EAGAIN);
    if (!done || (!there && !none))
        return CLIENT_UNKNOWN;
    if (pairs.count == 0)
        return CLIENT_NONE;
    *status = map_of_pairs(&pairs);
    if (*status && xensnap_map_set(*status, "request", id) == 0)
        return CLIENT_FOUND;
    xensnap_map_free(*status);
    *status = NULL;
    return CLIENT_UNKNOWN;
}

static enum client_found read_own(struct xensnap *xensnap, const char *id, struct xensnap_map **status)
{
    char path[XS_PATH_SIZE];

    if (!request_id_valid(id))
        return CLIENT_NONE;
    path_below(path, NODE_STATUS, id);
    return client_read_status(xensnap, path, id, status);
}

struct xensnap_map *xensnap_status(struct xensnap *xensnap, const char *id)
{
    struct xensnap_map *status = NULL;

    return read_own(xensnap, id, &status) == CLIENT_FOUND ? status : NULL;
}

int xensnap_fd(struct xensnap *xensnap)
{
    return xenstore_fd(xensnap->xs);
}

int xensnap_dispatch(struct xensnap *xensnap, char id[XENSNAP_ID_SIZE])
{
    char path[XS_PATH_SIZE], token[XS_PATH_SIZE];

    while (xenstore_next_event(xensnap->xs, path, token))
        if (request_id_valid(token)) {
            memcpy(id, token, strlen(token) + 1);
            return 1;
        }
    return xenstore_lost(xensnap->xs) ? -1 : 0;
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Sleeps until there are events, and takes them: one status is many writes, so many events.  A heartbeat is a look
 * without an event, for whatever may have kept one from us: a guest's kernel sets its watches anew after it was
 * brought back, and what they say may come before it has. */
static enum xensnap_event sleep_until(struct xensnap *xensnap, long long deadline, const sigset_t *mask)
{
    struct pollfd poll = { .fd = xensnap_fd(xensnap), .events = POLLIN };
    long long left = deadline < 0 ? HEARTBEAT_MS : deadline - now_ms();
    struct timespec time;
    char id[XENSNAP_ID_SIZE];
    int more;

    if (left < 0)
        return XENSNAP_TIMEOUT;
    if (left > HEARTBEAT_MS)
        left = HEARTBEAT_MS;
    time = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
    if (ppoll(&poll, 1, &time, mask) < 0)
        return errno == EINTR ? XENSNAP_INTERRUPTED : XENSNAP_LOST;
    while ((more = xensnap_dispatch(xensnap, id)) == 1)
        ;
    return more < 0 ? XENSNAP_LOST : XENSNAP_CHANGED;
}

enum xensnap_event xensnap_wait(struct xensnap *xensnap, const char *id, struct xensnap_map **status, int timeout_ms,
                                const sigset_t *mask)
{
    long long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

    for (;;) {
        struct xensnap_map *now = NULL;
        enum client_found found = read_own(xensnap, id, &now);
        enum xensnap_event event;

        if (found == CLIENT_FOUND && (!*status || !map_equal(now, *status))) {
            xensnap_map_free(*status);
            *status = now;
            return XENSNAP_CHANGED;
        }
        xensnap_map_free(now);
        if (found == CLIENT_NONE && *status)
            return XENSNAP_GONE;
        event = sleep_until(xensnap, deadline, mask);
        if (event != XENSNAP_CHANGED)
            return event;
    }
}
