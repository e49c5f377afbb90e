/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

enum { PAGE = 4096, PAGES = 256, CONTENT_MAX = 64 << 10 };

struct rest {
    uint64_t length;
    uint64_t sum; /* of the content */
    char end[16];
};

static const char start[16] = "LibxlFmtDouble 1";
static const char end[16] = "end of stream";

static int write_all(int fd, const void *data, size_t size, struct err *err)
{
    if (write(fd, data, size) == (ssize_t)size)
        return 0;
    return err_set(err, ERR_XEN, "saving the memory failed (double: %s)", strerror(errno));
}

static bool read_all(int fd, void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, (char *)data + done, size - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void fill(char page[PAGE], uint32_t number)
{
    memset(page, (int)number, PAGE);
    memcpy(page, &number, sizeof number);
}

static uint64_t sum_of(const char *data, size_t size)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)data[i]) * 1099511628211u;
    return sum;
}

int memory_write_start(int fd, struct err *err)
{
    return write_all(fd, start, sizeof start, err);
}

int memory_write_pages(int fd, struct err *err)
{
    char page[PAGE];

    for (uint32_t i = 0; i < PAGES; i++) {
        fill(page, i);
        if (write_all(fd, page, sizeof page, err) < 0)
            return -1;
    }
    return 0;
}

int memory_write_rest(int fd, unsigned domid, struct err *err)
{
    char path[DOUBLE_PATH];
    struct rest rest = { .length = 0 };
    _cleanup_(freep) char *content = NULL;
    size_t size = 0;

    double_path(path, "domains/%u/memory", domid);
    content = double_read(path, &size);
    rest.length = size < CONTENT_MAX ? size : CONTENT_MAX;
    rest.sum = sum_of(content, rest.length);
    memcpy(rest.end, end, sizeof end);
    return write_all(fd, &rest, sizeof rest, err) < 0 ? -1 : write_all(fd, content ? content : "", rest.length, err);
}

static bool read_pages(int fd)
{
    char head[sizeof start], page[PAGE], right[PAGE];

    if (!read_all(fd, head, sizeof head) || memcmp(head, start, sizeof head) != 0)
        return false;
    for (uint32_t i = 0; i < PAGES; i++) {
        fill(right, i);
        if (!read_all(fd, page, sizeof page) || memcmp(page, right, sizeof page) != 0)
            return false;
    }
    return true;
}

int memory_read(int fd, unsigned domid, struct err *err)
{
    char path[DOUBLE_PATH];
    struct rest rest;
    _cleanup_(freep) char *content = calloc(1, CONTENT_MAX);

    if (!content || !read_pages(fd) || !read_all(fd, &rest, sizeof rest) || memcmp(rest.end, end, sizeof end) != 0 ||
        rest.length > CONTENT_MAX || !read_all(fd, content, rest.length) || sum_of(content, rest.length) != rest.sum)
        return err_set(err, ERR_XEN, "restoring the domain failed (double: the stream is cut or wrong)");
    double_path(path, "domains/%u/memory", domid);
    return double_write(path, content, rest.length, err);
}
