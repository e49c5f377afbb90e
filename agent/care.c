/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "care.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "files.h"

static int care_dir(enum care care, const char *run, struct err *err)
{
    _cleanup_(closep) int dir = dir_make(AT_FDCWD, run, err);

    return dir < 0 ? -1 : dir_make(dir, care == CARE_END ? "monitor" : "late", err);
}

static void care_name(char name[CARE_NAME_SIZE], const char *vm, unsigned domid)
{
    snprintf(name, CARE_NAME_SIZE, "%s.%u", vm, domid);
}

int care_begin(enum care care, const char *run, const char *vm, unsigned domid, struct err *err)
{
    _cleanup_(closep) int dir = care_dir(care, run, err);
    _cleanup_(closep) int fd = -1;
    char name[CARE_NAME_SIZE];

    if (dir < 0)
        return -1;
    care_name(name, vm, domid);
    fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? err_errno(err, "cannot take the domain into our care") : 0;
}

void care_end(enum care care, const char *run, const char *vm, unsigned domid)
{
    struct err err;
    _cleanup_(closep) int dir = care_dir(care, run, &err);
    char name[CARE_NAME_SIZE];

    care_name(name, vm, domid);
    if (dir >= 0)
        unlinkat(dir, name, 0);
}

static int give_up(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

/* The file may go between opening and locking it: then nobody has to be looked after. */
static int hold(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0))
        return give_up(fd, errno);
    return fd >= 0 && st.st_nlink == 0 ? give_up(fd, ENOENT) : fd;
}

/* It is locked before it has its name. */
static int make_held(int dir, const char *name)
{
    char new[24];
    int fd, rc;

    snprintf(new, sizeof new, "new.%d", (int)getpid());
    unlinkat(dir, new, 0); /* of one that had our pid and was killed */
    fd = openat(dir, new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    rc = flock(fd, LOCK_EX | LOCK_NB) < 0 || linkat(dir, new, dir, name, 0) < 0 ? errno : 0;
    unlinkat(dir, new, 0);
    return rc ? give_up(fd, rc) : fd;
}

int care_hold(enum care care, const char *run, const char *vm, unsigned domid)
{
    struct err err;
    _cleanup_(closep) int dir = care_dir(care, run, &err);
    char name[CARE_NAME_SIZE];

    care_name(name, vm, domid);
    return dir < 0 ? -1 : hold(dir, name);
}

int care_take(enum care care, const char *run, const char *vm, unsigned domid, int *held, struct err *err)
{
    _cleanup_(closep) int dir = care_dir(care, run, err);
    char name[CARE_NAME_SIZE];
    int tries = 8, fd;

    if (dir < 0)
        return -1;
    care_name(name, vm, domid);
    do {
        fd = make_held(dir, name);
        if (fd < 0 && errno == EEXIST)
            fd = hold(dir, name);
    } while (fd < 0 && errno == ENOENT && --tries > 0); /* it has gone just now */
    if (fd >= 0)
        *held = fd;
    else if (errno != EWOULDBLOCK)
        return err_errno(err, "cannot take the domain into our care");
    return fd >= 0;
}

static bool parse_name(const char *name, char vm[UUID_LENGTH + 1], unsigned *domid)
{
    snprintf(vm, UUID_LENGTH + 1, "%.*s", UUID_LENGTH, name);
    return strlen(name) > UUID_LENGTH + 1 && uuid_valid(vm) && name[UUID_LENGTH] == '.' &&
           domid_parse(name + UUID_LENGTH + 1, domid);
}

void care_each_alone(enum care care, const char *run,
                     void (*visit)(void *data, const char *vm, unsigned domid, int held), void *data)
{
    struct err err;
    int dir = care_dir(care, run, &err);
    DIR *stream = dir < 0 ? NULL : fdopendir(dir);
    struct dirent *child;

    if (!stream)
        return;
    while ((child = readdir(stream))) {
        char vm[UUID_LENGTH + 1];
        unsigned domid;
        int fd;

        if (!parse_name(child->d_name, vm, &domid))
            continue;
        fd = hold(dir, child->d_name);
        if (fd < 0)
            continue;
        visit(data, vm, domid, fd);
        close(fd);
    }
    closedir(stream);
}
