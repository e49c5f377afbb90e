/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KEPT_H
#define KEPT_H

/* VM/kept: the VM as it was when a revert began, for the case that the snapshot's state cannot be started.  A line with
 * "running", "paused" or "stopped", the domid (-1 = none), the host's boot id and the operation's own mark; and the
 * configuration.  Its disks are kept where they are: in the images that this configuration names, and inside
 * those that the revert puts back themselves (replaced.h). */

#include <stdbool.h>

#include "errors.h"
#include "names.h"

struct work;
struct xl_config;
struct xl_domain;

struct kept {
    char state[12];
    int domid;                  /* of the domain that is replaced; -1: none, or the host has booted since */
    char mark[UUID_LENGTH + 1]; /* xl_config_set_mark()'s, of each domain that the operation makes */
    bool this_boot;             /* the host has not booted since */
    struct xl_config *config;
};

/* DOMAIN is NULL where it does not run.  NEXT, of which the new domain is going to be made, gets the MARK.  Durable. */
int kept_note(struct work *work, const struct xl_domain *domain, struct xl_config *next, char mark[UUID_LENGTH + 1],
              struct err *err);
/* The mark alone; "" where there is none.  -1 where there may be one that cannot be read. */
int kept_mark(struct work *work, char mark[UUID_LENGTH + 1], struct err *err);
/* ERR_CORRUPT where there is none, as of a revert that an older version has begun. */
int kept_load(struct kept *kept, struct work *work, struct err *err);
/* ERR_BUSY where DOMAIN is neither the one that is replaced nor one that the operation has made: somebody has started
 * it since, and it is not ours to destroy.  That is written down, for it may have ended when somebody looks again. */
int kept_check_ours(const struct kept *kept, struct work *work, const struct xl_domain *domain, struct err *err);
int kept_forget(struct work *work, struct err *err);
void kept_deinit(struct kept *kept);

#endif
