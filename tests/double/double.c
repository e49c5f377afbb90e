/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "double.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

void double_path(char path[DOUBLE_PATH], const char *format, ...)
{
    const char *dir = getenv("XL_DOUBLE");
    int length = snprintf(path, DOUBLE_PATH, "%s/", dir ? dir : "/nonexistent");
    va_list args;

    va_start(args, format);
    vsnprintf(path + length, (size_t)(DOUBLE_PATH - length), format, args);
    va_end(args);
}

char *double_read(const char *path, size_t *size)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *text;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0 || !(text = calloc(1, (size_t)st.st_size + 1)))
        return NULL;
    n = read(fd, text, (size_t)st.st_size);
    if (size)
        *size = n > 0 ? (size_t)n : 0;
    return text;
}

bool double_asked(const char *name)
{
    char path[DOUBLE_PATH];

    double_path(path, "%s", name);
    return access(path, F_OK) == 0;
}

long long double_setting(const char *name, long long otherwise)
{
    char path[DOUBLE_PATH];
    _cleanup_(freep) char *text = NULL;

    double_path(path, "%s", name);
    text = double_read(path, NULL);
    return text && *text ? atoll(text) : otherwise;
}

int double_write(const char *path, const void *data, size_t size, struct err *err)
{
    char temporary[DOUBLE_PATH + 24];
    _cleanup_(closep) int fd = -1;

    snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || rename(temporary, path) < 0)
        return err_errno(err, "%s", path);
    return 0;
}

struct xl_config *double_stored(unsigned domid)
{
    char path[DOUBLE_PATH];
    _cleanup_(freep) char *text = NULL;
    struct xl_config *config;
    struct err err;

    double_path(path, "userdata/%u", domid);
    text = double_read(path, NULL);
    return text && xl_config_parse(NULL, text, &config, &err) == 0 ? config : NULL;
}

int double_store(unsigned domid, const struct xl_config *config, struct err *err)
{
    _cleanup_(freep) char *text = xl_config_format(NULL, (struct xl_config *)config);
    char path[DOUBLE_PATH];

    double_path(path, "userdata");
    mkdir(path, 0700);
    double_path(path, "userdata/%u", domid);
    return text ? double_write(path, text, strlen(text), err) : err_set(err, ERR_IO, "out of memory");
}
