/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

/* For client*.c alone. */

#include "client.h"
#include "xenstore.h"

struct client {
    struct xenstore *xs;
};

#endif
