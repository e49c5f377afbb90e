/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STAGE_H
#define STAGE_H

/* Where the sentences about xl.h are tried: one VM, which is brought to where a sentence begins. */

#include <sys/types.h>

#include "xl.h"

struct xenstore;

enum need {
    NOTHING,
    ABSENT, /* no domain with its UUID */
    PAUSED, /* built and paused, as it was created */
    AWAKE,  /* running, and its kernel is up */
};

struct stage {
    struct xl *xl;
    struct xenstore *xs;
    struct xl_config *config; /* the VM's; a copy is used up by whoever builds */
    char uuid[UUID_LENGTH + 1];
    struct xl_disk disk; /* one that QEMU serves */
    bool hvm;
    const char *guest; /* a command that acts in a guest */
    unsigned domid;           /* its last one */
    unsigned awake;           /* one that was restored, whose kernel is up */
    struct err err;
    char why[640]; /* a sentence does not hold because */
};

int stage_open(struct stage *stage, unsigned domid, const char *guest);
void stage_close(struct stage *stage);
bool stage_reach(struct stage *stage, enum need need);

/* What goes on in the VM's domain; XL_DYING where it is gone. */
enum xl_life stage_life(struct stage *stage);
/* Waits until the guest's kernel can be asked to suspend. */
bool stage_guest_up(struct stage *stage);
/* A copy of the configuration, to be freed. */
struct xl_config *stage_config(struct stage *stage);
bool stage_create(struct stage *stage);
/* Until there is no domain with that domid, at most SECONDS. */
bool stage_gone(struct stage *stage, unsigned domid, int seconds);
/* ~/NODE of the domain, to be freed, or NULL. */
char *stage_node(struct stage *stage, unsigned domid, const char *node);
/* The guest powers off, reboots or crashes. */
bool stage_guest_does(struct stage *stage, const char *what);

/* A file for memory images, empty, open. */
int stage_file(char path[64]);
/* The same, but what is written there goes no further than a few pages: the reader's end of a pipe. */
int stage_pipe(char path[64]);
bool stage_save(struct stage *stage, int fd, enum xl_save_kind kind, struct xl_saved *saved);

/* An internal snapshot of the disk, by QEMU, which is removed again. */
bool stage_snapshot(struct stage *stage);
bool stage_qemu_runs(struct stage *stage);
bool stage_qemu_goes_on(struct stage *stage);
/* How many QEMUs have the disk's image open. */
size_t stage_qemus(struct stage *stage);

/* Runs VERB in a process of its own and kills that as soon as WHEN holds, at most after some seconds; false where it
 * never held. */
bool stage_kill(struct stage *stage, const char *verb, const char *file, bool (*when)(struct stage *stage));
/* Runs VERB in a process of its own, to its end: libxl itself dies of some of what is wrong.  Whether it has failed, or
 * died. */
bool stage_fails(struct stage *stage, const char *verb, const char *file);
/* What these processes do. */
int stage_child(int argc, char **argv);

#endif
