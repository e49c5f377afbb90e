/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holders.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "life.h"

static void dir_closep(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool is_open_for_writing(int pid, const char *fd)
{
    char path[64];
    _cleanup_(fclosep) FILE *file = NULL;
    unsigned flags = 0;

    snprintf(path, sizeof path, "/proc/%d/fdinfo/%.10s", pid, fd);
    file = fopen(path, "re");
    return file && fscanf(file, "pos: %*d flags: %o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

static bool has_open(int pid, const struct stat *file, bool for_writing)
{
    char path[32];
    _cleanup_(dir_closep) DIR *fds = NULL;
    struct dirent *fd;
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    fds = opendir(path);
    while (fds && (fd = readdir(fds)))
        if (fstatat(dirfd(fds), fd->d_name, &st, 0) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino &&
            (!for_writing || is_open_for_writing(pid, fd->d_name)))
            return true;
    return false;
}

static void read_name(int pid, char *name, size_t size)
{
    char path[32];
    _cleanup_(fclosep) FILE *file = NULL;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    file = fopen(path, "re");
    if (!file || !fgets(name, (int)size, file))
        snprintf(name, size, "?");
    name[strcspn(name, "\n")] = '\0';
}

static bool is_known(const struct holders *holders, int pid)
{
    for (size_t i = 0; i < holders->count; i++)
        if (holders->item[i].pid == pid)
            return true;
    return false;
}

static int find(struct holders *holders, const char *file, bool for_writing, struct err *err)
{
    _cleanup_(dir_closep) DIR *processes = opendir("/proc");
    struct dirent *process;
    struct stat st;

    if (!processes)
        return err_errno(err, "cannot read /proc");
    if (stat(file, &st) < 0)
        return 0;
    while ((process = readdir(processes))) {
        int pid = isdigit((unsigned char)*process->d_name) ? atoi(process->d_name) : 0;

        if (!pid || pid == getpid() || is_known(holders, pid) || !has_open(pid, &st, for_writing))
            continue;
        if (holders->count == HOLDERS_MAX)
            return err_set(err, ERR_BUSY, "more than %d processes have the image open", HOLDERS_MAX);
        holders->item[holders->count].pid = pid;
        holders->item[holders->count].pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        read_name(pid, holders->item[holders->count].name, sizeof holders->item[0].name);
        holders->count++;
    }
    return 0;
}

int holders_find(struct holders *holders, const char *file, struct err *err)
{
    return find(holders, file, false, err);
}

int holders_find_writers(struct holders *holders, const char *file, struct err *err)
{
    return find(holders, file, true, err);
}

int holders_wait(const struct holders *holders, int seconds, struct err *err)
{
    for (size_t i = 0; i < holders->count; i++) {
        struct pollfd pollfd = { .fd = holders->item[i].pidfd, .events = POLLIN };
        struct life life;

        life_begin(&life, holders->item[i].pid);
        while (pollfd.fd >= 0 && poll(&pollfd, 1, seconds * 1000) == 0)
            if (!life_moved(&life))
                return err_set(err, ERR_BUSY,
                               "process %d (%s) has the image open, and has done nothing for %d s; when "
                               "it has ended, ask again",
                               holders->item[i].pid, holders->item[i].name, seconds);
    }
    return 0;
}

void holders_deinit(struct holders *holders)
{
    for (size_t i = 0; i < holders->count; i++)
        closep(&holders->item[i].pidfd);
    holders->count = 0;
}
