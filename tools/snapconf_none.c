/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of snapconf.c in a build for guests, which have no libxlutil, and whose requests name no files. */

#include "snapconf.h"

#include "xensnap.h"

int snapconf_read(const char *path, struct xensnap_map *settings, struct xensnap_error *error)
{
    (void)settings;
    return xensnap_error_set(error, XENSNAP_UNSUPPORTED, "%s: configuration files are for dom0's xensnap alone", path);
}
