/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static FILE *open_proc(int pid, const char *name)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

/* Ticks in user mode and in the kernel: the 12th and 13th number behind the name, which may hold anything. */
static unsigned long long cpu_time(int pid)
{
    _cleanup_(fclosep) FILE *file = open_proc(pid, "stat");
    unsigned long long user = 0, kernel = 0;
    char line[1024], *rest;

    if (!file || !fgets(line, sizeof line, file) || !(rest = strrchr(line, ')')) ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel) != 2)
        return 0;
    return user + kernel;
}

/* "rchar: N" and so on, also what the page cache has answered. */
static unsigned long long bytes_moved(int pid)
{
    _cleanup_(fclosep) FILE *file = open_proc(pid, "io");
    unsigned long long sum = 0, number;
    char key[32];

    while (file && fscanf(file, "%31[^:]: %llu\n", key, &number) == 2)
        if (strcmp(key, "rchar") == 0 || strcmp(key, "wchar") == 0 || strcmp(key, "read_bytes") == 0 ||
            strcmp(key, "write_bytes") == 0)
            sum += number;
    return sum;
}

static unsigned long long sum_of(int pid)
{
    return cpu_time(pid) + bytes_moved(pid);
}

void life_begin(struct life *life, int pid)
{
    *life = (struct life){ .pid = pid, .sum = sum_of(pid) };
}

bool life_moved(struct life *life)
{
    unsigned long long sum = sum_of(life->pid);
    bool moved = sum > life->sum;

    life->sum = sum;
    return moved;
}
