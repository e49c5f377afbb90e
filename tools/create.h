/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CREATE_H
#define CREATE_H

/* What a create asks for: its words, its options and its configuration file. */

#include "options.h"
#include "xensnap.h"

/* Finds out which of the two words is the domain and which the configuration file. */
int create_words(struct xensnap *xensnap, struct options *options, struct xensnap_error *error);
int create_request(struct xensnap *xensnap, const struct options *options, struct xensnap_map *request,
                   struct xensnap_error *error);

#endif
