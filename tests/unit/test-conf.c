/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conf.h"

#include "scratch.h"

static const struct conf before = { "/before", 7, LOG_LEVEL_ERROR };

static int read_text(const char *text, struct conf *conf, char path[512], struct err *err)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();

    scratch_write(&scratch, "c", text);
    snprintf(path, 512, "%s", scratch_path(&scratch, "c"));
    *conf = before;
    return conf_read(conf, path, true, err);
}

static void taken(void)
{
    static const struct {
        const char *text;
        struct conf conf;
    } rows[] = {
        { "", { "/before", 7, LOG_LEVEL_ERROR } },
        { "[agent]\n", { "/before", 7, LOG_LEVEL_ERROR } },
        { "# a comment\n; another\n\n[agent] # here, too\n#workers = 9\n", { "/before", 7, LOG_LEVEL_ERROR } },
        { "[agent]\nstore = /srv/snap shots\nworkers = 64\nlog = debug\n", { "/srv/snap shots", 64, LOG_LEVEL_DEBUG } },
        { "[agent]\r\nworkers=1\r\nlog:warning ; less\r\n", { "/before", 1, LOG_LEVEL_WARNING } },
        { "\xef\xbb\xbf[agent]\nlog = info", { "/before", 7, LOG_LEVEL_INFO } },
        { "[agent]\nlog = info\n[agent]\nworkers = 08\n", { "/before", 8, LOG_LEVEL_INFO } },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf conf;
        struct err err = { 0 };
        char path[512];

        check_row = rows[i].text;
        if (!CHECK_INT(read_text(rows[i].text, &conf, path, &err), 0))
            printf("#     %s\n", err.text);
        CHECK_STR(conf.store, rows[i].conf.store);
        CHECK_INT(conf.workers, rows[i].conf.workers);
        CHECK_INT(conf.log, rows[i].conf.log);
    }
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static void refused(void)
{
    static const struct {
        const char *text;
        const char *why; /* behind the path */
    } rows[] = {
        { "workers = 2\n", ":1: workers stands before the first section" },
        { "[agent]\nwork = 2\n", ":2: unknown key work" },
        { "[agent]\nWorkers = 2\n", ":2: unknown key Workers" },
        { "[agent]\n= 2\n", ":2: unknown key " },
        { "[agent]\n\nworkers = 0\n", ":3: workers is a number from 1 to 64" },
        { "[agent]\nworkers = 65\n", ":2: workers is a number" },
        { "[agent]\nworkers = 4294967298\n", ":2: workers is a number" },
        { "[agent]\nworkers = -1\n", ":2: workers is a number" },
        { "[agent]\nworkers =\n", ":2: workers is a number" },
        { "[agent]\nworkers = 2 # two\n", ":2: workers is a number" },
        { "[agent]\nlog = loud\n", ":2: log is error, warning, info or debug" },
        { "[agent]\nlog =\n", ":2: log is error" },
        { "[agent]\nstore = snapshots\n", ":2: store is an absolute path" },
        { "[agent]\nstore = /srv/../etc\n", ":2: store is an absolute path" },
        { "[agent]\nstore = /srv/\n", ":2: store is an absolute path" },
        { "[agent]\nstore =\n", ":2: store is an absolute path" },
        { "[agent]\nworkers\n", ":2: neither a section nor KEY = VALUE" },
        { "[agent]\nlog = debug\nworkers = 2\nlog = info\n", ":4: log is given twice" },
        { "[agent]\nstore = /srv\n  /more\n", ":3: store is given twice (an indented line continues the one above)" },
        { "[guest \"web*\"]\nallow = create\n", ":1: unknown section [guest \"web*\"]" },
        { "[agent]\n[guest \"web*\"]\n", ":2: unknown section [guest \"web*\"]" },
        { "[Agent]\n", ":1: unknown section [Agent]" },
        { "[agents]\n", ":1: unknown section [agents]" },
        { "[]\nlog = info\n", ":1: unknown section []" },
        { "\xef\xbb\xbf[guest a]\nlog = info\n", ":2: unknown section [guest a]" },
        { "[agent\n", ":1: a section's name has no ]" },
        { "[agent] workers = 3\n", ":1: something follows the section's name" },
        { "[agent]\n#" LONG LONG LONG "\nworkers = 2\n", ":2: the line is longer than " },
        /* the first of several, whoever finds it */
        { "[agent]\nnonsense\nworkers = x\n", ":2: neither" },
        { "[agent]\nworkers = x\nnonsense\n", ":2: workers is" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf conf;
        struct err err = { 0 };
        char path[512];

        check_row = rows[i].text;
        if (!CHECK_INT(read_text(rows[i].text, &conf, path, &err), -1))
            continue;
        CHECK_INT(err.code, ERR_INVALID);
        CHECK(strncmp(err.text, path, strlen(path)) == 0);
        CHECK_HAS(err.text + strlen(path), rows[i].why);
        CHECK(memcmp(&conf, &before, sizeof conf) == 0);
    }
}

static void no_file(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    struct conf conf = before;
    struct err err = { 0 };

    CHECK_INT(conf_read(&conf, scratch_path(&scratch, "none"), false, &err), 0);
    CHECK_INT(conf_read(&conf, scratch_path(&scratch, "none"), true, &err), -1);
    CHECK_HAS(err.text, "/none: No such file");
    CHECK_INT(conf_read(&conf, scratch.path, false, &err), -1);
    CHECK_HAS(err.text, "directory");
    CHECK_INT(mkfifoat(scratch.dir, "fifo", 0600), 0);
    CHECK_INT(conf_read(&conf, scratch_path(&scratch, "fifo"), false, &err), 0);
    CHECK(memcmp(&conf, &before, sizeof conf) == 0);
}

static void overlay(void)
{
    static const struct conf workers = { .workers = 3 }, store = { .store = "/over" };
    static const struct conf level = { .log = LOG_LEVEL_INFO };
    struct conf conf = before;

    conf_overlay(&conf, &workers);
    CHECK_STR(conf.store, "/before");
    CHECK_INT(conf.workers, 3);
    CHECK_INT(conf.log, LOG_LEVEL_ERROR);
    conf_overlay(&conf, &store);
    conf_overlay(&conf, &level);
    CHECK_STR(conf.store, "/over");
    CHECK_INT(conf.workers, 3);
    CHECK_INT(conf.log, LOG_LEVEL_INFO);
}

static void whole(void)
{
    CHECK_STR(conf_default.store, "/var/lib/xen/snapshots");
    CHECK_INT(conf_default.workers, 2);
    CHECK_INT(conf_default.log, LOG_LEVEL_INFO);
}

static const struct check_test tests[] = {
    { "what the file says is set, and nothing else", taken },
    { "a wrong file is refused whole, with its name and the line", refused },
    { "a file that is not there says nothing, unless it is needed", no_file },
    { "what is laid over counts where it says something", overlay },
    { "the defaults say everything", whole },
};

CHECK_MAIN(tests)
