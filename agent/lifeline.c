/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* As libxenstore finds it. */
static void find_socket(struct sockaddr_un *address)
{
    const char *path = getenv("XENSTORED_PATH"), *run = getenv("XENSTORED_RUNDIR");

    if (path)
        snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    else
        snprintf(address->sun_path, sizeof address->sun_path, "%s/socket", run ? run : "/var/run/xenstored");
}

int lifeline_open(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    find_socket(&address);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}
