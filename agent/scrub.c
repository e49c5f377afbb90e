/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define BLANKS " \t"

/* Paths begin a word, or stand behind something that opens one. */
static bool begins_path(const char *text, const char *at)
{
    return at[0] == '/' && at[1] && !strchr(BLANKS, at[1]) && (at == text || strchr(" \t'\"(=:,;[<", at[-1]));
}

/* A file's name may hold blanks.  What follows one belongs to the path if it looks like a part of a name: there is a
 * / or a . inside the word. */
static bool goes_on(const char *word)
{
    size_t length = strcspn(word, BLANKS);
    size_t inner = strcspn(word, "/.");

    return inner < length && (word[inner] == '/' || (inner + 1 < length && !strchr(":;,)'\"", word[inner + 1])));
}

/* Where the path at AT ends: what closes the quote before it, or the end of its last word without what ends a part of a
 * sentence. */
static const char *path_end(const char *text, const char *at)
{
    const char *end = at + strcspn(at, BLANKS);

    if (at > text && (at[-1] == '\'' || at[-1] == '"')) {
        const char *quote = strchr(at, at[-1]);

        return quote ? quote : at + strlen(at);
    }
    while (*end && !strchr(":;", end[-1]) && end[1] != '/' && goes_on(end + 1))
        end += 1 + strcspn(end + 1, BLANKS);
    while (end > at + 1 && strchr(":;,.)]>", end[-1]))
        end--;
    return end;
}

void scrub_paths(char *text, size_t size)
{
    _cleanup_(freep) char *copy = strdup(text);
    const char *at = copy;
    size_t used = 0;

    if (!copy) {
        snprintf(text, size, "out of memory");
        return;
    }
    *text = '\0';
    while (*at && used < size) {
        if (begins_path(copy, at)) {
            used += (size_t)snprintf(text + used, size - used, "(a file in dom0)");
            at = path_end(copy, at);
        } else {
            used += (size_t)snprintf(text + used, size - used, "%c", *at++);
        }
    }
}
