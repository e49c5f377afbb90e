/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "qemu.h"
#include "table.h"

/* A QEMU that is stopped ends when it goes on. */
enum { EXIT_MS = 30, DYING_MS = 10000, END_MS = 300000 };

/* The program is found beside where the double was built. */
int reaper_start(unsigned domid, struct err *err)
{
    char number[12];
    char *const argv[] = { DOUBLE_DIR "/domain", "reap", number, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int status, rc;
    pid_t pid;

    snprintf(number, sizeof number, "%u", domid);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID); /* what it holds it lets go, whoever is killed */
    rc = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if ((errno = rc))
        return err_errno(err, "cannot start %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status ? err_set(err, ERR_XEN, "destroying the domain failed (double: %s)", argv[0]) : 0;
}

static void note_pid(unsigned domid)
{
    char path[DOUBLE_PATH], number[16];
    struct err err;

    snprintf(number, sizeof number, "%d\n", (int)getpid());
    double_path(path, "domains/%u/reaper.pid", domid);
    double_write(path, number, strlen(number), &err);
}

/* Whoever destroys it may be killed before the hypervisor hears of it; then the domain stays, without a QEMU. */
static bool wait_dying(unsigned domid)
{
    long long deadline = clock_ms() + DYING_MS;
    struct guest guest;

    while (table_read(domid, &guest) && clock_ms() < deadline) {
        if (guest.dying)
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}

/* As libxl's, it is told to exit before the destroy returns: from then on it opens nothing more, and takes its time. */
int reaper_main(unsigned domid)
{
    int pids[QEMU_PIDS_MAX], pid;
    size_t held;

    held = qemu_hold(domid, pids);
    if (daemon(1, 0) < 0)
        return 1;
    note_pid(domid);
    poll(NULL, 0, (int)double_setting("qemu-exit-ms", EXIT_MS));
    for (size_t i = 0; i < held; i++)
        kill(pids[i], SIGCONT);
    while ((pid = qemu_pid(domid))) {
        qemu_end(pid);
        if (!qemu_wait(pid, END_MS))
            return 1;
    }
    if (wait_dying(domid))
        table_remove(domid);
    return 0;
}
