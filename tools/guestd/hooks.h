/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOOKS_H
#define HOOKS_H

/* Programs that make an application quiet: run with "freeze" before the file systems are frozen, and with "thaw", in
 * the opposite order, after they were thawed. */

#include <stdbool.h>
#include <stddef.h>

struct err;

enum { HOOKS_MAX = 64, HOOK_PATH_SIZE = 512 };

struct hooks {
    size_t count; /* if they are more than HOOKS_MAX, none is run */
    size_t begun; /* so many have been told to freeze, and are to be told to thaw */
    char path[HOOKS_MAX][HOOK_PATH_SIZE];
};

/* Whether a file of that name is a hook: not what editors and packagers leave behind. */
bool hooks_name_valid(const char *name);
/* Adds the programs in the directory, by their names; one that is not there has none. */
void hooks_find(struct hooks *hooks, const char *directory);
/* One after the other, all within SECONDS; the first that fails ends it. */
int hooks_freeze(struct hooks *hooks, int seconds, struct err *err);
/* Each that was begun with, each within SECONDS; FAILED(sentence) is told of those that fail. */
void hooks_thaw(struct hooks *hooks, int seconds, void (*failed)(const char *text));

#endif
