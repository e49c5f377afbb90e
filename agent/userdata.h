/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef USERDATA_H
#define USERDATA_H

/* The configuration that libxl keeps of a running domain, and libxl's lock around every change of it: device
 * hotplug, a CD-ROM's change and the domain's end read it, change it and write it back under that lock.  libxl
 * gives out neither the lock nor one call for all three: libxl_userdata_retrieve() and libxl_userdata_store() take
 * the lock each for itself, so that what another has written in between would be lost.  So this goes by the files,
 * as libxl does (libxl_dom.c, libxl_internal.c, the same from 4.5 to 4.22).  Nothing of libxl that is about the
 * domain must be called while the lock is held: it would wait for it for ever. */

#include "errors.h"
#include "names.h"

/* Where libxl has them, in every build that does not say otherwise. */
#define USERDATA_DIR "/var/lib/xen"

struct userdata {
    const char *dir;
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
};

/* A descriptor that holds the lock, or -1: ERR_BUSY where another has it for so long. */
int userdata_lock(const struct userdata *userdata, int seconds, struct err *err);
void userdata_unlock(const struct userdata *userdata, int lock);

/* To be freed; NULL where there is none: the domain is not built yet, or has gone. */
char *userdata_read(const struct userdata *userdata);
/* In one step; the lock must be held. */
int userdata_write(const struct userdata *userdata, const char *json, struct err *err);

#endif
