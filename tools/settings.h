/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SETTINGS_H
#define SETTINGS_H

/* What a create is to do, from the command line and the configuration file.  Pure. */

#include <stdbool.h>

struct err;
struct options;
struct pairs;

#define UUID_MARK "<domain_uuid>"

/* The command line as keys of the request. */
int settings_of_options(const struct options *options, struct pairs *pairs, struct err *err);
/* Adds what FILE says, which was read from PATH; where the two contradict each other, the error names both. */
int settings_add_file(struct pairs *pairs, const struct options *options, const struct pairs *file, const char *path,
                      struct err *err);

/* UUID_MARK in the paths of memory and disks. */
bool settings_need_uuid(const struct pairs *pairs);
void settings_put_uuid(struct pairs *pairs, const char *uuid);

#endif
