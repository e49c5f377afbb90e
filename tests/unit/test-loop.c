/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "errors.h"

/* One pipe and what its callback does. */
struct source {
    struct loop *loop;
    int in, out;
    int called, stop_at;
    bool drain;
    struct source *remove; /* taken out of the loop in the first call */
};

static void on_readable(void *data)
{
    struct source *source = data;
    char c;

    source->called++;
    if (source->drain && read(source->in, &c, 1) != 1)
        source->drain = false;
    if (source->remove) {
        loop_remove(source->loop, source->remove->in);
        source->remove = NULL;
    }
    if (source->called == source->stop_at)
        loop_stop(source->loop);
}

static void add(struct loop *loop, struct source *source)
{
    struct err err = { 0 };
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        perror("pipe2");
        _exit(99);
    }
    source->loop = loop;
    source->in = fds[0];
    source->out = fds[1];
    CHECK_INT(loop_add(loop, source->in, on_readable, source, &err), 0);
}

static void say(const struct source *source)
{
    CHECK(write(source->out, "x", 1) == 1);
}

static void done(struct source *source)
{
    close(source->in);
    close(source->out);
}

static struct loop *new_loop(void)
{
    struct loop *loop = NULL;
    struct err err = { 0 };

    CHECK_INT(loop_new(&loop, &err), 0);
    return loop;
}

static void run(struct loop *loop)
{
    struct err err = { 0 };

    CHECK_INT(loop_run(loop, &err), 0);
}

static void readable_is_called(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1, .drain = true }, b = { .stop_at = 1, .drain = true };

    add(loop, &a);
    add(loop, &b);
    say(&b);
    run(loop);
    CHECK_INT(a.called, 0);
    CHECK_INT(b.called, 1);
    loop_free(loop);
    done(&a);
    done(&b);
}

static void as_long_as_it_is_readable(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 3, .drain = true };

    add(loop, &a);
    for (int i = 0; i < 3; i++)
        say(&a);
    run(loop);
    CHECK_INT(a.called, 3);
    loop_free(loop);
    done(&a);
}

static void other_side_gone(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 };

    add(loop, &a);
    close(a.out);
    a.out = -1;
    run(loop);
    CHECK_INT(a.called, 1);
    loop_free(loop);
    done(&a);
}

static void nobody_starves(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 0 }, b = { .stop_at = 5 };

    add(loop, &a);
    add(loop, &b);
    say(&a);
    say(&b);
    run(loop);
    CHECK(a.called >= 4 && a.called <= 6);
    loop_free(loop);
    done(&a);
    done(&b);
}

static void removes_itself(void)
{
    struct loop *loop = new_loop();
    struct source a = { .remove = &a }, b = { .stop_at = 3 };

    add(loop, &a);
    add(loop, &b);
    say(&a);
    say(&b);
    run(loop);
    CHECK_INT(a.called, 1);
    CHECK_INT(b.called, 3);
    loop_free(loop);
    done(&a);
    done(&b);
}

/* Both are ready at once and each removes the other: the second must not be called any more. */
static void removes_another(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 3 }, b = { .stop_at = 3 };

    a.remove = &b;
    b.remove = &a;
    add(loop, &a);
    add(loop, &b);
    say(&a);
    say(&b);
    run(loop);
    CHECK_INT(a.called + b.called, 3);
    CHECK(a.called == 0 || b.called == 0);
    loop_free(loop);
    done(&a);
    done(&b);
}

static void can_be_added_again(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 };
    struct err err = { 0 };

    add(loop, &a);
    loop_remove(loop, a.in);
    CHECK_INT(loop_add(loop, a.in, on_readable, &a, &err), 0);
    say(&a);
    run(loop);
    CHECK_INT(a.called, 1);
    loop_free(loop);
    done(&a);
}

static void cannot_be_added(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 };
    struct err err = { 0 };

    add(loop, &a);
    CHECK_INT(loop_add(loop, a.in, on_readable, &a, &err), -1);
    CHECK_HAS(err.text, strerror(EEXIST));
    CHECK_INT(loop_add(loop, -1, on_readable, &a, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    loop_remove(loop, 12345); /* one that it does not know */
    say(&a);
    run(loop); /* the first one still works */
    CHECK_INT(a.called, 1);
    loop_free(loop);
    done(&a);
}

static void stopped_before(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 };

    add(loop, &a);
    say(&a);
    loop_stop(loop);
    run(loop);
    CHECK_INT(a.called, 0);
    loop_free(loop);
    done(&a);
}

static int wake = -1;

static void on_alarm(int number)
{
    static int times;

    (void)number;
    if (++times == 3 && write(wake, "x", 1) != 1)
        _exit(99);
}

static void goes_on_after_a_signal(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 };
    const struct sigaction action = { .sa_handler = on_alarm };
    const struct itimerval soon = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };

    add(loop, &a);
    wake = a.out;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    run(loop);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK_INT(a.called, 1);
    loop_free(loop);
    done(&a);
}

static void freed_with_what_it_has(void)
{
    struct loop *loop = new_loop();
    struct source a = { .stop_at = 1 }, b = { .stop_at = 1 };

    add(loop, &a);
    add(loop, &b);
    CHECK(loop_free(loop) == NULL);
    CHECK(fcntl(a.in, F_GETFD) >= 0); /* the descriptors are the caller's */
    CHECK(loop_free(NULL) == NULL);
    done(&a);
    done(&b);
}

static const struct check_test tests[] = {
    { "what is readable is called, with its data, and nothing else", readable_is_called },
    { "it is called again as long as it is readable", as_long_as_it_is_readable },
    { "the end of the other side calls too", other_side_gone },
    { "one that is always readable lets others have their turn", nobody_starves },
    { "a callback may remove its own descriptor", removes_itself },
    { "a callback may remove another that is ready as well", removes_another },
    { "what was removed can be added again", can_be_added_again },
    { "what cannot be watched is refused and changes nothing", cannot_be_added },
    { "a loop that was stopped before does not run", stopped_before },
    { "a signal does not end the loop", goes_on_after_a_signal },
    { "a loop is freed with what it has, and leaves the descriptors", freed_with_what_it_has },
};

CHECK_MAIN(tests)
