/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    const char *name;
    enum log_level level;
    bool journal;
} log_state = { "xensnap", LOG_LEVEL_INFO, false };

void log_init(const char *name, enum log_level level)
{
    log_state.name = name;
    log_state.level = level;
    log_state.journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (level > log_state.level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* A guest chooses some of the words that stand in here; none of them may look like a line of ours. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (log_state.journal)
        fprintf(stderr, "<%d>%s\n", level, line);
    else
        fprintf(stderr, "%s[%d]: %s\n", log_state.name, (int)getpid(), line);
}
