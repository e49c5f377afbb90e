/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of a guest's file systems, of its place in xenstore, and of its /etc, for xensnap-guestd on the host:
 * nothing is frozen here.  Over a directory, $GUEST_DOUBLE:
 *   file-systems  a number: so many can be frozen; no file, none
 *   refuse        while it is there, none can
 *   frozen        is there while they are
 *   hooks/NAME    for the directory of hooks whose last part is NAME
 * Paths in xenstore that are relative are domain 5's.  The linker's --wrap leads the calls here. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "errors.h"
#include "freezer.h"
#include "hooks.h"
#include "names.h"

struct xenstore;

char *__real_xenstore_read(struct xenstore *xs, const char *path, size_t *length);
char *__wrap_xenstore_read(struct xenstore *xs, const char *path, size_t *length);
int __real_xenstore_write(struct xenstore *xs, const char *path, const char *value);
int __wrap_xenstore_write(struct xenstore *xs, const char *path, const char *value);
int __real_xenstore_watch(struct xenstore *xs, const char *path, const char *token);
int __wrap_xenstore_watch(struct xenstore *xs, const char *path, const char *token);
void __real_hooks_find(struct hooks *hooks, const char *directory);
void __wrap_hooks_find(struct hooks *hooks, const char *directory);

static const char *absolute(char whole[XS_PATH_SIZE], const char *path)
{
    path_domain(whole, 5, path, NULL, NULL);
    return whole;
}

char *__wrap_xenstore_read(struct xenstore *xs, const char *path, size_t *length)
{
    char whole[XS_PATH_SIZE];

    return __real_xenstore_read(xs, absolute(whole, path), length);
}

int __wrap_xenstore_write(struct xenstore *xs, const char *path, const char *value)
{
    char whole[XS_PATH_SIZE];

    return __real_xenstore_write(xs, absolute(whole, path), value);
}

int __wrap_xenstore_watch(struct xenstore *xs, const char *path, const char *token)
{
    char whole[XS_PATH_SIZE];

    return __real_xenstore_watch(xs, absolute(whole, path), token);
}

static const char *file(char path[512], const char *name)
{
    snprintf(path, 512, "%s/%s", getenv("GUEST_DOUBLE"), name);
    return path;
}

void __wrap_hooks_find(struct hooks *hooks, const char *directory)
{
    char path[512], name[64];

    snprintf(name, sizeof name, "hooks/%.50s", strrchr(directory, '/') + 1);
    __real_hooks_find(hooks, file(path, name));
}

int freezer_open(struct freezer *freezer, struct err *err)
{
    char path[512];
    _cleanup_(fclosep) FILE *f = fopen(file(path, "file-systems"), "re");

    (void)err;
    *freezer = (struct freezer){ 0 };
    if (f && fscanf(f, "%zu", &freezer->count) != 1)
        freezer->count = 0;
    return 0;
}

int freezer_freeze(struct freezer *freezer, long long deadline, struct err *err)
{
    char path[512];
    int fd;

    (void)deadline;
    if (access(file(path, "refuse"), F_OK) == 0)
        return err_set(err, ERR_BUSY, "a file system is frozen already");
    fd = freezer->count ? open(file(path, "frozen"), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (freezer->count && fd < 0)
        return err_errno(err, "frozen twice");
    closep(&fd);
    freezer->frozen = freezer->count;
    return 0;
}

void freezer_thaw(const struct freezer *freezer)
{
    char path[512];

    if (freezer->count)
        unlink(file(path, "frozen"));
}

void freezer_close(struct freezer *freezer)
{
    freezer->count = freezer->frozen = 0;
}
