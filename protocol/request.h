/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REQUEST_H
#define REQUEST_H

/* One request, as it was asked for.  Pure: text in, a checked struct or an error out.
 * Plain data, so that it travels to the worker as it is. */

#include <stdbool.h>

#include "errors.h"
#include "names.h"

struct pairs;

enum operation { OPERATION_NONE, OPERATION_CREATE, OPERATION_LIST, OPERATION_DELETE, OPERATION_REVERT,
                 OPERATION_CANCEL, OPERATION_RELEASE, OPERATION_ACCEPT, OPERATION_FORGET, OPERATIONS };

enum start { START_RUNNING, START_PAUSED };

/* Where the snapshot of a disk is kept: inside its qcow2 image, or by freezing the image and going on in an
 * overlay. */
enum place { PLACE_DEFAULT, PLACE_INTERNAL, PLACE_EXTERNAL };

/* Whether the guest freezes its file systems meanwhile. */
enum quiesce { QUIESCE_NO, QUIESCE_TRY, QUIESCE_MUST };

struct request_disk {
    char vdev[VDEV_SIZE];
    enum place place;       /* default: as the whole request */
    char target[PATH_SIZE]; /* external: the overlay to be made; "" = in the store */
};

struct request {
    char id[REQUEST_ID_MAX + 1];        /* "" until somebody gave it one */
    enum operation operation;
    char domain[NAME_MAX_BYTES + 1];    /* a domid, UUID or name; "" = the domain whose tree this is in */
    char name[NAME_MAX_BYTES + 1];      /* "" on create = the time; release: the id of a snapshot */
    char image[PATH_SIZE];              /* release: or the image */
    char description[DESCRIPTION_MAX_BYTES + 1];
    char about[REQUEST_ID_MAX + 1];     /* cancel: which request */
    enum start start;                   /* revert: how the domain is left */
    bool disk_only;                     /* create */
    char memory[PATH_SIZE];             /* create: the memory image to be made; "" = in the store */
    enum place type;                    /* create: of disks that say nothing else */
    enum quiesce quiesce;               /* create without memory */
    bool dry_run;                       /* create, release, accept, forget: only tell what would be done */
    size_t disk_count;                  /* create: these disks and no other; 0 = every writable one */
    struct request_disk disks[DISKS_MAX];
};

enum { REQUEST_LINE_MAX = 2048, REQUEST_VALUE_MAX = 1024 };

/* "OPERATION KEY=VALUE ..."; a VALUE with blanks is put in double quotes, where \ takes away the meaning
 * of the next character.  LENGTH is the node's: a NUL inside is refused. */
int request_parse_line(struct request *request, const char *line, size_t length, struct err *err);

/* One directory: each child is a key.  The ID is not among them. */
int request_parse_pairs(struct request *request, const struct pairs *pairs, struct err *err);

/* What can be understood of a request that another version may have written down; false: that was not all of it. */
bool request_parse_known(struct request *request, const struct pairs *pairs);

/* The canonical form, without the ID; what request_parse_pairs() takes back. */
void request_format(const struct request *request, struct pairs *pairs);

/* Those that a guest may never ask for, whatever the policy says. */
bool operation_is_of_dom0(enum operation operation);
/* The names of the keys, NULL behind the last, "disk-VDEV" for all of its kind: for who lists them. */
const char *request_key(size_t index);
const char *place_word(enum place place);
const char *quiesce_word(enum quiesce quiesce);
const char *operation_word(enum operation operation);

#endif
