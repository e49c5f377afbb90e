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
    CHECK_INT(mkfifoat(scratch.dir, "fifo", 0600), 0);
    errno = 0;
    CHECK(file_read(scratch.dir, "fifo") == NULL);
    CHECK_INT(errno, EINVAL);
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

/* Below a scratch directory; scratch_path() keeps one path only. */
struct path {
    char text[128];
};

static struct path path_of(const struct scratch *scratch, const char *name)
{
    struct path path;

    snprintf(path.text, sizeof path.text, "%s/%s", scratch->path, name);
    return path;
}

static void claims_a_new_file(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct path path = path_of(&scratch, "new");
    _cleanup_(closep) int fd = -1;
    struct err err = { 0 };
    char bytes[4] = "";

    fd = file_claim(path.text, NULL, &err);
    CHECK(fd >= 0);
    CHECK_INT(scratch_mode(&scratch, "new"), 0600);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(write(fd, "abc", 3) == 3 && pread(fd, bytes, 3, 0) == 3);
    CHECK_STR(bytes, "abc");
}

static void claims_what_is_free(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    static const char *const taken[] = { "file", "dir", "link", "dangling" };
    _cleanup_(freep) char *text = NULL;

    scratch_write(&scratch, "file", "precious");
    CHECK_INT(mkdirat(scratch.dir, "dir", 0700), 0);
    CHECK_INT(symlinkat("file", scratch.dir, "link"), 0);
    CHECK_INT(symlinkat("none", scratch.dir, "dangling"), 0);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct path path = path_of(&scratch, taken[i]);
        struct err err = { 0 };

        check_row = taken[i];
        CHECK_INT(file_claim(path.text, NULL, &err), -1);
        CHECK_INT(err.code, ERR_EXISTS);
        CHECK(scratch_has(&scratch, taken[i]));
    }
    CHECK(!scratch_has(&scratch, "none"));
    text = file_read(scratch.dir, "file");
    CHECK_STR(text, "precious");
}

static void claims_with_the_owner_of_another(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct path path = path_of(&scratch, "new"), like = path_of(&scratch, "like");
    struct err err = { 0 };
    struct stat st;
    int fd;

    scratch_write(&scratch, "like", "");
    CHECK_INT(chmod(like.text, 04664), 0);
    if (geteuid() == 0)
        CHECK_INT(chown(like.text, 1234, 2345), 0);
    CHECK_INT(chmod(like.text, 04664), 0); /* a change of owner takes bits away */
    fd = file_claim(path.text, like.text, &err);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    closep(&fd);
    CHECK_INT(scratch_mode(&scratch, "new"), 0664);
    if (geteuid() == 0)
        CHECK(st.st_uid == 1234 && st.st_gid == 2345);
}

static void claims_nothing(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct path path = path_of(&scratch, "new"), like = path_of(&scratch, "like"), far = path_of(&scratch, "none/new");
    struct err err = { 0 };

    CHECK_INT(file_claim(path.text, like.text, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_HAS(err.text, "owner");
    CHECK(!scratch_has(&scratch, "new"));
    CHECK_INT(file_claim(far.text, NULL, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_HAS(err.text, strerror(ENOENT));
}

static void makes_durable(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct path path = path_of(&scratch, "a");
    struct err err = { 0 };

    CHECK_INT(file_sync(path.text, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    scratch_write(&scratch, "a", "text");
    CHECK_INT(file_sync(path.text, &err), 0);
}

static void one_file_or_two(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct path a = path_of(&scratch, "a"), b = path_of(&scratch, "b"), link = path_of(&scratch, "link"),
                hard = path_of(&scratch, "hard"), around = path_of(&scratch, "./a"), none = path_of(&scratch, "none");

    scratch_write(&scratch, "a", "same");
    scratch_write(&scratch, "b", "same");
    CHECK_INT(symlinkat("a", scratch.dir, "link"), 0);
    CHECK_INT(linkat(scratch.dir, "a", scratch.dir, "hard", 0), 0);
    CHECK(same_file(a.text, a.text));
    CHECK(same_file(a.text, link.text) && same_file(link.text, a.text));
    CHECK(same_file(a.text, hard.text));
    CHECK(same_file(a.text, around.text));
    CHECK(!same_file(a.text, b.text));
    CHECK(!same_file(a.text, none.text) && !same_file(none.text, a.text));
    CHECK(!same_file(none.text, none.text)); /* what is not there is no file */
    CHECK(!same_file("", ""));
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
    file_claim(path_of(&scratch, "a").text, NULL, &err);
    file_claim(path_of(&scratch, "b").text, path_of(&scratch, "none").text, &err);
    file_sync(path_of(&scratch, "a").text, &err);
    CHECK_INT(scratch_descriptors(), before);
}

/* On a 32-bit machine an image of 2 GiB could not even be opened without that. */
static void large_files(void)
{
#ifdef _FILE_OFFSET_BITS
    CHECK_INT(_FILE_OFFSET_BITS, 64);
#else
    CHECK(!"_FILE_OFFSET_BITS is set");
#endif
    CHECK_INT((long long)sizeof(off_t), 8);
}

static const struct check_test tests[] = {
    { "a file may be larger than 2 GiB on every machine", large_files },
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
    { "a new file is claimed, for reading and writing and for nobody else", claims_a_new_file },
    { "what is there already is not claimed, whatever it is", claims_what_is_free },
    { "a file is claimed with owner and mode of another", claims_with_the_owner_of_another },
    { "where a claim fails nothing is left", claims_nothing },
    { "a file is made durable where it is there", makes_durable },
    { "two paths lead to one file or to two", one_file_or_two },
    { "no descriptor is lost", gives_descriptors_back },
};

CHECK_MAIN(tests)
