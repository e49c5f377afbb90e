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

#include "answers.h"
#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "json.h"
#include "life.h"

enum { OUTPUT_MAX = 1 << 20 };

struct child {
    pid_t pid;
    int output; /* its stdout and stderr */
};

static int kept_open = -1;

void qemu_img_keeps_open(int lock)
{
    kept_open = lock;
}

static int start(struct child *child, char *const argv[], struct err *err)
{
    posix_spawn_file_actions_t actions;
    int pair[2], rc;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_errno(err, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDERR_FILENO);
    if (kept_open >= 0)
        posix_spawn_file_actions_adddup2(&actions, kept_open, kept_open); /* takes close-on-exec off it, there */
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

/* "(12.34/100%)", written over itself with -p. */
static void show_progress(const char *output, struct control *control)
{
    const char *last = strrchr(output, '(');
    int percent;

    if (last && sscanf(last, "(%d.%*d/100%%)", &percent) == 1)
        control_progress(control, control->stage, percent);
}

/* Its output until it ends; a child that is cancelled, or has done nothing for LIFE_SECONDS, is killed.  CONTROL
 * is NULL for one that writes into an image which is not ours alone, and is not to be cut short. */
static int collect(struct child *child, char *output, size_t size, struct control *control, struct err *err)
{
    long long deadline = clock_ms() + LIFE_SECONDS * 1000LL;
    struct life life;
    size_t used = 0;

    life_begin(&life, child->pid);
    for (;;) {
        struct pollfd fds[] = { { .fd = child->output, .events = POLLIN },
                                { .fd = control ? control_fd(control) : -1, .events = POLLIN } };
        long long left = deadline - clock_ms();
        ssize_t n;

        poll(fds, 2, left > 0 ? (int)left : 0);
        if (fds[1].revents)
            control_read(control);
        if (control && control_cancelled(control))
            return err_set(err, ERR_CANCELLED, "cancelled while waiting for qemu-img");
        if (clock_ms() >= deadline && !life_moved(&life))
            return err_set(err, ERR_QEMU, "qemu-img has done nothing for %d s; is the storage there?",
                           LIFE_SECONDS);
        if (clock_ms() >= deadline)
            deadline = clock_ms() + LIFE_SECONDS * 1000LL;
        if (!fds[0].revents)
            continue;
        n = read(child->output, output + used, size - 1 - used);
        if (n <= 0) {
            output[used] = '\0';
            return 0;
        }
        used += (size_t)n;
        output[used] = '\0';
        if (control)
            show_progress(output, control);
        if (used == size - 1 && output[0] != '{')
            used = 0; /* progress: what was is of no interest */
        if (used == size - 1)
            return err_set(err, ERR_QEMU, "qemu-img prints too much");
    }
}

/* qemu-img's own words: what stands behind the progress, up to the end of the line. */
static int complain(char *output, struct err *err)
{
    char *text = strstr(output, "qemu-img: ");
    bool full, locked;

    text = text ? text + strlen("qemu-img: ") : output;
    text[strcspn(text, "\r\n")] = '\0';
    full = strstr(text, strerror(ENOSPC)) || strstr(text, strerror(EDQUOT)) || strstr(text, strerror(EFBIG));
    locked = strstr(text, "Failed to get ") && strstr(text, " lock");
    if (locked) /* what stands before it may be all that would be read */
        text = strstr(text, "Failed to get ");
    return err_set(err, full ? ERR_NO_SPACE : locked ? ERR_BUSY : ERR_QEMU, "%.200s",
                   *text ? text : "qemu-img failed");
}

/* *STATUS is how it has ended, for waitpid(). */
static int run_to_end(char *const argv[], char *output, size_t size, int *status, struct control *control,
                      struct err *err)
{
    struct child child;
    int rc;

    if (start(&child, argv, err) < 0)
        return -1;
    rc = collect(&child, output, size, control, err);
    if (rc < 0)
        kill(child.pid, SIGKILL);
    close(child.output);
    *status = 0;
    while (waitpid(child.pid, status, 0) < 0 && errno == EINTR)
        ;
    return rc;
}

static int run(char *const argv[], char *output, size_t size, struct control *control, struct err *err)
{
    int status;

    if (run_to_end(argv, output, size, &status, control, err) < 0)
        return -1;
    return status == 0 ? 0 : complain(output, err);
}

/* Runs the words, of which the last is NULL, behind "qemu-img"; nothing is expected of its output. */
enum { WORDS_MAX = 16 };
static int act(const char *const *words, struct control *control, struct err *err)
{
    char *argv[WORDS_MAX + 2] = { (char *)"qemu-img" };
    char output[4096] = "";

    for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
        argv[i + 1] = (char *)words[i];
    return run(argv, output, sizeof output, control, err);
}

static void read_tags(const struct json *snapshots, const char *tag, struct image_info *info)
{
    info->tags = json_count(snapshots);
    for (size_t i = 0; tag && i < info->tags; i++) {
        const char *name = json_string(json_get(json_at(snapshots, i), "name"));

        if (name && strcmp(name, tag) == 0)
            info->has_tag = true;
    }
}

/* Warnings, of QEMU or of the dynamic linker, have lines of their own before it. */
static struct json *parse_answer(const char *output)
{
    const char *line = *output == '{' ? output : strstr(output, "\n{");

    return line ? json_parse(line) : NULL;
}

/* NULL where it does not answer. */
static struct json *ask(const char *image, const char *format, struct control *control, struct err *err)
{
    char *argv[] = { (char *)"qemu-img", (char *)"info", (char *)"-U", (char *)"--output=json",
                     (char *)(*format ? "-f" : "--"), (char *)(*format ? format : image),
                     (char *)(*format ? image : NULL), NULL };
    struct answers_mark mark = answers_mark(image);
    const char *known = answers_find(image, format, &mark);
    _cleanup_(freep) char *output = malloc(OUTPUT_MAX);
    struct json *json;

    if (!output)
        err_set(err, ERR_IO, "out of memory");
    if (!output || (!known && run(argv, output, OUTPUT_MAX, control, err) < 0))
        return NULL;
    json = parse_answer(known ? known : output);
    if (!json)
        err_set(err, ERR_QEMU, "qemu-img's answer is not JSON");
    else if (!known)
        answers_keep(image, format, &mark, output);
    return json;
}

int qemu_img_info(const char *image, const char *format, const char *tag, struct image_info *info,
                  struct control *control, struct err *err)
{
    _cleanup_(json_freep) struct json *json = ask(image, format, control, err);
    const struct json *details;

    *info = (struct image_info){ 0 };
    if (!json)
        return -1;
    if (!json_copy(json, "full-backing-filename", info->backing, sizeof info->backing))
        json_copy(json, "backing-filename", info->backing, sizeof info->backing);
    json_copy(json, "backing-filename-format", info->backing_format, sizeof info->backing_format);
    json_copy(json, "format", info->format, sizeof info->format);
    info->virtual_size = json_integer(json_get(json, "virtual-size"), 0);
    details = json_get(json_get(json, "format-specific"), "data");
    info->corrupt = json_true(json_get(details, "corrupt"));
    info->bitmaps = json_count(json_get(details, "bitmaps"));
    read_tags(json_get(json, "snapshots"), tag, info);
    return 0;
}

int qemu_img_tags(const char *image, const char *format, const char *prefix, char tags[][TAG_SIZE], int max,
                  struct control *control, struct err *err)
{
    _cleanup_(json_freep) struct json *json = ask(image, format, control, err);
    const struct json *snapshots = json_get(json, "snapshots");
    int count = 0;

    if (!json)
        return -1;
    for (size_t i = 0; i < json_count(snapshots) && count < max; i++) {
        const char *name = json_string(json_get(json_at(snapshots, i), "name"));

        if (name && strncmp(name, prefix, strlen(prefix)) == 0 && strlen(name) < TAG_SIZE)
            snprintf(tags[count++], TAG_SIZE, "%s", name);
    }
    return count;
}

int qemu_img_open(const char *image, const char *format, struct control *control, struct err *err)
{
    return act((const char *[]){ "map", "-U", "-f", format, "--start-offset=0", "--max-length=65536", "--output=json",
                                 image, NULL },
               control, err);
}

/* It ends with 2 where it has found damage, with 3 where only clusters are lost; anything else is its own failure. */
static bool has_checked(int status)
{
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2 || WEXITSTATUS(status) == 3);
}

int qemu_img_check(const char *image, struct image_check *check, struct control *control, struct err *err)
{
    char *argv[] = { (char *)"qemu-img", (char *)"check", (char *)"-U", (char *)"--output=json", (char *)"-f",
                     (char *)"qcow2", (char *)image, NULL };
    _cleanup_(freep) char *output = malloc(OUTPUT_MAX);
    _cleanup_(json_freep) struct json *json = NULL;
    int status;

    *check = (struct image_check){ .corruptions = 0 };
    if (!output)
        return err_set(err, ERR_IO, "out of memory");
    if (run_to_end(argv, output, OUTPUT_MAX, &status, control, err) < 0)
        return -1;
    json = parse_answer(output);
    if (!json || !has_checked(status))
        return complain(output, err);
    check->corruptions = json_integer(json_get(json, "corruptions"), 0);
    check->leaks = json_integer(json_get(json, "leaks"), 0);
    if (check->corruptions == 0 && WEXITSTATUS(status) == 2)
        check->corruptions = 1;
    return 0;
}

int qemu_img_create_overlay(const char *overlay, const char *base, const char *format, long long size,
                            struct control *control, struct err *err)
{
    char bytes[24];

    snprintf(bytes, sizeof bytes, "%lld", size);
    /* -u: the base may be open in a QEMU, and need not be opened here */
    return act((const char *[]){ "create", "-q", "-f", "qcow2", "-u", "-b", base, "-F", format, overlay, bytes,
                                 NULL },
               control, err);
}

int qemu_img_commit(const char *overlay, struct control *control, struct err *err)
{
    /* -d: the overlay keeps its content, so that the disk is whole at every moment */
    return act((const char *[]){ "commit", "-p", "-d", "-f", "qcow2", overlay, NULL }, control, err);
}

int qemu_img_compare(const char *overlay, const char *image, const char *format, struct control *control,
                     struct err *err)
{
    return act((const char *[]){ "compare", "-p", "-f", "qcow2", "-F", format, overlay, image, NULL }, control, err);
}

int qemu_img_rebase(const char *image, const char *base, const char *format, struct control *control,
                    struct err *err)
{
    return act((const char *[]){ "rebase", "-q", "-u", "-f", "qcow2", "-F", format, "-b", base, image, NULL },
               control, err);
}

int qemu_img_copy(const char *image, const char *tag, const struct image_info *info, const char *to,
                  struct control *control, struct err *err)
{
    _cleanup_(freep) char *snapshot = NULL;
    const char *words[WORDS_MAX + 1] = { "convert", "-p", "-U", "-f", "qcow2", "-O", "qcow2", "-l" };
    size_t n = 8;

    if (asprintf(&snapshot, "snapshot.name=%s", tag) < 0)
        return err_set(err, ERR_IO, "out of memory");
    words[n++] = snapshot;
    if (*info->backing) {
        words[n++] = "-B";
        words[n++] = info->backing;
        words[n++] = "-F";
        words[n++] = info->backing_format;
    }
    words[n++] = image;
    words[n++] = to;
    return act(words, control, err);
}

int qemu_img_shrink(const char *image, long long size, struct control *control, struct err *err)
{
    char bytes[24];

    snprintf(bytes, sizeof bytes, "%lld", size);
    return act((const char *[]){ "resize", "-q", "-f", "qcow2", "--shrink", image, bytes, NULL }, control, err);
}

/* QEMU's refcount cache is 4 clusters, which is 8 GiB of image at 64 KiB; beyond that a fragmented image
 * costs 190 us for each cluster, a minute for 16 GiB.  One of 2 bytes a cluster covers it all. */
static long long cache_bytes(const char *image)
{
    struct stat st;
    long long need = stat(image, &st) == 0 ? st.st_size / 65536 * 2 : 0;

    return need < (1 << 20) ? 1 << 20 : need;
}

static int write_snapshot(const char *verb, const char *image, const char *tag, struct err *err)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    _cleanup_(freep) char *spec = NULL;

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
    return act((const char *[]){ "snapshot", verb, tag, spec, NULL }, NULL, err);
}

int qemu_img_tag(const char *image, const char *tag, struct err *err)
{
    return write_snapshot("-c", image, tag, err);
}

int qemu_img_apply(const char *image, const char *tag, struct err *err)
{
    return write_snapshot("-a", image, tag, err);
}

int qemu_img_delete(const char *image, const char *tag, struct err *err)
{
    return write_snapshot("-d", image, tag, err);
}
