/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "pairs.h"
#include "xenstore.h"

/* So many are taken in one transaction; the watch of the removal brings us back for the rest. */
enum { LETTERS_MAX = 32 };

/* One child of a request directory.  Values of any length and content arrive here. */
static int read_pair(struct xenstore *xs, const char *path, const char *key, struct pairs *pairs,
                     struct err *err)
{
    char child[XS_PATH_SIZE + PAIR_KEY_SIZE];
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

static void read_letter(struct xenstore *xs, const char *path, const char *id, struct letter *letter)
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

static void read_line(struct xenstore *xs, const char *path, struct letter *letter, size_t *count)
{
    size_t length;
    _cleanup_(freep) char *line = xenstore_read(xs, path, &length);

    if (!line || length == 0)
        return;
    xenstore_write(xs, path, ""); /* the acknowledgement, as with control/shutdown */
    (*count)++;
    request_parse_line(&letter->request, line, length, &letter->error);
}

static size_t read_letters(struct xenstore *xs, unsigned home, const char *path, struct letter *letters)
{
    size_t count = 0, children;
    bool guest = xenstore_guest_may_write(xs, path);
    _cleanup_(freep) char **ids = xenstore_children(xs, path, &children);

    for (size_t i = 0; i < LETTERS_MAX; i++)
        letters[i] = (struct letter){ .home = home, .guest_may_write = guest };
    read_line(xs, path, &letters[0], &count);
    for (size_t i = 0; i < children && count < LETTERS_MAX; i++) {
        char child[XS_PATH_SIZE];

        if (snprintf(child, sizeof child, "%s/%s", path, ids[i]) < (int)sizeof child) {
            read_letter(xs, child, ids[i], &letters[count++]);
            xenstore_remove(xs, child);
        }
    }
    return count;
}

bool inbox_collect(struct xenstore *xs, unsigned home,
                   void (*on_letter)(void *data, const struct letter *letter), void *data)
{
    _cleanup_(freep) struct letter *letters = calloc(LETTERS_MAX, sizeof *letters);
    char path[XS_PATH_SIZE];
    size_t count = 0;
    bool there = false, again;

    if (!letters)
        return true;
    path_domain(path, home, NODE_REQUEST, NULL, NULL);
    do {
        xenstore_begin(xs);
        there = xenstore_exists(xs, path);
        count = there ? read_letters(xs, home, path, letters) : 0;
        again = !xenstore_commit(xs);
    } while (again && errno == EAGAIN);
    if (again) {
        log_error("domain %u: cannot take requests: %s", home, strerror(errno));
        return there;
    }
    for (size_t i = 0; i < count; i++)
        on_letter(data, &letters[i]);
    return there;
}
