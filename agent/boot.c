/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boot.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"

void boot_read(char boot[UUID_LENGTH + 1])
{
    _cleanup_(fclosep) FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (!file || !fgets(boot, UUID_LENGTH + 1, file) || !uuid_valid(boot))
        memcpy(boot, "-", sizeof "-");
}
