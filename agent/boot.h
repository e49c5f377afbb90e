/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BOOT_H
#define BOOT_H

/* Which run of the host this is: what was written before it ended may not have come to the disk. */

#include "names.h"

/* "-" where that cannot be told. */
void boot_read(char boot[UUID_LENGTH + 1]);

#endif
