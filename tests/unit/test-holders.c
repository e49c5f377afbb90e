/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has a file open, who can write to it, and how long their end is waited for. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "holders.h"

static char file[] = "/tmp/xensnap-holders-XXXXXX";

enum way { WAITS, SPINS_A_WHILE };

/* A process that has the file open; it has it when this returns. */
static pid_t start(int flags, enum way way)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe(ready) < 0 || (pid = fork()) < 0)
        abort();
    if (pid == 0) {
        time_t until = time(NULL) + 4;

        if (open(file, flags) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        while (way == WAITS)
            pause();
        while (time(NULL) < until)
            ;
        _exit(0);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static size_t count(int (*find)(struct holders *, const char *, struct err *))
{
    struct holders holders = { 0 };
    struct err err;
    size_t found;

    CHECK(find(&holders, file, &err) == 0);
    found = holders.count;
    holders_deinit(&holders);
    return found;
}

static void writers(void)
{
    pid_t reader, writer;

    close(mkstemp(file));
    reader = start(O_RDONLY, WAITS);
    CHECK(count(holders_find) == 1);
    CHECK(count(holders_find_writers) == 0);
    writer = start(O_RDWR, WAITS);
    CHECK(count(holders_find_writers) == 1);
    end(writer);
    writer = start(O_WRONLY, WAITS);
    CHECK(count(holders_find_writers) == 1);
    end(writer);
    end(reader);
}

/* Longer than the deadline, as long as it does something. */
static void wait_for_end(void)
{
    struct holders holders = { 0 };
    struct err err;
    pid_t pid = start(O_RDWR, SPINS_A_WHILE);

    CHECK(holders_find_writers(&holders, file, &err) == 0 && holders.count == 1);
    CHECK(holders_wait(&holders, 2, &err) == 0);
    holders_deinit(&holders);
    waitpid(pid, NULL, 0);
    pid = start(O_RDWR, WAITS);
    CHECK(holders_find_writers(&holders, file, &err) == 0 && holders.count == 1);
    CHECK(holders_wait(&holders, 1, &err) < 0 && err.code == ERR_BUSY);
    holders_deinit(&holders);
    end(pid);
    unlink(file);
}

static const struct check_test tests[] = {
    { "who only reads is a holder and no writer", writers },
    { "who does something is waited for, and who does nothing until the deadline", wait_for_end },
};

CHECK_MAIN(tests)
