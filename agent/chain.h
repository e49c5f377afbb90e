/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHAIN_H
#define CHAIN_H

/* How the images of one VM stand on each other, and who needs which: read from the images themselves, the
 * records and the configuration, each time anew (but answers.h). */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"

struct reach;
struct work;

struct link {
    char path[PATH_SIZE];
    char format[12];
    char backing[PATH_SIZE]; /* "" = none */
    bool there;
    bool active;             /* a disk of the domain as it is now */
    char vdev[VDEV_SIZE];    /* whose, where that is known */
    bool frozen;             /* an external snapshot is its content */
    size_t snapshots;        /* our internal snapshots in it */
    size_t tags;             /* all internal snapshots in it, whoever made them */
};

struct chain {
    struct link *item;
    size_t count;
};

/* Every image that a record, the configuration or images.json names, and who needs it. */
int chain_list(struct chain *chain, struct work *work, const struct reach *reach, struct err *err);
/* Then: what they stand on, and what is in them. */
int chain_look(struct chain *chain, struct work *work, struct err *err);
void chain_deinit(struct chain *chain);
/* NULL where it is none of the VM's. */
const struct link *chain_find(const struct chain *chain, const char *path);
/* How many stand right on it, and one of them. */
size_t chain_above(const struct chain *chain, const char *path, const struct link **one);
/* Whether its content is needed as it is: it must not be written to. */
bool chain_holds_up(const struct chain *chain, const char *path);

#endif
