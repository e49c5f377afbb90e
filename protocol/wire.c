/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#define SOCKET_PATH "/var/run/xenstored/socket"
#define DEVICE_PATH "/dev/xen/xenbus"
#define OLD_DEVICE_PATH "/proc/xen/xenbus"

struct event {
    struct event *next;
    size_t size;
    char data[];
};

/* Events that come while an answer is waited for are kept, and KEPT is readable meanwhile: the connection itself need
 * not become readable again.  BOTH is the two of them as one descriptor. */
struct wire {
    int connection, kept, both;
    bool broken;
    uint32_t last_id;
    struct event *first, **end;
};

/* ---- the connection ------------------------------------------------------------------------------------ */

static int connect_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, error;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_path(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -1;
    return S_ISSOCK(st.st_mode) ? connect_socket(path) : open(path, O_RDWR | O_CLOEXEC);
}

/* The variables are those that libxenstore knows. */
static int open_any(void)
{
    const char *path = getenv("XENSTORED_PATH"), *run = getenv("XENSTORED_RUNDIR");
    char in_run[sizeof((struct sockaddr_un *)0)->sun_path];
    int fd;

    if (path)
        return open_path(path);
    snprintf(in_run, sizeof in_run, "%s/socket", run ? run : "");
    fd = open_path(run ? in_run : SOCKET_PATH);
    if (fd < 0)
        fd = open_path(access(DEVICE_PATH, F_OK) == 0 ? DEVICE_PATH : OLD_DEVICE_PATH);
    return fd;
}

static int watch_fd(struct wire *wire, int fd)
{
    return epoll_ctl(wire->both, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN });
}

struct wire *wire_open(void)
{
    struct wire *wire = calloc(1, sizeof *wire);
    int error;

    if (!wire)
        return NULL;
    wire->end = &wire->first;
    wire->kept = wire->both = -1;
    wire->connection = open_any();
    if (wire->connection >= 0)
        wire->kept = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wire->kept >= 0)
        wire->both = epoll_create1(EPOLL_CLOEXEC);
    if (wire->both >= 0 && watch_fd(wire, wire->connection) == 0 && watch_fd(wire, wire->kept) == 0)
        return wire;
    error = errno;
    wire_close(wire);
    errno = error;
    return NULL;
}

struct wire *wire_close(struct wire *wire)
{
    if (!wire)
        return NULL;
    while (wire->first) {
        struct event *event = wire->first;

        wire->first = event->next;
        free(event);
    }
    for (size_t i = 0; i < 3; i++) {
        int fd = ((int[]){ wire->both, wire->kept, wire->connection })[i];

        if (fd >= 0)
            close(fd);
    }
    free(wire);
    return NULL;
}

static void kept_is_readable(struct wire *wire, bool readable)
{
    eventfd_t count;

    if (readable)
        eventfd_write(wire->kept, 1);
    else
        eventfd_read(wire->kept, &count);
}

/* From now on every call fails, and whoever polls is told. */
static void give_up(struct wire *wire)
{
    if (!wire->broken) {
        epoll_ctl(wire->both, EPOLL_CTL_DEL, wire->connection, NULL);
        kept_is_readable(wire, true);
    }
    wire->broken = true;
    errno = EPIPE;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

static bool send_all(struct wire *wire, const char *data, size_t size)
{
    bool is_socket = true;

    while (size > 0 && !wire->broken) {
        ssize_t sent = is_socket ? send(wire->connection, data, size, MSG_NOSIGNAL)
                                 : write(wire->connection, data, size);

        if (sent < 0 && errno == ENOTSOCK) {
            is_socket = false;
        } else if (sent < 0 && errno != EINTR) {
            give_up(wire);
        } else if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
    }
    return !wire->broken;
}

static bool receive_all(struct wire *wire, void *data, size_t size)
{
    size_t used = 0;

    while (used < size && !wire->broken) {
        ssize_t got = read(wire->connection, (char *)data + used, size - used);

        if (got == 0 || (got < 0 && errno != EINTR))
            give_up(wire);
        else if (got > 0)
            used += (size_t)got;
    }
    return !wire->broken;
}

/* What follows the header, with a NUL behind it, at OFFSET of what is allocated. */
static void *receive_body(struct wire *wire, const struct xsd_sockmsg *header, size_t offset)
{
    char *data = header->len <= XENSTORE_PAYLOAD_MAX ? malloc(offset + header->len + 1) : NULL;

    if (!data) {
        give_up(wire); /* what comes next would be in the middle of something */
        return NULL;
    }
    if (!receive_all(wire, data + offset, header->len)) {
        free(data);
        return NULL;
    }
    data[offset + header->len] = '\0';
    return data;
}

static bool is_kept(const struct wire *wire, const struct event *wanted)
{
    for (const struct event *event = wire->first; event; event = event->next)
        if (event->size == wanted->size && memcmp(event->data, wanted->data, wanted->size) == 0)
            return true;
    return false;
}

/* An event says "look again": one that nobody has taken yet says it for its like, too. */
static void keep_event(struct wire *wire, const struct xsd_sockmsg *header)
{
    struct event *event = receive_body(wire, header, sizeof *event);

    if (!event)
        return;
    event->next = NULL;
    event->size = header->len;
    if (is_kept(wire, event)) {
        free(event);
        return;
    }
    if (!wire->first)
        kept_is_readable(wire, true);
    *wire->end = event;
    wire->end = &event->next;
}

static int error_of(const char *word)
{
    for (size_t i = 0; i < sizeof xsd_errors / sizeof *xsd_errors; i++)
        if (strcmp(xsd_errors[i].errstring, word) == 0)
            return xsd_errors[i].errnum;
    return EINVAL;
}

/* The answer to question ID. */
static char *receive_answer(struct wire *wire, uint32_t id, size_t *length)
{
    struct xsd_sockmsg header;
    char *body;

    for (;;) {
        if (!receive_all(wire, &header, sizeof header))
            return NULL;
        if (header.type != XS_WATCH_EVENT)
            break;
        keep_event(wire, &header);
    }
    body = receive_body(wire, &header, 0);
    if (body && header.req_id != id)
        give_up(wire);
    else if (body && header.type == XS_ERROR)
        errno = error_of(body);
    if (!body || header.req_id != id || header.type == XS_ERROR) {
        int error = errno;

        free(body);
        errno = error;
        return NULL;
    }
    *length = header.len;
    return body;
}

char *wire_ask(struct wire *wire, uint32_t type, uint32_t transaction, const void *data, size_t size, size_t *length)
{
    struct {
        struct xsd_sockmsg header;
        char body[XENSTORE_PAYLOAD_MAX];
    } message = { .header = { .type = type, .req_id = ++wire->last_id, .tx_id = transaction, .len = (uint32_t)size } };

    if (size > sizeof message.body) {
        errno = E2BIG;
        return NULL;
    }
    if (wire->broken) {
        errno = EPIPE;
        return NULL;
    }
    memcpy(message.body, data, size);
    if (!send_all(wire, (const char *)&message, sizeof message.header + size))
        return NULL;
    return receive_answer(wire, message.header.req_id, length);
}

/* ---- events -------------------------------------------------------------------------------------------- */

/* Only what is there; outside of a question nothing else than events comes. */
static void take_waiting(struct wire *wire)
{
    struct pollfd poll_fd = { .fd = wire->connection, .events = POLLIN };
    struct xsd_sockmsg header;

    if (wire->broken || poll(&poll_fd, 1, 0) != 1 || !receive_all(wire, &header, sizeof header))
        return;
    if (header.type == XS_WATCH_EVENT)
        keep_event(wire, &header);
    else
        give_up(wire);
}

char *wire_event(struct wire *wire)
{
    struct event *event;
    char *data;

    if (!wire->first)
        take_waiting(wire);
    event = wire->first;
    if (!event)
        return NULL;
    wire->first = event->next;
    if (!wire->first) {
        wire->end = &wire->first;
        if (!wire->broken)
            kept_is_readable(wire, false);
    }
    data = calloc(1, event->size + 2); /* both strings end, whatever came */
    if (data)
        memcpy(data, event->data, event->size);
    free(event);
    return data;
}

int wire_fd(const struct wire *wire)
{
    return wire->both;
}

bool wire_broken(const struct wire *wire)
{
    return wire->broken;
}
