/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SAVEFILE_H
#define SAVEFILE_H

/* The head of a save file as xl writes it (tools/xl/xl.h: struct save_file_header), so that plain
 * "xl restore FILE" takes our memory images: magic, flags, the configuration as JSON; libxl's stream follows. */

#include "errors.h"

int savefile_write_header(int fd, const char *config, struct err *err);
/* Leaves FD where the stream begins. */
int savefile_skip_header(int fd, struct err *err);

#endif
