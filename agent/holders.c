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

enum way { READS, WRITES, LOCKS };

/* "flags:" of /proc/PID/fdinfo/FD is octal, and each lock has a line.  One that has just been closed does nothing. */
static bool is_open_to(int pid, const char *fd, enum way way)
{
    char path[64], line[128];
    unsigned flags;
    _cleanup_(fclosep) FILE *file = NULL;

    if (way == READS)
        return true;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%.16s", pid, fd);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (way == WRITES ? sscanf(line, "flags: %o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY
                          : strncmp(line, "lock:", 5) == 0)
            return true;
    return false;
}

static bool has_open(int pid, const struct stat *file, enum way way)
{
    char path[32];
    _cleanup_(dir_closep) DIR *fds = NULL;
    struct dirent *fd;
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    fds = opendir(path);
    while (fds && (fd = readdir(fds)))
        if (fstatat(dirfd(fds), fd->d_name, &st, 0) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino &&
            is_open_to(pid, fd->d_name, way))
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

static int find(struct holders *holders, const char *file, enum way way, struct err *err)
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

        if (!pid || pid == getpid() || is_known(holders, pid) || !has_open(pid, &st, way))
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
    return find(holders, file, READS, err);
}

int holders_find_writers(struct holders *holders, const char *file, struct err *err)
{
    return find(holders, file, WRITES, err);
}

int holders_find_lockers(struct holders *holders, const char *file, struct err *err)
{
    return find(holders, file, LOCKS, err);
}

bool holders_find_loop(const char *file, bool writes, char name[32])
{
    _cleanup_(dir_closep) DIR *blocks = opendir("/sys/block");
    struct dirent *block;
    struct stat st;

    if (!blocks || stat(file, &st) < 0)
        return false;
    while ((block = readdir(blocks))) {
        char path[64], backing[4096] = "", ro[4] = "";
        _cleanup_(fclosep) FILE *backing_file = NULL, *ro_file = NULL;
        struct stat backing_st;

        snprintf(path, sizeof path, "/sys/block/%.24s/loop/backing_file", block->d_name);
        backing_file = fopen(path, "re");
        if (!backing_file || !fgets(backing, sizeof backing, backing_file))
            continue;
        backing[strcspn(backing, "\n")] = '\0';
        snprintf(path, sizeof path, "/sys/block/%.24s/ro", block->d_name);
        ro_file = fopen(path, "re");
        if (stat(backing, &backing_st) < 0 || backing_st.st_dev != st.st_dev || backing_st.st_ino != st.st_ino ||
            (writes && ro_file && fgets(ro, sizeof ro, ro_file) && *ro == '1'))
            continue;
        snprintf(name, 32, "%.31s", block->d_name);
        return true;
    }
    return false;
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

void holders_drop(struct holders *holders, size_t index)
{
    closep(&holders->item[index].pidfd);
    holders->item[index] = holders->item[--holders->count];
}

void holders_deinit(struct holders *holders)
{
    for (size_t i = 0; i < holders->count; i++)
        closep(&holders->item[i].pidfd);
    holders->count = 0;
}
