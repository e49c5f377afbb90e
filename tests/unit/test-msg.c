/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "cleanup.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

static void pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        perror("socketpair");
        exit(99);
    }
}

static void arrives(void)
{
    struct msg sent = { .kind = MSG_RESULT, .stage = "commit", .progress = 7, .domid = 5, .downtime_ms = 42,
                        .snapshot = UUID, .name = "a b", .error = { ERR_QEMU, "no medium" },
                        .order = { .recover = true, .vm = UUID, .domid = -1, .home = 3,
                                   .request = { .id = "r1", .operation = OPERATION_REVERT, .name = "n",
                                                .start = START_PAUSED } } };
    struct msg got;
    int fds[2];

    pair(fds);
    memset(&got, 0xaa, sizeof got);
    CHECK_INT(msg_send(fds[0], &sent), 0);
    CHECK_INT(msg_receive(fds[1], &got), 1);
    CHECK_INT(got.kind, MSG_RESULT);
    CHECK_STR(got.stage, "commit");
    CHECK_INT(got.progress, 7);
    CHECK_INT(got.domid, 5);
    CHECK_INT(got.downtime_ms, 42);
    CHECK_STR(got.snapshot, UUID);
    CHECK_STR(got.name, "a b");
    CHECK_INT(got.error.code, ERR_QEMU);
    CHECK_STR(got.error.text, "no medium");
    CHECK(got.order.recover);
    CHECK_STR(got.order.vm, UUID);
    CHECK_INT(got.order.domid, -1);
    CHECK_INT(got.order.home, 3);
    CHECK_STR(got.order.request.id, "r1");
    CHECK_INT(got.order.request.operation, OPERATION_REVERT);
    CHECK_STR(got.order.request.name, "n");
    CHECK_INT(got.order.request.start, START_PAUSED);
    close(fds[0]);
    close(fds[1]);
}

/* The longest that there is: every disk with a target, and a plan. */
static void largest(void)
{
    static struct msg sent = { .kind = MSG_RESULT }, got;
    struct request *request = &sent.order.request;
    int fds[2];

    memset(sent.plan, 'p', sizeof sent.plan - 1);
    memset(request->memory, 'm', sizeof request->memory - 1);
    request->disk_only = request->dry_run = true;
    request->disk_count = DISKS_MAX;
    for (size_t i = 0; i < DISKS_MAX; i++) {
        request->disks[i].place = PLACE_EXTERNAL;
        memset(request->disks[i].vdev, 'v', sizeof request->disks[i].vdev - 1);
        memset(request->disks[i].target, 't', sizeof request->disks[i].target - 1);
    }
    pair(fds);
    CHECK_INT(msg_send(fds[0], &sent), 0);
    CHECK_INT(msg_receive(fds[1], &got), 1);
    CHECK_STR(got.plan, sent.plan);
    CHECK_STR(got.order.request.memory, request->memory);
    CHECK(got.order.request.disk_only && got.order.request.dry_run);
    CHECK_INT((long long)got.order.request.disk_count, DISKS_MAX);
    CHECK_STR(got.order.request.disks[DISKS_MAX - 1].target, request->disks[0].target);
    CHECK_INT(got.order.request.disks[DISKS_MAX - 1].place, PLACE_EXTERNAL);
    close(fds[0]);
    close(fds[1]);
}

static void one_by_one(void)
{
    struct msg msg = { .kind = MSG_PROGRESS };
    int fds[2];

    pair(fds);
    for (msg.progress = 0; msg.progress < 3; msg.progress++)
        CHECK_INT(msg_send(fds[0], &msg), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(msg_receive(fds[1], &msg), 1);
        CHECK_INT(msg.progress, i);
    }
    close(fds[0]);
    close(fds[1]);
}

static void other_side_gone(void)
{
    struct msg msg = { .kind = MSG_RESULT };
    int fds[2];

    pair(fds);
    CHECK_INT(msg_send(fds[0], &msg), 0);
    close(fds[0]);
    CHECK_INT(msg_receive(fds[1], &msg), 1); /* what it said last is not lost */
    CHECK_INT(msg_receive(fds[1], &msg), 0);
    errno = 0;
    CHECK_INT(msg_send(fds[1], &msg), -1); /* and no SIGPIPE */
    CHECK_INT(errno, EPIPE);
    close(fds[1]);
}

static void gone_without_reading(void)
{
    struct msg msg = { .kind = MSG_CANCEL };
    int fds[2];

    pair(fds);
    CHECK_INT(msg_send(fds[1], &msg), 0);
    close(fds[0]); /* now the socket says ECONNRESET */
    CHECK_INT(msg_receive(fds[1], &msg), 0);
    close(fds[1]);
}

static void nothing_there_yet(void)
{
    struct msg msg;
    int fds[2];

    pair(fds);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    errno = 0;
    CHECK_INT(msg_receive(fds[1], &msg), -1);
    CHECK_INT(errno, EAGAIN);
    close(fds[0]);
    close(fds[1]);
}

static void socket_full(void)
{
    struct msg msg = { .kind = MSG_PROGRESS };
    int fds[2], sent = 0;

    pair(fds);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    while (sent < 10000 && msg_send(fds[0], &msg) == 0)
        sent++;
    CHECK(sent > 0 && sent < 10000);
    CHECK_INT(errno, EAGAIN);
    for (int i = 0; i < sent; i++)
        if (!CHECK_INT(msg_receive(fds[1], &msg), 1))
            break;
    close(fds[0]);
    close(fds[1]);
}

static void not_of_ours(void)
{
    struct msg msg = { .kind = MSG_RESULT };
    int fds[2];

    pair(fds);
    CHECK(send(fds[0], "hello", 5, 0) == 5);
    errno = 0;
    CHECK_INT(msg_receive(fds[1], &msg), -1);
    CHECK_INT(errno, EPROTO);
    memset(&msg, 0, sizeof msg);
    CHECK(send(fds[0], &msg, sizeof msg, 0) == sizeof msg);
    errno = 0;
    CHECK_INT(msg_receive(fds[1], &msg), -1);
    CHECK_INT(errno, EPROTO);
    close(fds[0]);
    close(fds[1]);
}

static void of_another_build(void)
{
    struct msg msg = { .kind = MSG_RESULT };
    int fds[2];

    pair(fds);
    CHECK_INT(msg_send(fds[0], &msg), 0);
    CHECK(recv(fds[1], &msg, sizeof msg, 0) == sizeof msg); /* with its mark */
    msg.build++;
    CHECK(send(fds[0], &msg, sizeof msg, 0) == sizeof msg);
    errno = 0;
    CHECK_INT(msg_receive(fds[1], &msg), -1);
    CHECK_INT(errno, EPROTO);
    close(fds[0]);
    close(fds[1]);
}

static const struct check_test tests[] = {
    { "a record arrives as it was sent", arrives },
    { "the largest record arrives", largest },
    { "records stay apart and in order", one_by_one },
    { "the end of the other side is seen after its last record", other_side_gone },
    { "the end of a side that had not read everything is seen too", gone_without_reading },
    { "a descriptor that does not block has nothing yet", nothing_there_yet },
    { "a full socket refuses and loses nothing", socket_full },
    { "a record that is not ours is refused", not_of_ours },
    { "a record of another build is refused", of_another_build },
};

CHECK_MAIN(tests)
