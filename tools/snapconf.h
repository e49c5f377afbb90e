/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SNAPCONF_H
#define SNAPCONF_H

/* The configuration file of a snapshot: docs/xensnap-snapshot.conf.5.pod.  The only user of libxlutil, behind one
 * function, so that a build for guests, which have no libxlutil, can do without this file. */

struct xensnap_error;
struct xensnap_map;

/* What PATH says, as keys of a create request that xensnap_check() takes, plus "creationtime" if it is there.
 * Its values are not looked at further than libxlutil's grammar goes; "<domain_uuid>" is left as it is. */
int snapconf_read(const char *path, struct xensnap_map *settings, struct xensnap_error *error);

#endif
