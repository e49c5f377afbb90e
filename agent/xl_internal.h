/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_INTERNAL_H
#define XL_INTERNAL_H

/* What the files behind xl.h share. */

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>

#include "xl.h"

struct xl {
    xentoollog_logger logger; /* first: libxl's callbacks are given this pointer */
    libxl_ctx *ctx;
    libxl_asyncop_how how;
    struct control *control;
    bool done;
    int rc;
    bool abortable;           /* the call that runs now has got so far that libxl survives its abort */
    struct xl_saved saved;    /* of the save that runs now */
    libxl_evgen_domain_death *death;
    unsigned death_domid;
    char version[32];
    int minor;
};

struct xl_config {
    libxl_domain_config config;
};

/* Waits for the call that returned RC when it was started with &xl->how.  An aborted call has to be waited
 * for as well: libxl puts the guest back. */
int xl_finish(struct xl *xl, int rc, const char *what, struct err *err);

/* In what libxl has stored for the domain: all its memory was there from the start. */
int xl_config_store_populated(struct xl *xl, unsigned domid, struct err *err);

#endif
