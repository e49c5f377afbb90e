/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "json.h"

enum { GREETING_SECONDS = 15, LINE_MAX_BYTES = 8 << 20 };

struct qmp {
    int fd;
    struct control *control;
    unsigned id;
    char *buffer;
    size_t used, size;
    size_t taken; /* bytes of the line that was handed out last */
};

struct qmp *qmp_close(struct qmp *qmp)
{
    if (qmp) {
        closep(&qmp->fd);
        free(qmp->buffer);
        free(qmp);
    }
    return NULL;
}

int qmp_peer(const struct qmp *qmp)
{
    struct ucred peer = { 0 };
    socklen_t size = sizeof peer;

    return getsockopt(qmp->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? (int)peer.pid : 0;
}

/* Waits for input from QEMU; a cancel or the deadline end the wait. */
static int wait_input(struct qmp *qmp, long long deadline, struct err *err)
{
    for (;;) {
        struct pollfd fds[] = { { .fd = qmp->fd, .events = POLLIN },
                                { .fd = control_fd(qmp->control), .events = POLLIN } };
        long long left = deadline - clock_ms();

        if (left <= 0)
            return err_set(err, ERR_QEMU, "QEMU does not answer");
        if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
            return err_errno(err, "poll");
        if (fds[0].revents)
            return 0;
        if (fds[1].revents)
            control_read(qmp->control);
        if (control_cancelled(qmp->control))
            return err_set(err, ERR_CANCELLED, "cancelled while waiting for QEMU");
    }
}

static int read_more(struct qmp *qmp, struct err *err)
{
    ssize_t n;

    if (qmp->used + 1 >= qmp->size) {
        size_t size = qmp->size ? qmp->size * 2 : 16384;
        char *grown = size > LINE_MAX_BYTES ? NULL : realloc(qmp->buffer, size);

        if (!grown)
            return err_set(err, ERR_QEMU, "QEMU's answer is too long");
        qmp->buffer = grown;
        qmp->size = size;
    }
    n = recv(qmp->fd, qmp->buffer + qmp->used, qmp->size - qmp->used - 1, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return err_set(err, ERR_DOMAIN_GONE, "QEMU has closed the connection");
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return err_errno(err, "cannot read from QEMU");
    qmp->used += n > 0 ? (size_t)n : 0;
    qmp->buffer[qmp->used] = '\0';
    return 0;
}

/* The next line; it stays valid until the next call. */
static int next_line(struct qmp *qmp, char **line, long long deadline, struct err *err)
{
    char *end;

    memmove(qmp->buffer, qmp->buffer + qmp->taken, qmp->used - qmp->taken);
    qmp->used -= qmp->taken;
    qmp->taken = 0;
    while (!(end = memchr(qmp->buffer, '\n', qmp->used)))
        if (wait_input(qmp, deadline, err) < 0 || read_more(qmp, err) < 0)
            return -1;
    *end = '\0';
    qmp->taken = (size_t)(end - qmp->buffer) + 1;
    *line = qmp->buffer;
    return 0;
}

static int next_object(struct qmp *qmp, struct json **object, long long deadline, struct err *err)
{
    char *line;

    if (next_line(qmp, &line, deadline, err) < 0)
        return -1;
    *object = json_parse(line);
    return *object ? 0 : err_set(err, ERR_QEMU, "QEMU's answer is not JSON");
}

/* Events come in between, even before the greeting. */
static int greet(struct qmp *qmp, struct err *err)
{
    long long deadline = clock_ms() + GREETING_SECONDS * 1000;

    for (;;) {
        _cleanup_(json_freep) struct json *object = NULL;

        if (next_object(qmp, &object, deadline, err) < 0)
            return err->code == ERR_QEMU ? err_set(err, ERR_BUSY, "QEMU's monitor is in use (xentop?)") : -1;
        if (json_get(object, "QMP"))
            return qmp_call(qmp, "qmp_capabilities", NULL, GREETING_SECONDS, NULL, err);
    }
}

static int dial(struct qmp *qmp, unsigned domid, struct err *err)
{
    const char *run = getenv("XEN_RUN_DIR"); /* libxl's name for it; Debian's libxl has it built in */
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s/qmp-libxenstat-%u", run ? run : "/var/run/xen", domid);
    /* Not to block: with two clients waiting already, connect() would hang. */
    qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (qmp->fd < 0)
        return err_errno(err, "socket");
    if (connect(qmp->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    if (errno == EAGAIN)
        return err_set(err, ERR_BUSY, "QEMU's monitor is in use (xentop?)");
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "the domain has no QEMU");
    return err_set(err, ERR_QEMU, "cannot reach the domain's QEMU: %s", strerror(errno));
}

int qmp_open(struct qmp **out, unsigned domid, struct control *control, struct err *err)
{
    struct qmp *qmp = calloc(1, sizeof *qmp);

    if (!qmp)
        return err_set(err, ERR_IO, "out of memory");
    qmp->fd = -1;
    qmp->control = control;
    if (!(qmp->buffer = calloc(1, qmp->size = 16384)) || dial(qmp, domid, err) < 0 || greet(qmp, err) < 0) {
        qmp_close(qmp);
        return -1;
    }
    *out = qmp;
    return 0;
}

int qmp_wait_event(struct qmp *qmp, int seconds, struct err *err)
{
    _cleanup_(json_freep) struct json *object = NULL;
    long long deadline = clock_ms() + seconds * 1000LL;

    if (next_object(qmp, &object, deadline, err) == 0)
        return 0;
    return err->code == ERR_DOMAIN_GONE || err->code == ERR_IO ? -1 : 0;
}

static int send_command(struct qmp *qmp, const char *command, const char *arguments, struct err *err)
{
    _cleanup_(freep) char *line = NULL;
    int length = asprintf(&line, "{\"execute\":\"%s\",\"arguments\":%s,\"id\":%u}\n", command,
                          arguments ? arguments : "{}", ++qmp->id);

    if (length < 0)
        return err_set(err, ERR_IO, "out of memory");
    if (send(qmp->fd, line, (size_t)length, MSG_NOSIGNAL) != length)
        return err_set(err, ERR_QEMU, "QEMU does not take commands: %s", strerror(errno));
    return 0;
}

/* What comes of a command that was given up comes before that of the next.  What QEMU could not even read has no
 * number. */
static bool is_answer(const struct json *object, unsigned id)
{
    const struct json *number = json_get(object, "id");

    return number ? json_integer(number, -1) == id : json_get(object, "error") != NULL;
}

int qmp_call(struct qmp *qmp, const char *command, const char *arguments, int seconds, struct json **reply,
             struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;

    if (send_command(qmp, command, arguments, err) < 0)
        return -1;
    for (;;) {
        _cleanup_(json_freep) struct json *object = NULL;
        const struct json *error;

        if (next_object(qmp, &object, deadline, err) < 0)
            return err_context(err, "%s", command);
        if (!is_answer(object, qmp->id))
            continue; /* or an event */
        error = json_get(object, "error");
        if (error) {
            const char *text = json_string(json_get(error, "desc"));

            return err_set(err, ERR_QEMU, "QEMU refused %s: %s", command, text ? text : "no reason given");
        }
        if (reply) {
            *reply = object;
            object = NULL;
        }
        return 0;
    }
}
