/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

/* For client*.c alone. */

#include <stdbool.h>

#include "errors.h"
#include "map.h"
#include "xenstore.h"

struct xensnap {
    struct xenstore *xs;
};

/* Tells the caller; returns -1. */
int client_fail(struct xensnap_error *error, const struct err *err);
int client_no_memory(struct xensnap_error *error);

enum client_found { CLIENT_FOUND, CLIENT_NONE, CLIENT_UNKNOWN };

/* The status of request ID at PATH; UNKNOWN where xenstored or memory does not let us see. */
enum client_found client_read_status(struct xensnap *xensnap, const char *path, const char *id,
                                     struct xensnap_map **status);

#endif
