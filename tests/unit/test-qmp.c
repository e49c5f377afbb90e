/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "control.h"
#include "json.h"
#include "scratch.h"

#define GREETING "{\"QMP\":{\"version\":{},\"capabilities\":[]}}\r\n"

/* What QEMU says when the next line has come, "" for nothing; it begins with the greeting, at once. */
struct qemu {
    struct scratch scratch;
    pid_t pid;
    struct control control;
    struct qmp *qmp;
    struct err err;
};

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(1);
}

static void serve(int listener, const char *const *script)
{
    int fd = accept(listener, NULL, NULL);
    char c;

    alarm(20);
    for (; *script; script++) {
        say(fd, *script);
        while (read(fd, &c, 1) == 1 && c != '\n')
            ;
    }
    _exit(0);
}

static void qemu_end(struct qemu *qemu)
{
    qmp_close(qemu->qmp);
    kill(qemu->pid, SIGKILL);
    waitpid(qemu->pid, NULL, 0);
    scratch_remove(&qemu->scratch);
}

static void qemu_begin(struct qemu *qemu, const char *const *script)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *qemu = (struct qemu){ .scratch = scratch_make(), .control = { .fd = -1 } };
    setenv("XEN_RUN_DIR", qemu->scratch.path, 1);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/qmp-libxenstat-5", qemu->scratch.path);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(fd, 1), 0);
    qemu->pid = fork();
    if (qemu->pid == 0)
        serve(fd, script);
    close(fd);
}

static int qemu_open(struct qemu *qemu, const char *const *script)
{
    qemu_begin(qemu, script);
    return qmp_open(&qemu->qmp, 5, &qemu->control, &qemu->err);
}

/* The commands' numbers are 1 (qmp_capabilities), 2, 3... */
#define READY GREETING, "{\"return\":{},\"id\":1}\r\n"

static int call(struct qemu *qemu, const char *command, int seconds)
{
    return qmp_call(qemu->qmp, command, NULL, seconds, NULL, &qemu->err);
}

static void greets(void)
{
    static const char *const script[] = { "{\"event\":\"RESUME\"}\r\n" GREETING, "{\"return\":{},\"id\":1}\r\n", NULL };
    _cleanup_(qemu_end) struct qemu qemu;

    CHECK_INT(qemu_open(&qemu, script), 0);
}

static void answers(void)
{
    static const char *const script[] = {
        READY, "{\"event\":\"STOP\"}\r\n{\"return\":{\"running\":true},\"id\":2}\r\n",
        "{\"id\":3,\"error\":{\"class\":\"GenericError\",\"desc\":\"no such node\"}}\r\n", NULL
    };
    _cleanup_(qemu_end) struct qemu qemu;
    _cleanup_(json_freep) struct json *reply = NULL;

    if (!CHECK_INT(qemu_open(&qemu, script), 0))
        return;
    CHECK_INT(qmp_call(qemu.qmp, "query-status", NULL, 10, &reply, &qemu.err), 0);
    CHECK(json_true(json_get(json_get(reply, "return"), "running")));
    CHECK_INT(call(&qemu, "cont", 10), -1);
    CHECK_STR(qemu.err.text, "QEMU refused cont: no such node");
}

/* The outcome of what was given up is known to nobody; what comes of it later is not that of the next. */
static void late_answers(void)
{
    static const char *const script[] = {
        READY, "",
        "{\"id\":2,\"error\":{\"class\":\"GenericError\",\"desc\":\"the first\"}}\r\n"
        "{\"return\":{\"of\":3},\"id\":3}\r\n", "",
        "{\"return\":{\"of\":4},\"id\":4}\r\n{\"return\":{\"of\":5},\"id\":5}\r\n", NULL
    };
    _cleanup_(qemu_end) struct qemu qemu;
    _cleanup_(json_freep) struct json *third = NULL, *fifth = NULL;

    if (!CHECK_INT(qemu_open(&qemu, script), 0))
        return;
    CHECK_INT(call(&qemu, "first", 0), -1);
    CHECK_HAS(qemu.err.text, "does not answer");
    if (CHECK_INT(qmp_call(qemu.qmp, "second", NULL, 10, &third, &qemu.err), 0))
        CHECK_INT(json_integer(json_get(json_get(third, "return"), "of"), 0), 3);
    CHECK_INT(call(&qemu, "third", 0), -1);
    if (CHECK_INT(qmp_call(qemu.qmp, "fourth", NULL, 10, &fifth, &qemu.err), 0))
        CHECK_INT(json_integer(json_get(json_get(fifth, "return"), "of"), 0), 5);
}

/* QEMU does not know the number of what it cannot read. */
static void error_without_a_number(void)
{
    static const char *const script[] = { READY, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"syntax\"}}\r\n",
                                          NULL };
    _cleanup_(qemu_end) struct qemu qemu;

    if (!CHECK_INT(qemu_open(&qemu, script), 0))
        return;
    CHECK_INT(call(&qemu, "cont", 10), -1);
    CHECK_HAS(qemu.err.text, "syntax");
}

static void other_numbers(void)
{
    static const char *const script[] = {
        READY, "{\"return\":{\"of\":0}}\r\n"
        "{\"return\":{\"of\":0},\"id\":\"2\"}\r\n{\"return\":{\"of\":0},\"id\":99}\r\n"
        "{\"id\":\"2\",\"error\":{\"desc\":\"whose?\"}}\r\n{\"return\":{\"of\":2},\"id\":2}\r\n", NULL
    };
    _cleanup_(qemu_end) struct qemu qemu;
    _cleanup_(json_freep) struct json *reply = NULL;

    if (!CHECK_INT(qemu_open(&qemu, script), 0))
        return;
    if (CHECK_INT(qmp_call(qemu.qmp, "cont", NULL, 10, &reply, &qemu.err), 0))
        CHECK_INT(json_integer(json_get(json_get(reply, "return"), "of"), 0), 2);
}

static void gone(void)
{
    static const char *const script[] = { READY, NULL };
    _cleanup_(qemu_end) struct qemu qemu;

    if (!CHECK_INT(qemu_open(&qemu, script), 0))
        return;
    CHECK_INT(call(&qemu, "cont", 10), -1);
    CHECK_INT(qemu.err.code, ERR_DOMAIN_GONE);
}

static void not_there(void)
{
    static const char *const script[] = { NULL };
    _cleanup_(qemu_end) struct qemu qemu;

    qemu_begin(&qemu, script);
    CHECK_INT(qmp_open(&qemu.qmp, 6, &qemu.control, &qemu.err), -1);
    CHECK_INT(qemu.err.code, ERR_NOT_FOUND);
}

static const struct check_test tests[] = {
    { "an event may come before the greeting", greets },
    { "an answer is handed out, an error is told in QEMU's words, events are passed over", answers },
    { "what comes late of a command that was given up is not the next one's", late_answers },
    { "an error without a number is about what was sent last", error_without_a_number },
    { "answers to others are passed over", other_numbers },
    { "a QEMU that ends is gone", gone },
    { "a domain without a QEMU is known as such", not_there },
};

CHECK_MAIN(tests)
