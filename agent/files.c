/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

enum { FILE_MAX = 1 << 20 };

char *file_read(int dir, const char *name)
{
    _cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    char *text;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (st.st_size > FILE_MAX) {
        errno = EFBIG;
        return NULL;
    }
    text = malloc((size_t)st.st_size + 1);
    n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static int write_whole(int dir, const char *name, const char *text)
{
    _cleanup_(closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t length = strlen(text);

    if (fd < 0)
        return -1;
    if (write(fd, text, length) != (ssize_t)length)
        return -1;
    return fsync(fd);
}

int file_replace(int dir, const char *name, const char *text, struct err *err)
{
    char new[64];

    snprintf(new, sizeof new, "%s.new", name);
    if (write_whole(dir, new, text) < 0 || renameat(dir, new, dir, name) < 0) {
        err_errno(err, "cannot write %s", name);
        unlinkat(dir, new, 0);
        return -1;
    }
    return dir_sync(dir, err);
}

int dir_open(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int dir_sync(int dir, struct err *err)
{
    return fsync(dir) < 0 ? err_errno(err, "cannot make a directory durable") : 0;
}

int dir_make(int dir, const char *name, struct err *err)
{
    int fd;

    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make the directory %s", name);
    fd = dir_open(dir, name);
    return fd < 0 ? err_errno(err, "cannot open the directory %s", name) : fd;
}
