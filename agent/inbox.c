/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "pairs.h"
#include "status.h"
#include "xenstore.h"

/* So many are taken in one transaction, and so often it is tried, for whoever writes all the time makes every
 * transaction fail that reads what he writes; fewer and less often from a guest, for others wait meanwhile. */
enum { LETTERS_MAX = 32, LETTERS_OF_GUEST = 4, TRIES = 8, TRIES_OF_GUEST = 3 };

enum { CHILD_PATH_SIZE = XS_PATH_SIZE + 4096 }; /* a guest may give a child any name that xenstored takes */

/* One child of a request directory.  Values of any length and content arrive here. */
static int read_pair(struct xenstore *xs, const char *path, const char *key, struct pairs *pairs,
                     struct err *err)
{
    char child[CHILD_PATH_SIZE + PAIR_KEY_SIZE];
    _cleanup_(freep) char *value = NULL;
    size_t length;

    if (strlen(key) >= PAIR_KEY_SIZE)
        return err_set(err, ERR_INVALID, "unknown key %.40s", key);
    snprintf(child, sizeof child, "%s/%s", path, key);
    value = xenstore_read(xs, child, &length);
    if (!value)
        return err_set(err, ERR_INVALID, "%s cannot be read", key);
    if (length >= PAIR_VALUE_SIZE)
        return err_set(err, ERR_INVALID, "%s is longer than %d bytes", key, PAIR_VALUE_SIZE - 1);
    if (strlen(value) != length)
        return err_set(err, ERR_INVALID, "%s holds a NUL byte", key);
    pairs_add(pairs, key, "%s", value);
    return 0;
}

static int read_directory(struct xenstore *xs, const char *path, struct pairs *pairs, struct err *err)
{
    size_t count;
    _cleanup_(freep) char **keys = xenstore_children(xs, path, &count);

    if (count > PAIRS_MAX)
        return err_set(err, ERR_INVALID, "too many keys");
    for (size_t i = 0; i < count; i++)
        if (read_pair(xs, path, keys[i], pairs, err) < 0)
            return -1;
    return 0;
}

static bool take_cancel(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->item[i].key, "cancel") == 0) {
            bool yes = strcmp(pairs->item[i].value, "1") == 0;

            pairs->item[i] = pairs->item[--pairs->count];
            return yes;
        }
    return false;
}

/* Without an id of its own a request gets one that is unused below this home. */
static void give_id(struct xenstore *xs, struct letter *letter)
{
    char path[XS_PATH_SIZE];
    unsigned n = 0;

    do {
        snprintf(letter->request.id, sizeof letter->request.id, "line-%u", ++n);
        path_domain(path, letter->home, NODE_STATUS, letter->request.id, NULL);
    } while (xenstore_exists(xs, path));
}

/* Turns the request into a status, so that at no moment it is in neither place.  False: its id has been used
 * before, so it is the same request once more. */
static bool claim(struct xenstore *xs, struct letter *letter)
{
    struct status status = status_initial;
    struct pairs pairs = { 0 };
    char path[XS_PATH_SIZE];

    if (!*letter->request.id)
        give_id(xs, letter);
    path_domain(path, letter->home, NODE_STATUS, letter->request.id, NULL);
    if (xenstore_exists(xs, path))
        return false;
    status.operation = letter->request.operation;
    status_format(&status, &pairs);
    xenstore_write_pairs(xs, path, &pairs);
    return true;
}

static void parse_directory(struct xenstore *xs, const char *path, const char *id, struct letter *letter)
{
    struct pairs pairs = { 0 };

    if (!request_id_valid(id)) {
        err_set(&letter->error, ERR_INVALID, "a request's id is 1 to %d of A-Z a-z 0-9 _ -", REQUEST_ID_MAX);
        return;
    }
    snprintf(letter->request.id, sizeof letter->request.id, "%s", id);
    letter->guest_may_write |= xenstore_guest_may_write(xs, path);
    if (read_directory(xs, path, &pairs, &letter->error) < 0)
        return;
    letter->cancelled = take_cancel(&pairs);
    if (!letter->cancelled || pairs.count > 0)
        request_parse_pairs(&letter->request, &pairs, &letter->error);
}

/* True: there is a letter that was not known. */
static bool take_directory(struct xenstore *xs, const char *path, const char *id, struct letter *letter)
{
    bool only_cancel;

    parse_directory(xs, path, id, letter);
    xenstore_remove(xs, path);
    only_cancel = letter->cancelled && letter->request.operation == OPERATION_NONE;
    return only_cancel || claim(xs, letter);
}

static bool take_line(struct xenstore *xs, const char *path, struct letter *letter)
{
    size_t length;
    _cleanup_(freep) char *line = xenstore_read(xs, path, &length);

    if (!line || length == 0)
        return false;
    xenstore_write(xs, path, ""); /* the acknowledgement, as with control/shutdown */
    request_parse_line(&letter->request, line, length, &letter->error);
    return claim(xs, letter);
}

static size_t take_letters(struct xenstore *xs, unsigned home, const char *path, struct letter *letters, bool *broken)
{
    struct letter blank = { .home = home, .guest_may_write = xenstore_guest_may_write(xs, path) };
    size_t count = 0, children;
    _cleanup_(freep) char **ids = xenstore_children(xs, path, &children);
    size_t most = blank.guest_may_write ? LETTERS_OF_GUEST : LETTERS_MAX;

    *broken = !ids;
    letters[0] = blank;
    count += take_line(xs, path, &letters[0]);
    for (size_t i = 0; i < children && count < most; i++) {
        char child[CHILD_PATH_SIZE];

        letters[count] = blank;
        snprintf(child, sizeof child, "%s/%s", path, ids[i]);
        count += take_directory(xs, child, ids[i], &letters[count]);
    }
    return count;
}

enum inbox inbox_collect(struct xenstore *xs, unsigned home,
                         void (*on_letter)(void *data, const struct letter *letter), void *data)
{
    _cleanup_(freep) struct letter *letters = calloc(LETTERS_MAX, sizeof *letters);
    char path[XS_PATH_SIZE];
    size_t count = 0;
    bool broken = false, taken = false;
    int tries = 0, most = home ? TRIES_OF_GUEST : TRIES;

    if (!letters)
        return INBOX_TAKEN;
    path_domain(path, home, NODE_REQUEST, NULL, NULL);
    do {
        if (xenstore_begin(xs) < 0)
            break;
        count = take_letters(xs, home, path, letters, &broken);
        taken = xenstore_commit(xs);
    } while (!taken && errno == EAGAIN && ++tries < most);
    if (!taken && tries == most)
        return INBOX_CONTENDED;
    if (!taken)
        log_error("domain %u: cannot take requests: %s", home, strerror(errno));
    for (size_t i = 0; taken && i < count; i++)
        on_letter(data, &letters[i]);
    return broken ? INBOX_BROKEN : INBOX_TAKEN;
}
