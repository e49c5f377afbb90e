/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "errors.h"

enum { KILLED_MS = 2000 };

extern char **environ;

bool hooks_name_valid(const char *name)
{
    static const char *const left_over[] = { ".*", "*~", "*.bak", "*.orig", "*.rpmnew", "*.rpmorig", "*.rpmsave",
                                             "*.sample", "*.dpkg-*" };

    for (size_t i = 0; i < sizeof left_over / sizeof *left_over; i++)
        if (fnmatch(left_over[i], name, 0) == 0)
            return false;
    return true;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

void hooks_find(struct hooks *hooks, const char *directory)
{
    struct dirent **names;
    int count = scandir(directory, &names, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char path[HOOK_PATH_SIZE];

        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (hooks_name_valid(names[i]->d_name) && is_program(path)) {
            if (hooks->count < HOOKS_MAX)
                memcpy(hooks->path[hooks->count], path, sizeof path);
            hooks->count++;
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

/* A process group of its own, so that all of it can be killed; its output goes where ours goes. */
static int start(const char *path, const char *word, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *argv[] = { (char *)path, (char *)word, NULL };
    sigset_t all, none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    error = posix_spawn(pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Whether it has ended by then.  SIGCHLD is blocked in all of the daemon. */
static bool wait_end(pid_t pid, long long deadline, int *wait_status)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        long long left = deadline - clock_ms();
        struct timespec timeout = { .tv_sec = left > 0 ? left / 1000 : 0,
                                    .tv_nsec = left > 0 ? left % 1000 * 1000000 : 0 };
        pid_t ended = waitpid(pid, wait_status, WNOHANG);

        if (ended == pid || (ended < 0 && errno != EINTR))
            return true;
        if (left <= 0)
            return false;
        sigtimedwait(&child, NULL, &timeout);
    }
}

static int run(const char *path, const char *word, long long deadline, struct err *err)
{
    int wait_status = 0, error;
    pid_t pid;

    error = start(path, word, &pid);
    if (error)
        return err_set(err, ERR_IO, "%.120s cannot be run: %s", path, strerror(error));
    if (!wait_end(pid, deadline, &wait_status)) {
        kill(-pid, SIGKILL);
        wait_end(pid, clock_ms() + KILLED_MS, &wait_status);
        return err_set(err, ERR_GUEST_TIMEOUT, "%.120s %s took too long and was killed", path, word);
    }
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
        return 0;
    if (WIFEXITED(wait_status))
        return err_set(err, ERR_IO, "%.120s %s has failed with exit code %d", path, word, WEXITSTATUS(wait_status));
    return err_set(err, ERR_IO, "%.120s %s was ended by signal %d", path, word, WTERMSIG(wait_status));
}

int hooks_freeze(struct hooks *hooks, int seconds, struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;

    if (hooks->count > HOOKS_MAX)
        return err_set(err, ERR_IO, "there are more than %d hooks", HOOKS_MAX);
    while (hooks->begun < hooks->count)
        if (run(hooks->path[hooks->begun++], "freeze", deadline, err) < 0)
            return -1;
    return 0;
}

void hooks_thaw(struct hooks *hooks, int seconds, void (*failed)(const char *text))
{
    struct err err;

    while (hooks->begun > 0)
        if (run(hooks->path[--hooks->begun], "thaw", clock_ms() + seconds * 1000LL, &err) < 0)
            failed(err.text);
}
