/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <signal.h>
#include <sys/resource.h>

#include "scratch.h"

static void reads_it_whole(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *text = NULL, *nothing = NULL;

    scratch_write(&scratch, "a", "two\nlines\n");
    scratch_write(&scratch, "empty", "");
    text = file_read(scratch.dir, "a");
    nothing = file_read(scratch.dir, "empty");
    CHECK_STR(text, "two\nlines\n");
    CHECK_STR(nothing, "");
}

static void what_cannot_be_read(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();

    errno = 0;
    CHECK(file_read(scratch.dir, "none") == NULL);
    CHECK_INT(errno, ENOENT);
    CHECK_INT(mkdirat(scratch.dir, "dir", 0700), 0);
    errno = 0;
    CHECK(file_read(scratch.dir, "dir") == NULL);
    CHECK_INT(errno, EISDIR);
    scratch_write(&scratch, "a", "text");
    CHECK_INT(symlinkat("a", scratch.dir, "link"), 0);
    errno = 0;
    CHECK(file_read(scratch.dir, "link") == NULL);
    CHECK_INT(errno, ELOOP);
}

static void up_to_a_mebibyte(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *text = NULL;

    scratch_write(&scratch, "a", "a");
    CHECK_INT(truncate(scratch_path(&scratch, "a"), 1 << 20), 0);
    text = file_read(scratch.dir, "a");
    CHECK_STR(text, "a"); /* the rest are NULs */
    CHECK_INT(truncate(scratch_path(&scratch, "a"), (1 << 20) + 1), 0);
    errno = 0;
    CHECK(file_read(scratch.dir, "a") == NULL);
    CHECK_INT(errno, EFBIG);
}

static void replaces(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *first = NULL, *second = NULL, *third = NULL;
    struct err err = { 0 };

    CHECK_INT(file_replace(scratch.dir, "a", "one and more\n", &err), 0);
    first = file_read(scratch.dir, "a");
    CHECK_STR(first, "one and more\n");
    CHECK_INT(scratch_mode(&scratch, "a"), 0600);
    CHECK_INT(file_replace(scratch.dir, "a", "two", &err), 0);
    second = file_read(scratch.dir, "a");
    CHECK_STR(second, "two");
    CHECK_INT(file_replace(scratch.dir, "a", "", &err), 0);
    third = file_read(scratch.dir, "a");
    CHECK_STR(third, "");
    CHECK(!scratch_has(&scratch, "a.new"));
}

static void leftover_of_a_crash(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *text = NULL;
    struct err err = { 0 };

    scratch_write(&scratch, "a.new", "something long that was being written");
    CHECK_INT(file_replace(scratch.dir, "a", "two", &err), 0);
    text = file_read(scratch.dir, "a");
    CHECK_STR(text, "two");
    CHECK(!scratch_has(&scratch, "a.new"));
}

/* A limit stands for the full disk: the write ends half way. */
static void no_room(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *text = NULL;
    struct rlimit before, little;
    struct err err = { 0 };
    int rc;

    CHECK_INT(file_replace(scratch.dir, "a", "one", &err), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    little = before;
    little.rlim_cur = 10;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    rc = file_replace(scratch.dir, "a", "more than ten bytes", &err);
    setrlimit(RLIMIT_FSIZE, &before); /* the report may go to a file too */
    CHECK_INT(rc, -1);
    CHECK_HAS(err.text, "cannot write a");
    text = file_read(scratch.dir, "a");
    CHECK_STR(text, "one");
    CHECK(!scratch_has(&scratch, "a.new"));
}

static void cannot_replace(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };

    CHECK_INT(mkdirat(scratch.dir, "a", 0700), 0);
    CHECK_INT(file_replace(scratch.dir, "a", "text", &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_HAS(err.text, strerror(EISDIR));
    CHECK(!scratch_has(&scratch, "a.new"));
    scratch_write(&scratch, "precious", "kept");
    CHECK_INT(symlinkat("precious", scratch.dir, "b.new"), 0);
    CHECK_INT(file_replace(scratch.dir, "b", "text", &err), -1);
    CHECK(!scratch_has(&scratch, "b"));
}

static void a_link_is_replaced_itself(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(freep) char *there = NULL, *here = NULL;
    struct err err = { 0 };

    scratch_write(&scratch, "precious", "kept");
    CHECK_INT(symlinkat("precious", scratch.dir, "a"), 0);
    CHECK_INT(file_replace(scratch.dir, "a", "text", &err), 0);
    there = file_read(scratch.dir, "precious");
    here = file_read(scratch.dir, "a");
    CHECK_STR(there, "kept");
    CHECK_STR(here, "text");
}

static void directories(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };
    int first, again, opened;

    CHECK_INT(dir_open(scratch.dir, "d"), -1);
    first = dir_make(scratch.dir, "d", &err);
    CHECK(first >= 0);
    CHECK_INT(scratch_mode(&scratch, "d"), 0700);
    again = dir_make(scratch.dir, "d", &err);
    CHECK(again >= 0);
    opened = dir_open(scratch.dir, "d");
    CHECK(opened >= 0);
    CHECK_INT(dir_sync(opened, &err), 0);
    CHECK(fcntl(opened, F_GETFD) & FD_CLOEXEC);
    close(first);
    close(again);
    close(opened);
}

static void no_directories(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct err err = { 0 };

    scratch_write(&scratch, "file", "");
    CHECK_INT(mkdirat(scratch.dir, "d", 0700), 0);
    CHECK_INT(symlinkat("d", scratch.dir, "link"), 0);
    CHECK_INT(dir_open(scratch.dir, "file"), -1);
    CHECK_INT(dir_open(scratch.dir, "link"), -1);
    CHECK_INT(dir_make(scratch.dir, "file", &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(dir_make(scratch.dir, "link", &err), -1);
    CHECK_INT(dir_make(scratch.dir, "none/d", &err), -1);
    CHECK_HAS(err.text, "cannot make the directory none/d");
    CHECK_INT(dir_sync(-1, &err), -1);
}

static void gives_descriptors_back(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    int before = scratch_descriptors();
    struct err err = { 0 };

    file_replace(scratch.dir, "a", "text", &err);
    free(file_read(scratch.dir, "a"));
    free(file_read(scratch.dir, "none"));
    dir_make(scratch.dir, "a", &err);
    CHECK_INT(mkdirat(scratch.dir, "d", 0700), 0);
    file_replace(scratch.dir, "d", "text", &err);
    free(file_read(scratch.dir, "d"));
    CHECK_INT(scratch_descriptors(), before);
}

static const struct check_test tests[] = {
    { "a file is read whole", reads_it_whole },
    { "what is missing, a directory or a symbolic link is not read", what_cannot_be_read },
    { "a file of a MiB is read, a larger one is not", up_to_a_mebibyte },
    { "a file is made or replaced, for nobody else to read", replaces },
    { "what a crash has left of a replacement is overwritten", leftover_of_a_crash },
    { "where there is no room the old file stays", no_room },
    { "what cannot be replaced says so and leaves nothing", cannot_replace },
    { "a symbolic link is replaced and not what it points to", a_link_is_replaced_itself },
    { "a directory is made where it is missing and opened", directories },
    { "a file or a symbolic link is no directory", no_directories },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
