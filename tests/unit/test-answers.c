/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answers.h"

#include <time.h>

#include "scratch.h"

static struct scratch scratch;

static const char *new_image(const char *name)
{
    scratch_write(&scratch, name, "an image");
    return scratch_path(&scratch, name);
}

/* As if it had last been written to that long ago, on a file system that keeps its times in steps of STEP_NS. */
static void age_in_steps(const char *name, long ms, long step_ns)
{
    struct timespec then, times[2];

    clock_gettime(CLOCK_REALTIME, &then);
    then.tv_sec -= ms / 1000;
    then.tv_nsec -= ms % 1000 * 1000000;
    if (then.tv_nsec < 0) {
        then.tv_sec--;
        then.tv_nsec += 1000000000;
    }
    then.tv_nsec = step_ns > 1 ? then.tv_nsec / step_ns * step_ns : then.tv_nsec | 1;
    times[0] = times[1] = then;
    CHECK(utimensat(scratch.dir, name, times, 0) == 0);
}

static void age(const char *name, long seconds)
{
    age_in_steps(name, seconds * 1000, 1000000000);
}

static const char *known(const char *image, const char *format)
{
    struct answers_mark mark = answers_mark(image);

    return answers_find(image, format, &mark);
}

static void keep(const char *image, const char *format, const char *text)
{
    struct answers_mark mark = answers_mark(image);

    answers_keep(image, format, &mark, text);
}

static void unchanged(void)
{
    const char *image = new_image("a");

    age("a", 60);
    CHECK_STR(known(image, "qcow2"), NULL);
    keep(image, "qcow2", "first");
    CHECK_STR(known(image, "qcow2"), "first");
    CHECK_STR(known(image, "raw"), NULL);
    keep(image, "raw", "as raw");
    keep(image, "qcow2", "second");
    CHECK_STR(known(image, "qcow2"), "second");
    CHECK_STR(known(image, "raw"), "as raw");
}

static void written_to(void)
{
    const char *image = new_image("b");

    age("b", 60);
    keep(image, "qcow2", "old");
    scratch_write(&scratch, "b", "as long!");
    CHECK_STR(known(image, "qcow2"), NULL);
    age("b", 60); /* that time is the one of before, but the change of it is not */
    CHECK_STR(known(image, "qcow2"), NULL);
}

static void another_file(void)
{
    const char *image = new_image("c");

    age("c", 60);
    keep(image, "qcow2", "old");
    scratch_write(&scratch, "new", "an image");
    age("new", 60);
    CHECK(renameat(scratch.dir, "new", scratch.dir, "c") == 0);
    CHECK_STR(known(image, "qcow2"), NULL);
    CHECK(unlinkat(scratch.dir, "c", 0) == 0);
    CHECK_STR(known(image, "qcow2"), NULL);
    keep(image, "qcow2", "of nothing");
    CHECK_STR(known(image, "qcow2"), NULL);
}

static void young(void)
{
    const char *image = new_image("d");

    age("d", 60);
    keep(image, "qcow2", "old");
    scratch_write(&scratch, "d", "just now");
    keep(image, "qcow2", "new");
    CHECK_STR(known(image, "qcow2"), NULL);
}

/* 300 ms are thirty of the steps in which the kernel's clock may go. */
static void steps(void)
{
    const char *image = new_image("e");

    age_in_steps("e", 300, 10000000);
    keep(image, "qcow2", "in coarse steps");
    CHECK_STR(known(image, "qcow2"), NULL);
    age_in_steps("e", 300, 1);
    keep(image, "qcow2", "in fine steps");
    CHECK_STR(known(image, "qcow2"), "in fine steps");
    age_in_steps("e", 10, 1);
    keep(image, "qcow2", "just now");
    CHECK_STR(known(image, "qcow2"), NULL);
}

/* Its node stays as it is, whatever is written to it. */
static void device(void)
{
    keep("/dev/null", "qcow2", "old");
    CHECK_STR(known("/dev/null", "qcow2"), NULL);
}

static const struct check_test tests[] = {
    { "an image that nobody has written to gets the same answer, for each format", unchanged },
    { "one that was written to is asked again", written_to },
    { "one that is another file by now is asked again", another_file },
    { "a device is asked each time", device },
    { "what is said of one that was written to just now is not kept", young },
    { "how long that is depends on the steps in which its times are kept", steps },
};

int main(void)
{
    int failed;

    scratch = scratch_make();
    failed = check_run(tests, sizeof tests / sizeof *tests);
    scratch_remove(&scratch);
    return failed;
}
