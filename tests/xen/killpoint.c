/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kills a worker, or its agent, or stops the worker, at an exact place of an operation: a library for LD_PRELOAD.
 *
 * A worker writes each step into its journal just before it takes it.  The file /run/killpoint holds
 * "WHO WHEN STEP": who is to be killed (worker or agent; "hold": the worker is stopped), and when (before or after)
 * that line is written; "durable" is when it has been made durable, in a step that waits for that.
 * "before" is also just after the step before it.  The pseudo-step "outcome" is the end of the operation. */

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILE_NAME "/run/killpoint"

struct point {
    char who[16], when[16], step[24];
};

static struct point awaited; /* "durable": its line has been written */
static int awaited_fd = -1;

static int read_point(struct point *point)
{
    FILE *file = fopen(FILE_NAME, "re");
    int fields;

    if (!file)
        return 0;
    fields = fscanf(file, "%15s %15s %23s", point->who, point->when, point->step);
    fclose(file);
    return fields == 3;
}

static int is_line_of(const void *data, size_t size, const char *step)
{
    char start[64];

    if (strcmp(step, "outcome") == 0)
        snprintf(start, sizeof start, "{\"outcome\":");
    else
        snprintf(start, sizeof start, "{\"step\":\"%s\"}", step);
    return size >= strlen(start) && memcmp(data, start, strlen(start)) == 0;
}

static void kill_now(const struct point *point)
{
    unlink(FILE_NAME); /* once */
    if (strcmp(point->who, "hold") == 0)
        kill(getpid(), SIGSTOP);
    else
        kill(strcmp(point->who, "agent") == 0 ? getppid() : getpid(), SIGKILL);
}

ssize_t write(int fd, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    struct point point;
    int hit;
    ssize_t n;

    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    hit = size > 10 && *(const char *)data == '{' && read_point(&point) && is_line_of(data, size, point.step);
    if (hit && strcmp(point.when, "before") == 0)
        kill_now(&point);
    n = real(fd, data, size);
    if (hit && strcmp(point.when, "after") == 0)
        kill_now(&point);
    if (hit && strcmp(point.when, "durable") == 0) {
        awaited = point;
        awaited_fd = fd;
    }
    return n;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    int rc;

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    rc = real(fd);
    if (awaited_fd >= 0 && fd == awaited_fd) {
        awaited_fd = -1;
        kill_now(&awaited);
    }
    return rc;
}
