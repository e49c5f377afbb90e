/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void stand_still(void)
{
    for (;;)
        pause();
}

static void calculate(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void move_bytes(int from, int to)
{
    char block[4096];

    for (;;)
        if (read(from, block, sizeof block) < 0 || write(to, block, sizeof block) < 0)
            _exit(1);
        else
            poll(NULL, 0, 1);
}

static void read_and_write(void)
{
    move_bytes(open("/dev/zero", O_RDONLY), open("/dev/null", O_WRONLY));
}

static pid_t start(void (*what)(void))
{
    pid_t pid = fork();

    if (pid == 0)
        what();
    poll(NULL, 0, 50); /* its own beginning is life, too */
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Until it has moved, looking for ten seconds. */
static bool moves(struct life *life)
{
    for (int i = 0; i < 100; i++) {
        if (life_moved(life))
            return true;
        poll(NULL, 0, 100);
    }
    return false;
}

static void silence(void)
{
    pid_t pid = start(stand_still);
    struct life life;

    life_begin(&life, pid);
    for (int i = 0; i < 3; i++) {
        poll(NULL, 0, 50);
        CHECK(!life_moved(&life));
    }
    end(pid);
    CHECK(!life_moved(&life));
}

static void work(void)
{
    void (*const kinds[])(void) = { calculate, read_and_write };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pid_t pid = start(kinds[i]);
        struct life life;

        life_begin(&life, pid);
        CHECK(moves(&life));
        CHECK(moves(&life));
        kill(pid, SIGSTOP);
        waitpid(pid, NULL, WUNTRACED);
        life_moved(&life);
        CHECK(!life_moved(&life));
        end(pid);
    }
}

static const struct check_test tests[] = {
    { "a process that does nothing does not move, nor one that has ended", silence },
    { "one that calculates, reads or writes moves until it is stopped", work },
};

CHECK_MAIN(tests)
