/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "errors.h"
#include "freezer.h"
#include "say.h"
#include "xenstore.h"

/* The daemon's own timer comes first. */
enum { GRACE_MS = 1000, AGAIN_MS = 1000, FDS_MAX = 1024 };

/* A freeze that was on its way when the time was over may end behind our thaw: so it is repeated until the daemon has
 * seen to it, or is gone.  Thawing comes before anything that could take time. */
static void watch_over(int line, const struct freezer *freezer, struct xenstore *xs, const char *token, int seconds)
{
    long long until = clock_ms() + seconds * 1000LL + GRACE_MS;
    bool told = false;

    for (;;) {
        struct pollfd pollfd = { .fd = line, .events = POLLIN };
        long long left = until - clock_ms();
        int ended = poll(&pollfd, 1, left > 0 ? (int)left : 0);

        if (ended < 0)
            continue;
        freezer_thaw(freezer);
        if (!told)
            say_failed(xs, token, ended ? "xensnap-guestd was killed" : "xensnap-guestd did not thaw in time");
        told = true;
        if (ended)
            return;
        until = clock_ms() + AGAIN_MS;
    }
}

/* What the daemon has open beside the file systems, its connections above all, would outlive it. */
static void close_others(const bool *open, const struct freezer *freezer)
{
    for (int fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++) {
        bool held = !open[fd];

        for (size_t i = 0; i < freezer->count && !held; i++)
            held = freezer->fds[i] == fd;
        if (!held)
            close(fd);
    }
}

static void find_open(bool open[FDS_MAX])
{
    for (int fd = 0; fd < FDS_MAX; fd++)
        open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static _Noreturn void guard_main(int line, const struct freezer *freezer, struct xenstore *xs, const char *token,
                                 int seconds)
{
    signal(SIGTERM, SIG_IGN); /* the daemon gets it as well, and thaws */
    signal(SIGINT, SIG_IGN);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    watch_over(line, freezer, xs, token, seconds);
    _exit(0);
}

int guard_start(struct guard *guard, const struct freezer *freezer, const char *token, int seconds, struct err *err)
{
    struct xenstore *xs = NULL; /* a connection of its own, which no thread reads from */
    bool open[FDS_MAX];
    int line[2];

    find_open(open);
    *guard = (struct guard){ .line = -1 };
    if (xenstore_open(&xs, err) < 0)
        return -1;
    if (pipe2(line, O_CLOEXEC) < 0) {
        xenstore_close(xs);
        return err_errno(err, "pipe");
    }
    guard->pid = fork();
    if (guard->pid == 0) {
        close(line[1]);
        close_others(open, freezer);
        guard_main(line[0], freezer, xs, token, seconds);
    }
    close(line[0]);
    guard->line = line[1];
    xenstore_close(xs);
    if (guard->pid > 0)
        return 0;
    guard_end(guard);
    return err_errno(err, "fork");
}

void guard_end(struct guard *guard)
{
    if (guard->pid > 0) {
        kill(guard->pid, SIGKILL);
        waitpid(guard->pid, NULL, 0);
    }
    if (guard->line >= 0)
        close(guard->line);
    *guard = (struct guard){ .line = -1 };
}
