/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef REAPER_H
#define REAPER_H

/* What happens to a domain when its destruction has returned: its QEMU exits a while later, and then the last of the
 * domain is gone.  A process of its own, as QEMU and the hypervisor are. */

#include "double.h"

int reaper_start(unsigned domid, struct err *err);
/* The program that reaper_start() starts; goes into the background. */
int reaper_main(unsigned domid);

#endif
