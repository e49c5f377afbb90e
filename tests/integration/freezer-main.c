/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Freezes for real the file systems of a list in the form of /proc/self/mountinfo, says how many, and thaws them when
 * its input ends.  Nothing but loop devices is ever frozen.  The linker's --wrap leads open(), which is open64() with
 * _FILE_OFFSET_BITS=64, and ioctl() here. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "clock.h"
#include "errors.h"
#include "freezer.h"

enum { LOOP_MAJOR = 7 };

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static const char *list;

int __wrap_open64(const char *path, int flags, ...)
{
    return __real_open64(strcmp(path, "/proc/self/mountinfo") == 0 ? list : path, flags, 0);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || major(st.st_dev) != LOOP_MAJOR) {
        errno = EPERM;
        return -1;
    }
    return __real_ioctl(fd, request, 0);
}

int main(int argc, char **argv)
{
    static struct freezer freezer;
    struct err err = { 0 };
    int rc;

    list = argc > 1 ? argv[1] : "/dev/null";
    rc = freezer_open(&freezer, &err) < 0 ? -1 : freezer_freeze(&freezer, clock_ms() + 20000, &err);
    if (rc == 0)
        printf("frozen %zu\n", freezer.frozen);
    else
        printf("failed: %s\n", err.text);
    fflush(stdout);
    while (rc == 0 && getchar() != EOF)
        continue;
    freezer_thaw(&freezer);
    freezer_close(&freezer);
    return rc < 0;
}
