/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "maps.h"
#include "options.h"

enum { BAR = 20, LINE_SIZE = 128 };

void progress_begin(struct progress *progress, const struct options *options)
{
    *progress = (struct progress){
        .command = options->command,
        .quiet = options->quiet,
        .terminal = isatty(STDERR_FILENO) == 1,
    };
}

/* The stage while it runs, else the state: "queued", "cancelling". */
static void make_label(char label[32], const struct xensnap_map *status)
{
    bool in_stage = map_is(status, "state", "running") && *map_text(status, "stage");

    snprintf(label, 32, "%s", map_text(status, in_stage ? "stage" : "state"));
    for (char *c = label; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static void make_line(char line[LINE_SIZE], const char *command, const char *label, int progress)
{
    char bar[BAR + 1];
    int percent = progress > 100 ? 100 : progress;

    if (percent < 0) {
        snprintf(line, LINE_SIZE, "%s  %s", command, label);
        return;
    }
    memset(bar, ' ', BAR);
    memset(bar, '#', (size_t)(percent * BAR / 100));
    bar[BAR] = '\0';
    snprintf(line, LINE_SIZE, "%s  %-10s [%s] %3d%%", command, label, bar, percent);
}

static int columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

static void draw(struct progress *progress, const char *line)
{
    int width = (int)strlen(line), most = columns() - 1;

    if (width > most)
        width = most;
    if (progress->drawn > most)
        progress->drawn = most;
    fprintf(stderr, "\r%-*.*s", progress->drawn > width ? progress->drawn : width, width, line);
    progress->drawn = width;
}

void progress_show(struct progress *progress, const struct xensnap_map *status)
{
    char line[LINE_SIZE], label[sizeof progress->label];

    if (progress->quiet || xensnap_outcome(status) != XENSNAP_PENDING)
        return;
    make_label(label, status);
    if (progress->terminal) {
        make_line(line, progress->command, label, (int)xensnap_map_number(status, "progress", -1));
        draw(progress, line);
    } else if (strcmp(label, progress->label) != 0) {
        fprintf(stderr, "%s: %s\n", progress->command, label);
    }
    memcpy(progress->label, label, sizeof label);
}

void progress_note(struct progress *progress, const char *text)
{
    progress_end(progress);
    if (progress->quiet || strcmp(text, progress->label) == 0)
        return;
    fprintf(stderr, "%s: %s\n", progress->command, text);
    snprintf(progress->label, sizeof progress->label, "%s", text);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn > 0)
        fprintf(stderr, "\r%*s\r", progress->drawn, "");
    progress->drawn = 0;
}
