/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PROGRESS_H
#define PROGRESS_H

/* How far an operation is, on stderr: one line that is drawn again and again on a terminal, and else one
 * line for each stage. */

#include <stdbool.h>

struct options;
struct xensnap_map;

struct progress {
    const char *command;
    bool quiet, terminal;
    int drawn;      /* columns of the line that stands on the terminal */
    char label[32]; /* the stage that was told last */
};

void progress_begin(struct progress *progress, const struct options *options);
void progress_show(struct progress *progress, const struct xensnap_map *status);
/* A line that stays. */
void progress_note(struct progress *progress, const char *text);
/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
