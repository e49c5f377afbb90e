/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLEANUP_H
#define CLEANUP_H

/* Ownership by scope: a local that owns something says so where it is declared. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}

#endif
