/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kills a worker, or its agent, or both, or stops the worker, at an exact place of an operation: a library for
 * LD_PRELOAD.
 *
 * A worker writes each step into its journal just before it takes it.  The file $KILLPOINT, by default /run/killpoint,
 * holds "WHO WHEN STEP [MICROSECONDS]": who is to be killed (worker, agent or both; "hold": the worker is stopped), and
 * when (before or after) that line is written; "durable" is when it has been made durable, in a step that waits for it.
 * "before" is also just after the step before it.  The pseudo-step "begun" is the journal's first line, "outcome" the
 * end of the operation.  With MICROSECONDS they die so much later, wherever the worker is then. */

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct point {
    char who[16], when[16], step[24];
    unsigned microseconds;
};

/* The agent, if there was one: an orphan's parent is somebody else. */
static pid_t parent;

__attribute__((constructor)) static void remember_parent(void)
{
    parent = getppid();
}

static const char *file_name(void)
{
    const char *name = getenv("KILLPOINT");

    return name ? name : "/run/killpoint";
}
static struct point awaited; /* "durable": its line has been written */
static int awaited_fd = -1;

static int read_point(struct point *point)
{
    FILE *file = fopen(file_name(), "re");
    int fields;

    if (!file)
        return 0;
    point->microseconds = 0;
    fields = fscanf(file, "%15s %15s %23s %u", point->who, point->when, point->step, &point->microseconds);
    fclose(file);
    return fields >= 3;
}

static int is_line_of(const void *data, size_t size, const char *step)
{
    char start[64];

    if (strcmp(step, "begun") == 0)
        snprintf(start, sizeof start, "{\"vm\":");
    else if (strcmp(step, "outcome") == 0)
        snprintf(start, sizeof start, "{\"outcome\":");
    else
        snprintf(start, sizeof start, "{\"step\":\"%s\"}", step);
    return size >= strlen(start) && memcmp(data, start, strlen(start)) == 0;
}

static void kill_now(const struct point *point)
{
    int both = strcmp(point->who, "both") == 0;

    if ((both || strcmp(point->who, "agent") == 0) && getppid() == parent)
        kill(parent, SIGKILL);
    if (both || strcmp(point->who, "worker") == 0)
        kill(getpid(), SIGKILL);
}

static void on_time(union sigval value)
{
    kill_now(value.sival_ptr);
}

static void kill_later(const struct point *now)
{
    static struct point point;
    struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_time };
    struct itimerspec after = { .it_value = { now->microseconds / 1000000, now->microseconds % 1000000 * 1000L } };
    timer_t timer;

    point = *now;
    event.sigev_value.sival_ptr = &point;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &after, NULL) < 0)
        abort();
}

static void at_point(const struct point *point)
{
    unlink(file_name()); /* once */
    if (strcmp(point->who, "hold") == 0)
        kill(getpid(), SIGSTOP);
    else if (point->microseconds > 0)
        kill_later(point);
    else
        kill_now(point);
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
        at_point(&point);
    n = real(fd, data, size);
    if (hit && strcmp(point.when, "after") == 0)
        at_point(&point);
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
        at_point(&awaited);
    }
    return rc;
}
