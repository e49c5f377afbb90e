/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHAIN_H
#define CHAIN_H

/* How the images of one VM stand on each other, and who needs which: read from the images themselves, the
 * records, the configuration and QEMU, each time anew (but answers.h).
 * Two names are one image if they lead to one file now; that is compared within one look and kept nowhere. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "errors.h"
#include "names.h"
#include "nodes.h"

struct images;
struct reach;
struct work;

/* So many images may stand on each other. */
enum { CHAIN_MAX = 200 };

struct link {
    char path[PATH_SIZE];    /* as the ledger spells it, else as a configuration or a record does */
    char format[12];         /* from whoever knows it; "" = nobody does, and it is not guessed */
    char backing[PATH_SIZE]; /* "" = none */
    long long size;          /* virtual; 0 = it was not looked at */
    int below;               /* which link it stands on; -1 = none */
    int entry;               /* which image of the ledger it is; -1 = none of them */
    dev_t device;            /* 0, as the inode is: there is no such file */
    ino_t inode;
    bool looked;             /* what is below it and in it is known, as far as it is there */
    bool there;
    bool read;               /* qemu-img could read it */
    bool named;              /* a configuration names it */
    bool writable;           /* for a disk that can be written to */
    bool active;             /* the domain writes to it, by what QEMU says; else, by the configuration, it would */
    enum node_role node;     /* how QEMU has it */
    bool pinned;             /* and lets nobody write to it, for a PV disk that is never used */
    char vdev[VDEV_SIZE];    /* whose, where that is known */
    bool frozen;             /* an external snapshot is its content */
    char snapshot[UUID_LENGTH + 1]; /* and which */
    size_t snapshots;        /* our internal snapshots in it */
    size_t tags;             /* all internal snapshots in it, whoever made them */
    bool empty;              /* nothing was ever written to it, and nobody has it open; or it is no image yet */
};

struct chain {
    struct link *item;
    size_t count;
    bool runs;           /* there is a domain */
    struct err unknown;  /* code ERR_NONE, or why not all is known: then nothing may be removed or merged */
    struct err misused;  /* code ERR_NONE, or that the domain writes into what is a snapshot */
    struct err stranger; /* code ERR_NONE, or that the domain has the UUID of this VM and nothing else of it */
    char name[NAME_MAX_BYTES + 1]; /* the domain's */
    bool name_known;     /* a record has it, too */
};

/* Every image that the ledger, the configuration or a record names, and who needs it. */
int chain_list(struct chain *chain, const struct images *images, struct work *work, const struct reach *reach,
               struct err *err);
/* Then: what they stand on, and what is in them. */
int chain_look(struct chain *chain, const struct images *images, struct work *work, struct err *err);
/* ERR_CORRUPT where LINK, which the ledger has and which was read, is not what the ledger says: as for UNKNOWN. */
int chain_check_header(const struct link *link, const struct images *images, struct err *err);
/* In its place: no more than the headers tell, for which no qemu-img is started. */
int chain_look_at_heads(struct chain *chain, const struct images *images, struct err *err);
/* ERR_CORRUPT where the domain is another VM's. */
int chain_check_own(const struct chain *chain, struct err *err);
/* The same, and where it writes to what is a snapshot. */
int chain_check_written(const struct chain *chain, struct err *err);
/* The same, and where not all is known. */
int chain_check_known(const struct chain *chain, struct err *err);
void chain_deinit(struct chain *chain);
/* NULL where it is none of the VM's. */
const struct link *chain_find(const struct chain *chain, const char *path);
/* Whether its content is needed as it is, or may be: it must not be written to. */
bool chain_holds_up(const struct chain *chain, const struct images *images, const char *path);

/* How many stand right on that link, and the last of them. */
static inline size_t chain_above(const struct chain *chain, const struct link *link, const struct link **one)
{
    size_t count = 0;

    for (size_t i = 0; i < chain->count; i++)
        if (chain->item[i].below == (int)(link - chain->item)) {
            count++;
            if (one)
                *one = &chain->item[i];
        }
    return count;
}

#endif
