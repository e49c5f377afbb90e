/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes fsync and fdatasync away from the worker: a library for LD_PRELOAD, to show that the tests which cut the power
 * see it.
 *
 * While the file /run/nosync is there it holds a number: 0 takes all of them away, N only the Nth of an operation.
 * qemu-img, which inherits the library, keeps its own: it is not what is tested. */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "/run/nosync"

static int is_taken_away(void)
{
    static int calls;
    int which, fields;
    FILE *file;

    if (strcmp(program_invocation_short_name, "xensnap-worker") != 0)
        return 0;
    calls++;
    file = fopen(FILE_NAME, "re");
    if (!file)
        return 0;
    fields = fscanf(file, "%d", &which);
    fclose(file);
    return fields == 1 && (which == 0 || which == calls);
}

int fsync(int fd)
{
    static int (*real)(int);

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return is_taken_away() ? 0 : real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return is_taken_away() ? 0 : real(fd);
}
