/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "digest.h"

#include <sys/socket.h>

#include "control.h"
#include "scratch.h"

enum { LARGE = (3 << 20) + 5 }; /* several chunks and a bit */

/* The worker's line, with the agent's end of it beside. */
struct line {
    struct control control;
    int agent;
};

static struct line new_line(void)
{
    struct line line = { .control = { .percent = -2, .stage = "commit" } };
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
        perror("socketpair");
        exit(99);
    }
    line.control.fd = fds[0];
    line.agent = fds[1];
    return line;
}

static void end_line(struct line *line)
{
    closep(&line->control.fd);
    closep(&line->agent);
}

static int new_file(const struct scratch *scratch, const void *bytes, size_t size)
{
    int fd = openat(scratch->dir, "memory", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(write(fd, bytes, size) == (ssize_t)size);
    return fd;
}

static int new_large_file(const struct scratch *scratch, unsigned char flip)
{
    _cleanup_(freep) unsigned char *bytes = malloc(LARGE);

    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 7 + (i >> 8));
    bytes[LARGE - 1] ^= flip;
    return new_file(scratch, bytes, LARGE);
}

static void check_digest(int fd, const char *wanted, long long wanted_length)
{
    _cleanup_(end_line) struct line line = new_line();
    struct err err = { 0 };
    long long length = -1;
    char text[40];

    CHECK_INT(digest_file(fd, &line.control, text, sizeof text, &length, &err), 0);
    CHECK_STR(text, wanted);
    CHECK_INT(length, wanted_length);
}

/* From XXH3_128bits() of the whole at once; records of today have to be right for every later version. */
static void known_ones(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    int fd = new_file(&scratch, "", 0);

    check_digest(fd, "xxh3:99aa06d3014798d86001c324468d497f", 0);
    close(fd);
    fd = new_file(&scratch, "abc", 3);
    check_digest(fd, "xxh3:06b05ab6733a618578af5f94892f3950", 3);
    close(fd);
    fd = new_large_file(&scratch, 0);
    check_digest(fd, "xxh3:ed36b0a7cbf25db5e43ce50fbee8afc0", LARGE);
    CHECK_INT(ftruncate(fd, 1 << 20), 0);
    check_digest(fd, "xxh3:8791ce561b8e4239a7f4639f0ccbfda9", 1 << 20);
    close(fd);
    fd = new_large_file(&scratch, 1);
    check_digest(fd, "xxh3:2614ffd3b8a74e37c8030c744be5f37e", LARGE);
    close(fd);
}

static void from_its_beginning(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_file(&scratch, "abc", 3);

    CHECK_INT(lseek(fd, 2, SEEK_SET), 2);
    check_digest(fd, "xxh3:06b05ab6733a618578af5f94892f3950", 3);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 2);
}

static void tells_how_far(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_large_file(&scratch, 0);
    _cleanup_(end_line) struct line line = new_line();
    struct err err = { 0 };
    struct msg msg;
    int last = -1, reports = 0;
    long long length;
    char text[40];

    CHECK_INT(digest_file(fd, &line.control, text, sizeof text, &length, &err), 0);
    for (; msg_receive(line.agent, &msg) == 1; reports++) {
        CHECK_INT(msg.kind, MSG_PROGRESS);
        CHECK_STR(msg.stage, "commit");
        CHECK(msg.progress > last && msg.progress <= 100);
        last = msg.progress;
    }
    CHECK(reports >= 3);
    CHECK(last >= 99);
}

static void obeys_a_cancel(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_large_file(&scratch, 0);
    _cleanup_(end_line) struct line line = new_line();
    struct err err = { 0 };
    long long length;
    char text[40];

    CHECK_INT(msg_send(line.agent, &(struct msg){ .kind = MSG_CANCEL }), 0);
    CHECK_INT(digest_file(fd, &line.control, text, sizeof text, &length, &err), -1);
    CHECK_INT(err.code, ERR_CANCELLED);
}

static void without_the_agent(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = new_large_file(&scratch, 0);
    _cleanup_(end_line) struct line line = new_line();
    struct err err = { 0 };
    long long length;
    char text[40];

    close(line.agent);
    line.agent = -1;
    CHECK_INT(digest_file(fd, &line.control, text, sizeof text, &length, &err), -1);
    CHECK_INT(err.code, ERR_CANCELLED);
    line.control.committed = true; /* past the point of no return it is done without */
    CHECK_INT(digest_file(fd, &line.control, text, sizeof text, &length, &err), 0);
    CHECK_STR(text, "xxh3:ed36b0a7cbf25db5e43ce50fbee8afc0");
}

static void cannot_be_read(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(end_line) struct line line = new_line();
    struct err err = { 0 };
    long long length;
    char text[40];

    CHECK_INT(digest_file(scratch.dir, &line.control, text, sizeof text, &length, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(digest_file(-1, &line.control, text, sizeof text, &length, &err), -1);
    CHECK_INT(err.code, ERR_IO);
}

static const struct check_test tests[] = {
    { "files have the checksums that they have always had", known_ones },
    { "it reads from the beginning and leaves the position", from_its_beginning },
    { "it tells how far it is, of the stage that it is in", tells_how_far },
    { "it obeys a cancel", obeys_a_cancel },
    { "an agent that has gone is a cancel, unless it is too late for one", without_the_agent },
    { "what cannot be read is an error", cannot_be_read },
};

CHECK_MAIN(tests)
