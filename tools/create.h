/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CREATE_H
#define CREATE_H

/* What a create asks for: its words, its options and its configuration file. */

#include "client.h"
#include "options.h"

/* Finds out which of the two words is the domain and which the configuration file. */
int create_words(struct client *client, struct options *options, struct err *err);
int create_pairs(struct client *client, const struct options *options, struct pairs *pairs, struct err *err);

#endif
