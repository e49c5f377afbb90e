/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long qemu-img is waited for.  Another program stands in its place, and time passes as fast as is waited for it:
 * of each wait 0.4 s are true. */
#include "qemu_img.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

static long long passed_ms;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long rc = syscall(SYS_clock_gettime, clock, now);

    now->tv_sec += passed_ms / 1000;
    return (int)rc;
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
    struct timespec true_wait = { .tv_nsec = 400000000L };
    long rc = syscall(SYS_ppoll, fds, count, &true_wait, NULL, 0);

    if (rc == 0)
        passed_ms += ms;
    return (int)rc;
}

static void be_qemu_img(struct scratch *scratch, const char *script)
{
    char path[512];

    scratch_write(scratch, "qemu-img", script);
    snprintf(path, sizeof path, "%s/qemu-img", scratch->path);
    chmod(path, 0700);
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", scratch->path);
    setenv("PATH", path, 1);
}

static void slow_is_not_failed(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };

    be_qemu_img(&scratch, "#!/bin/sh\nnow() { read -r up _ < /proc/uptime; up=${up%.*}; }\n"
                          "now; end=$((up + 4))\nwhile [ $up -lt $end ]; do now; done\n");
    passed_ms = 0;
    CHECK_INT(qemu_img_tag("image", "tag", &err), 0);
    CHECK(passed_ms >= 240 * 1000); /* four times as long as it may do nothing */
}

static void silent_is_failed(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };

    be_qemu_img(&scratch, "#!/bin/sh\nexec tail -f /dev/null\n");
    passed_ms = 0;
    CHECK_INT(qemu_img_tag("image", "tag", &err), -1);
    CHECK_INT(err.code, ERR_QEMU);
    CHECK_HAS(err.text, "has done nothing for 60 s");
    CHECK(passed_ms >= 60 * 1000 && passed_ms < 300 * 1000);
}

static const struct check_test tests[] = {
    { "qemu-img may take hours, as long as it gets on", slow_is_not_failed },
    { "qemu-img that does nothing is given up", silent_is_failed },
};

CHECK_MAIN(tests)
