/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu_img.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "json.h"

enum { OUTPUT_MAX = 1 << 20, QUICK_SECONDS = 60, WRITE_SECONDS = 3600 };

struct child {
    pid_t pid;
    int output; /* its stdout and stderr */
};

static int start(struct child *child, char *const argv[], struct err *err)
{
    posix_spawn_file_actions_t actions;
    int pair[2], rc;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_errno(err, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDERR_FILENO);
    rc = posix_spawnp(&child->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    if (rc) {
        close(pair[0]);
        errno = rc;
        return err_errno(err, "cannot start qemu-img (package qemu-utils)");
    }
    child->output = pair[0];
    return 0;
}

/* Its output until it ends; a child that is cancelled or late is killed.  Writers are not cancelled: the
 * caller has passed the point of no return before it starts one. */
static int collect(struct child *child, char *output, size_t size, int seconds, struct control *control,
                   struct err *err)
{
    long long deadline = clock_ms() + seconds * 1000LL;
    size_t used = 0;

    for (;;) {
        struct pollfd fds[] = { { .fd = child->output, .events = POLLIN },
                                { .fd = control_fd(control), .events = POLLIN } };
        long long left = deadline - clock_ms();
        ssize_t n;

        poll(fds, 2, left > 0 ? (int)left : 0);
        if (fds[1].revents)
            control_read(control);
        if (control_cancelled(control))
            return err_set(err, ERR_CANCELLED, "cancelled while waiting for qemu-img");
        if (clock_ms() >= deadline)
            return err_set(err, ERR_QEMU, "qemu-img does not end");
        if (!fds[0].revents)
            continue;
        n = read(child->output, output + used, size - 1 - used);
        if (n <= 0) {
            output[used] = '\0';
            return 0;
        }
        used += (size_t)n;
        if (used == size - 1)
            return err_set(err, ERR_QEMU, "qemu-img prints too much");
    }
}

static int run(char *const argv[], char *output, size_t size, int seconds, struct control *control, struct err *err)
{
    struct child child;
    int rc, status = 0;

    if (start(&child, argv, err) < 0)
        return -1;
    rc = collect(&child, output, size, seconds, control, err);
    if (rc < 0)
        kill(child.pid, SIGKILL);
    close(child.output);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc < 0)
        return -1;
    if (status != 0) {
        output[strcspn(output, "\n")] = '\0';
        return err_set(err, ERR_QEMU, "%.200s", *output ? output : "qemu-img failed");
    }
    return 0;
}

static bool listed(const struct json *info, const char *tag)
{
    const struct json *snapshots = json_get(info, "snapshots");

    for (size_t i = 0; i < json_count(snapshots); i++) {
        const char *name = json_string(json_get(json_at(snapshots, i), "name"));

        if (name && strcmp(name, tag) == 0)
            return true;
    }
    return false;
}

int qemu_img_has(const char *image, const char *tag, struct control *control, bool *has, struct err *err)
{
    char *argv[] = { (char *)"qemu-img", (char *)"info", (char *)"-U", (char *)"--output=json",
                     (char *)"--", (char *)image, NULL };
    _cleanup_(freep) char *output = malloc(OUTPUT_MAX);
    _cleanup_(json_freep) struct json *info = NULL;

    if (!output)
        return err_set(err, ERR_IO, "out of memory");
    if (run(argv, output, OUTPUT_MAX, QUICK_SECONDS, control, err) < 0)
        return -1;
    info = json_parse(output);
    if (!info)
        return err_set(err, ERR_QEMU, "qemu-img's answer is not JSON");
    *has = listed(info, tag);
    return 0;
}

/* QEMU's refcount cache is 4 clusters, which is 8 GiB of image at 64 KiB; beyond that a fragmented image
 * costs 190 us for each cluster, a minute for 16 GiB.  One of 2 bytes a cluster covers it all. */
static long long cache_bytes(const char *image)
{
    struct stat st;
    long long need = stat(image, &st) == 0 ? st.st_size / 65536 * 2 : 0;

    return need < (1 << 20) ? 1 << 20 : need;
}

static int write_snapshot(const char *verb, const char *image, const char *tag, struct control *control,
                          struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    _cleanup_(freep) char *spec = NULL;
    char output[4096];

    json_object(w, NULL);
    json_put_string(w, "driver", "qcow2");
    json_put_integer(w, "refcount-cache-size", cache_bytes(image));
    json_object(w, "file");
    json_put_string(w, "driver", "file");
    json_put_string(w, "filename", image);
    json_end_object(w);
    json_end_object(w);
    if (asprintf(&spec, "json:%s", json_text(w)) < 0)
        return err_set(err, ERR_IO, "out of memory");
    return run((char *[]){ (char *)"qemu-img", (char *)"snapshot", (char *)verb, (char *)tag, spec, NULL }, output,
               sizeof output, WRITE_SECONDS, control, err);
}

int qemu_img_apply(const char *image, const char *tag, struct control *control, struct err *err)
{
    return write_snapshot("-a", image, tag, control, err);
}

int qemu_img_delete(const char *image, const char *tag, struct control *control, struct err *err)
{
    return write_snapshot("-d", image, tag, control, err);
}
