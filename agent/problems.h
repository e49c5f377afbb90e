/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PROBLEMS_H
#define PROBLEMS_H

/* What a check has found about one VM: each problem is a line for a person, with what it is about, what is wrong and
 * what to do. */

#include <stdbool.h>
#include <stddef.h>

#include "names.h"

struct json_writer;

struct problem {
    const char *kind;       /* one word, for scripts */
    char thing[PATH_SIZE];  /* a snapshot, an image, a file */
    char what[PATH_SIZE + 480];
    char way_out[2 * PATH_SIZE];
};

struct problems {
    char vm[UUID_LENGTH + 1];
    char name[NAME_MAX_BYTES + 1]; /* "" where nobody knows it */
    struct problem *item;
    size_t count;
    struct problem *note;  /* what is no problem: what was not looked at, and why */
    size_t note_count;
    bool unlooked;         /* something could not be looked at */
};

void problems_deinit(struct problems *problems);

/* Running out of memory ends the process: a list that is not whole must not look as if it were. */
void problems_add(struct problems *problems, const char *kind, const char *thing, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What is to be done about the one that was added last.  Words from outside go through quoted(), so that it
 * can be pasted. */
void problems_way_out(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
void problems_note(struct problems *problems, const char *thing, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One word of a shell, in one of a few static buffers, which are good until some calls later. */
const char *quoted(const char *word);
/* "1.5 GiB", in the same way. */
const char *size_text(long long bytes);

/* Lines on stdout, notes on stderr; or one object. */
void problems_print(const struct problems *problems);
void problems_put_json(const struct problems *problems, struct json_writer *writer);

#endif
