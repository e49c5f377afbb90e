/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msg.h"

#include <errno.h>
#include <sys/socket.h>

/* Changes with the layout, which is all that has to agree. */
static const uint32_t build = 0x58534e01u + (uint32_t)sizeof(struct msg);

int msg_send(int fd, const struct msg *msg)
{
    struct msg copy = *msg;
    ssize_t n;

    copy.build = build;
    do
        n = send(fd, &copy, sizeof copy, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == sizeof copy ? 0 : -1;
}

int msg_receive(int fd, struct msg *msg)
{
    ssize_t n;

    do
        n = recv(fd, msg, sizeof *msg, 0);
    while (n < 0 && errno == EINTR);
    if (n == sizeof *msg && msg->build == build)
        return 1;
    if (n > 0)
        errno = EPROTO;
    return n == 0 || (n < 0 && errno == ECONNRESET) ? 0 : -1;
}
