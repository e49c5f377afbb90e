/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hog SECONDS: takes the processor from everything else, so that the guest answers nobody. With
 * kernel.sched_rt_runtime_us = -1 the kernel's own threads wait too. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
    struct sched_param first = { .sched_priority = 99 };
    struct timespec now;
    time_t end;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2 || sched_setscheduler(0, SCHED_FIFO, &first) < 0)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + atoi(argv[1]);
    printf("hog begins\n");
    while (now.tv_sec < end)
        clock_gettime(CLOCK_MONOTONIC, &now);
    printf("hog ends\n");
    return 0;
}
