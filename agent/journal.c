/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "pairs.h"
#include "store.h"

enum { LOCK_WAIT_SECONDS = 600 }; /* a worker that outlived its agent may be restoring a large guest */

struct journal {
    int dir; /* the VM's */
    int fd;
    bool others; /* it says so already */
};

int journal_lock(const struct journal *journal)
{
    return journal ? journal->fd : -1;
}

struct journal *journal_close(struct journal *journal)
{
    if (journal) {
        closep(&journal->fd);
        closep(&journal->dir);
        free(journal);
    }
    return NULL;
}

static int take_back(struct journal *journal, off_t size)
{
    int error = errno;

    if (ftruncate(journal->fd, size) == 0)
        errno = error;
    return -1;
}

static int append(struct journal *journal, struct json_writer *w, enum durability durability)
{
    _cleanup_(freep) char *line = NULL;
    int length = asprintf(&line, "%s\n", json_text(w));
    struct stat before;

    if (length < 0 || fstat(journal->fd, &before) < 0)
        return -1;
    if (write(journal->fd, line, (size_t)length) != length)
        return take_back(journal, before.st_size); /* half a line would swallow the next one, perhaps the outcome */
    return durability == JOURNAL_DURABLE ? fdatasync(journal->fd) : 0;
}

static void put_pair(struct json_writer *w, const struct pair *pair)
{
    json_array(w, NULL);
    json_put_string(w, NULL, pair->key);
    json_put_string(w, NULL, pair->value);
    json_end_array(w);
}

static int write_order(struct journal *journal, const struct journal_order *begun)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    const struct order *order = &begun->order;
    struct pairs pairs = { 0 };

    request_format(&order->request, &pairs);
    json_object(w, NULL);
    json_put_string(w, "vm", order->vm);
    json_put_integer(w, "domid", order->domid);
    json_put_integer(w, "home", order->home);
    json_put_string(w, "id", order->request.id);
    json_put_string(w, "snapshot", begun->snapshot);
    json_array(w, "request");
    for (size_t i = 0; i < pairs.count; i++)
        put_pair(w, &pairs.item[i]);
    json_end_array(w);
    json_end_object(w);
    return append(journal, w, JOURNAL_DURABLE);
}

/* Opens and locks what is "journal" now, not what was when it was opened. */
static int open_locked(int dir, int flags, int lock)
{
    for (;;) {
        int fd = openat(dir, "journal", flags | O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct stat ours, theirs;

        if (fd < 0)
            return -1;
        if (flock(fd, lock) < 0) {
            int error = errno;

            close(fd);
            errno = error;
            return -1;
        }
        if (fstat(fd, &ours) == 0 && fstatat(dir, "journal", &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
            ours.st_ino == theirs.st_ino)
            return fd;
        close(fd);
        if (!(flags & O_CREAT)) {
            errno = ENOENT;
            return -1;
        }
    }
}

static struct journal *journal_new(struct store *store, const char *vm, enum store_make make, struct err *err)
{
    struct journal *journal = malloc(sizeof *journal);

    if (!journal) {
        err_set(err, ERR_IO, "out of memory");
        return NULL;
    }
    *journal = (struct journal){ .dir = store_vm_dir(store, vm, make, err), .fd = -1 };
    return journal->dir < 0 ? journal_close(journal) : journal;
}

/* The journal as it is, locked; *SIZE is how much stands in it. */
static int open_own(struct journal **out, struct store *store, const char *vm, off_t *size, struct err *err)
{
    struct journal *journal = journal_new(store, vm, STORE_MAKE, err);
    struct stat st;

    *out = NULL;
    if (!journal)
        return -1;
    journal->fd = open_locked(journal->dir, O_CREAT, LOCK_EX | LOCK_NB);
    if (journal->fd < 0 && errno == EWOULDBLOCK)
        err_set(err, ERR_BUSY, "another operation on this domain is running");
    else if (journal->fd < 0 || fstat(journal->fd, &st) < 0)
        err_errno(err, "cannot open the journal");
    else {
        *size = st.st_size;
        *out = journal;
        return 0;
    }
    journal_close(journal);
    return -1;
}

static int begin(struct journal *journal, const struct journal_order *order, struct err *err)
{
    if (write_order(journal, order) == 0 && fsync(journal->dir) == 0)
        return 0;
    return err_errno(err, "cannot write the journal");
}

int journal_begin(struct journal **out, struct store *store, const struct journal_order *order, struct err *err)
{
    struct journal *journal;
    off_t size;

    if (open_own(&journal, store, order->order.vm, &size, err) < 0)
        return -1;
    if (size > 0)
        err_set(err, ERR_BUSY, "an interrupted operation has to be put right first; ask again, or give it up: xensnap "
                "accept %s", order->order.vm);
    else if (begin(journal, order, err) == 0) {
        *out = journal;
        return 0;
    }
    journal_close(journal);
    return -1;
}

/* Where only its durability is in doubt it goes again: the step is not taken, so nobody is to read that it was. */
int journal_step(struct journal *journal, const char *step, enum durability durability, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    struct stat before;

    json_object(w, NULL);
    json_put_string(w, "step", step);
    json_end_object(w);
    if (fstat(journal->fd, &before) < 0)
        return err_errno(err, "cannot read the journal");
    if (append(journal, w, durability) == 0)
        return 0;
    take_back(journal, before.st_size);
    return err_errno(err, "cannot write the journal");
}

void journal_let_go(struct journal *journal)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_bool(w, "let_go", true);
    json_end_object(w);
    append(journal, w, JOURNAL_QUICK);
}

int journal_note_others(struct journal *journal, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    if (journal->others)
        return 0;
    json_object(w, NULL);
    json_put_bool(w, "others", true);
    json_end_object(w);
    if (append(journal, w, JOURNAL_DURABLE) < 0)
        return err_errno(err, "cannot write the journal");
    journal->others = true;
    return 0;
}

void journal_end(struct journal *journal, const struct err *outcome, int downtime_ms)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);

    json_object(w, NULL);
    json_put_string(w, "outcome", err_word(outcome->code));
    json_put_string(w, "message", outcome->code ? outcome->text : "");
    json_put_integer(w, "downtime_ms", downtime_ms);
    json_end_object(w);
    append(journal, w, JOURNAL_DURABLE);
}

void journal_remove(struct journal *journal)
{
    unlinkat(journal->dir, "journal", 0);
    fsync(journal->dir);
}

static void parse_order(const struct json *json, struct journal_state *state)
{
    struct journal_order *begun = &state->begun;
    const struct json *request = json_get(json, "request");
    struct pairs pairs = { 0 };
    bool whole = true;

    /* A second order has taken over from the first: of that only the guest is left to be seen to. */
    *state = (struct journal_state){ .begun.order.domid = -1, .downtime_ms = -1, .suspended = state->suspended,
                                     .paused = state->paused };
    for (size_t i = 0; i < json_count(request) && i < PAIRS_MAX; i++) {
        const char *key = json_string(json_at(json_at(request, i), 0));
        const char *value = json_string(json_at(json_at(request, i), 1));

        if (key && value && strlen(key) < PAIR_KEY_SIZE)
            pairs_add(&pairs, key, "%s", value);
        else
            whole = false;
    }
    state->foreign = !request_parse_known(&begun->order.request, &pairs) || !whole || json_count(request) > PAIRS_MAX;
    json_copy(json, "id", begun->order.request.id, sizeof begun->order.request.id);
    json_copy(json, "snapshot", begun->snapshot, sizeof begun->snapshot);
    begun->order.domid = (int)json_integer(json_get(json, "domid"), -1);
    begun->order.home = (unsigned)json_integer(json_get(json, "home"), 0);
    json_copy(json, "vm", begun->order.vm, sizeof begun->order.vm);
}

static void add_step(struct journal_state *state)
{
    char word[sizeof state->step + 2];
    size_t used = strlen(state->steps);

    snprintf(word, sizeof word, "%s ", state->step);
    if (strstr(state->steps, word))
        return;
    if (used + strlen(word) < sizeof state->steps)
        memcpy(state->steps + used, word, strlen(word) + 1);
    else
        state->foreign = true;
}

/* What the step does to a guest that runs, in every version.  "commit" and "destroy" come when it has been let go, and
 * when it is gone. */
static void stand(struct journal_state *state)
{
    state->suspended |= strcmp(state->step, "save") == 0;
    state->paused |= strcmp(state->step, "pause") == 0;
    if (strcmp(state->step, "commit") == 0 || strcmp(state->step, "destroy") == 0)
        state->suspended = state->paused = false;
}

static void parse_line(const char *line, struct journal_state *state)
{
    _cleanup_(json_freep) struct json *json = json_parse(line);

    if (json_string(json_get(json, "vm")))
        parse_order(json, state);
    else if (json_string(json_get(json, "step"))) {
        if (!json_copy(json, "step", state->step, sizeof state->step))
            state->foreign = true;
        add_step(state);
        stand(state);
    } else if (json_true(json_get(json, "let_go"))) {
        state->suspended = state->paused = false;
        state->let_go = true;
    } else if (json_true(json_get(json, "others")))
        state->others = true;
    else if (json_string(json_get(json, "outcome"))) {
        state->ended = true;
        state->outcome.code = err_from_word(json_string(json_get(json, "outcome")));
        json_copy(json, "message", state->outcome.text, sizeof state->outcome.text);
        state->downtime_ms = (int)json_integer(json_get(json, "downtime_ms"), -1);
    }
}

/* A last line without its end was cut off by the crash: that step was not begun.  WHOLE is where it begins. */
static int read_state(int dir, struct journal_state *state, off_t *whole)
{
    _cleanup_(freep) char *text = file_read(dir, "journal");

    *whole = 0;
    *state = (struct journal_state){ .begun.order.domid = -1, .downtime_ms = -1 };
    if (!text)
        return -1;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        parse_line(line, state);
        *whole = end + 1 - text;
    }
    return 0;
}

int journal_take_over(struct journal **out, struct store *store, const struct journal_order *order,
                      struct journal_state *left, struct err *err)
{
    struct journal *journal;
    off_t size, whole;

    if (open_own(&journal, store, order->order.vm, &size, err) < 0)
        return -1;
    if (read_state(journal->dir, left, &whole) < 0 || (size != whole && ftruncate(journal->fd, whole) < 0))
        err_errno(err, "cannot read the journal");
    else if (begin(journal, order, err) == 0) {
        *out = journal;
        return 0;
    }
    journal_close(journal);
    return -1;
}

static void on_alarm(int signal)
{
    (void)signal; /* ends the flock() with EINTR */
}

int journal_take(struct journal **out, struct store *store, const char *vm, struct journal_state *state,
                 struct err *err)
{
    struct journal *journal = journal_new(store, vm, STORE_EXISTING, err);
    struct sigaction action = { .sa_handler = on_alarm }, before;
    struct stat st;
    off_t whole;
    int error;

    *out = NULL;
    if (!journal)
        return -1;
    sigaction(SIGALRM, &action, &before);
    alarm(LOCK_WAIT_SECONDS);
    journal->fd = open_locked(journal->dir, 0, LOCK_EX);
    error = errno;
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    if (journal->fd < 0) {
        journal_close(journal);
        if (error == ENOENT)
            return 0;
        errno = error;
        return error == EINTR ? err_set(err, ERR_BUSY, "the earlier operation is still running")
                              : err_errno(err, "cannot open the journal");
    }
    if (read_state(journal->dir, state, &whole) < 0 || fstat(journal->fd, &st) < 0 ||
        (st.st_size != whole && ftruncate(journal->fd, whole) < 0)) {
        err_errno(err, "cannot read the journal");
        journal_close(journal);
        return -1;
    }
    state->written = st.st_mtime;
    journal->others = state->others;
    *out = journal;
    return 0;
}

int journal_look(struct store *store, const char *vm, struct journal_state *state, struct err *err)
{
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, err);
    off_t whole;

    if (dir < 0)
        return -1;
    if (read_state(dir, state, &whole) == 0)
        return 1;
    return errno == ENOENT ? 0 : err_errno(err, "cannot read the journal");
}

void journal_peek(struct store *store, const char *vm, struct order *order)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(store, vm, STORE_EXISTING, &err);
    struct journal_state state;
    off_t whole;

    if (dir >= 0 && read_state(dir, &state, &whole) == 0)
        *order = state.begun.order;
}
