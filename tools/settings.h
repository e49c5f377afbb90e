/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SETTINGS_H
#define SETTINGS_H

/* What a create is to do, from the command line and the configuration file.  Pure. */

#include <stdbool.h>

struct options;
struct xensnap_error;
struct xensnap_map;

#define UUID_MARK "<domain_uuid>"

/* The command line as keys of the request. */
int settings_of_options(const struct options *options, struct xensnap_map *request, struct xensnap_error *error);
/* Adds what FILE says, which was read from PATH; where the two contradict each other, the error names both. */
int settings_add_file(struct xensnap_map *request, const struct options *options, const struct xensnap_map *file,
                      const char *path, struct xensnap_error *error);

/* UUID_MARK in the paths of memory and disks. */
bool settings_need_uuid(const struct xensnap_map *request);
void settings_put_uuid(struct xensnap_map *request, const char *uuid);

#endif
