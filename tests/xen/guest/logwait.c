/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For dom0: waits for a line in a log, which need not be there yet.
 *     logwait FILE OFFSET SECONDS line REGEX      a line behind OFFSET in which the basic regular expression is found
 *     logwait FILE OFFSET SECONDS tick N          a whole line "tick M", M at least N
 * Exits 0 when it stands there and 1 when it does not in time.  One process that is woken when something is written: a
 * shell that looks again and again takes half of an emulated processor from what it waits for.
 */
#include <libgen.h>
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static regex_t wanted;
static long least = -1; /* of a tick; less than nothing where a line is waited for */

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A guest's console ends its lines with CR and LF. */
static bool is_it(char *line, size_t length)
{
    char *end;
    long tick;

    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        line[--length] = '\0';
    if (least < 0)
        return regexec(&wanted, line, 0, NULL, 0) == 0;
    if (strncmp(line, "tick ", 5) != 0)
        return false;
    tick = strtol(line + 5, &end, 10);
    return end != line + 5 && *end == '\0' && tick >= least;
}

/* From *offset, which moves behind the whole lines that were looked at. */
static bool look(const char *path, long *offset)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool found = false;

    if (!file)
        return false;
    fseek(file, *offset, SEEK_SET);
    while (!found && (length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
        *offset += length;
        found = is_it(line, (size_t)length);
    }
    free(line);
    fclose(file);
    return found;
}

/* Of the directory: the file may be made later.  Whatever happens in it is a reason to look. */
static int watch(const char *path)
{
    char *copy = strdup(path);
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0 || !copy || inotify_add_watch(fd, dirname(copy), IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0) {
        perror("logwait");
        exit(2);
    }
    free(copy);
    return fd;
}

int main(int argc, char **argv)
{
    long long end;
    long offset;
    int fd;

    if (argc != 6 || (strcmp(argv[4], "tick") != 0 && strcmp(argv[4], "line") != 0))
        return 2;
    if (strcmp(argv[4], "tick") == 0)
        least = atol(argv[5]);
    else if (regcomp(&wanted, argv[5], REG_NOSUB) != 0)
        return 2;
    offset = atol(argv[2]);
    end = now_ms() + atol(argv[3]) * 1000LL;
    fd = watch(argv[1]);
    while (!look(argv[1], &offset)) {
        struct pollfd there = { .fd = fd, .events = POLLIN };
        char events[4096];
        long long left = end - now_ms();

        if (left <= 0)
            return 1;
        poll(&there, 1, left > 60000 ? 60000 : (int)left);
        while (read(fd, events, sizeof events) > 0)
            ;
    }
    return 0;
}
