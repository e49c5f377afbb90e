/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cleanup.h"
#include "errors.h"

struct source {
    int fd;
    void (*callback)(void *data);
    void *data;
    struct source *next;
};

struct loop {
    int epoll;
    bool stopped, failed;
    struct err why;
    struct source *sources;
};

int loop_new(struct loop **out, struct err *err)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop)
        return err_set(err, ERR_IO, "out of memory");
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        free(loop);
        return err_errno(err, "epoll");
    }
    *out = loop;
    return 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    while (loop->sources)
        loop_remove(loop, loop->sources->fd);
    close(loop->epoll);
    free(loop);
    return NULL;
}

int loop_add(struct loop *loop, int fd, void (*callback)(void *data), void *data, struct err *err)
{
    struct source *source = malloc(sizeof *source);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

    if (!source)
        return err_set(err, ERR_IO, "out of memory");
    *source = (struct source){ fd, callback, data, loop->sources };
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(source);
        return err_errno(err, "epoll");
    }
    loop->sources = source;
    return 0;
}

void loop_remove(struct loop *loop, int fd)
{
    for (struct source **link = &loop->sources; *link; link = &(*link)->next)
        if ((*link)->fd == fd) {
            struct source *source = *link;

            *link = source->next;
            epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
            free(source);
            return;
        }
}

int loop_run(struct loop *loop, struct err *err)
{
    while (!loop->stopped) {
        struct epoll_event event;
        /* One at a time: then no callback can leave a dangling source in a batch. */
        int n = epoll_wait(loop->epoll, &event, 1, -1);

        if (n < 0 && errno != EINTR)
            return err_errno(err, "epoll");
        if (n == 1) {
            struct source *source = event.data.ptr;

            source->callback(source->data);
        }
    }
    if (loop->failed)
        *err = loop->why;
    return loop->failed ? -1 : 0;
}

void loop_fail(struct loop *loop, const struct err *err)
{
    loop->failed = loop->stopped = true;
    loop->why = *err;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
