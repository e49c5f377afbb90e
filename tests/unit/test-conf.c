/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conf.h"

#include "scratch.h"

static const struct conf before = { .store = "/before", .workers = 7, .log = LOG_LEVEL_ERROR };

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
        const char *store;
        int workers;
        enum log_level log;
    } rows[] = {
        { "", "/before", 7, LOG_LEVEL_ERROR },
        { "[agent]\n", "/before", 7, LOG_LEVEL_ERROR },
        { "# a comment\n; another\n\n[agent] # here, too\n#workers = 9\n", "/before", 7, LOG_LEVEL_ERROR },
        { "[agent]\nstore = /srv/snap shots\nworkers = 64\nlog = debug\n", "/srv/snap shots", 64, LOG_LEVEL_DEBUG },
        { "[agent]\r\nworkers=1\r\nlog:warning ; less\r\n", "/before", 1, LOG_LEVEL_WARNING },
        { "\xef\xbb\xbf[agent]\nlog = info", "/before", 7, LOG_LEVEL_INFO },
        { "[agent]\nlog = info\n[agent]\nworkers = 08\n", "/before", 8, LOG_LEVEL_INFO },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf conf;
        struct err err = { 0 };
        char path[512];

        check_row = rows[i].text;
        if (!CHECK_INT(read_text(rows[i].text, &conf, path, &err), 0))
            printf("#     %s\n", err.text);
        CHECK_STR(conf.store, rows[i].store);
        CHECK_INT(conf.workers, rows[i].workers);
        CHECK_INT(conf.log, rows[i].log);
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
        { "[guest web]\nallow = create\n", ":1: a guest's section is [guest \"PATTERN\"]" },
        { "[agent]\n[guests \"web*\"]\n", ":2: unknown section [guests \"web*\"]" },
        { "[Agent]\n", ":1: unknown section [Agent]" },
        { "[agents]\n", ":1: unknown section [agents]" },
        { "[]\nlog = info\n", ":1: unknown section []" },
        { "\xef\xbb\xbf[guesta]\nlog = info\n", ":1: unknown section [guesta]" },
        { "[agent\n", ":1: a section's name has no ]" },
        { "[agent] workers = 3\n", ":1: something follows the section's name" },
        { "[agent]\n#" LONG LONG LONG "\nworkers = 2\n", ":2: the line is longer than " },
        { "[agent]\nlog = info\n[guest web]\n", ":3: a guest's section is [guest \"PATTERN\"]" },
        { "[guest]\n", ":1: a guest's section is" },
        { "[guest \"\"]\n", ":1: a guest's section is" },
        { "[guest \"a\"b\"]\n", ":1: a guest's section is" },
        { "[guest \"uuid:0123\"]\n", ":1: a UUID has 32 digits" },
        { "[guest \" a\"]\n", ":1: a pattern is printable" },
        { "[guest \"a\"]\nallow = create\n[guest \"b\"]\n[guest \"a\"]\n",
          ":4: the section [guest \"a\"] stands in line 1 already" },
        { "[guest \"a\"] allow = create\n", ":1: something follows the section's name" },
        { "[guest \"a\"\n", ":1: a section's name has no ]" },
        { "[guest \"a\"]\nallow = create explode\n", ":2: allow is words of create, list, delete, revert and cancel" },
        { "[guest \"a\"]\nallow = create,list\n", ":2: allow is words" },
        { "[guest \"a\"]\nallow = list\nallow = create\n", ":3: allow is given twice" },
        { "[guest \"a\"]\nallow = list\n  create\n", ":3: allow is given twice (an indented" },
        { "[guest \"a\"]\nallow = list\n  [guest \"b\"]\n", ":3: a section's [ is not the first on its line" },
        { "[guest \"a\"]\nworkers = 2\n", ":2: unknown key workers" },
        { "[agent]\nallow = create\n", ":2: unknown key allow" },
        { "[guest \"a\"]\nmemory = maybe\n", ":2: memory is yes or no" },
        { "[guest \"a\"]\nmax-snapshots = -1\n", ":2: max-snapshots is a number from 0 to 10000" },
        { "[guest \"a\"]\nmax-snapshots = 4294967297\n", ":2: max-snapshots is a number" },
        { "[guest \"a\"]\nmax-bytes = 20GB\n", ":2: max-bytes is a number, which K, M, G or T may follow" },
        { "[guest \"a\"]\nmax-bytes = G\n", ":2: max-bytes is a number" },
        { "[guest \"a\"]\nmax-bytes = 999999999T\n", ":2: max-bytes is a number" },
        { "[guest \"a\"]\nmin-interval = soon\n", ":2: min-interval is a number from 0 to 31622400" },
        { "[guest \"a\"]\nmax-pending = 0\n", ":2: max-pending is a number from 1 to 16" },
        { "[guest \"a\"]\ntargets =\n", ":2: targets is self" },
        { "[guest \"a\"]\ntargets = self uuid:12\n", ":2: targets is self" },
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

#define UUID "01234567-89ab-4cde-8f01-23456789abcd"

static void guests(void)
{
    struct conf conf;
    struct err err = { 0 };
    char path[512];
    const struct policy_rule *rule = conf.policy.rules;

    check_row = NULL;
    if (!CHECK_INT(read_text("\xef\xbb\xbf[guest \"web[0-9]*\"] ; a comment\n"
                             "allow = create list ; and no more\nmemory = yes\nmax-snapshots = 3\nmax-bytes = 2G\n"
                             "min-interval = 0\nmax-pending = 16\ntargets = self db* uuid:" UUID "\n"
                             "[agent]\nlog = debug\n[guest \"uuid:" UUID "\"]\n[guest\"x\"]\r\nallow =\r\n",
                             &conf, path, &err), 0)) {
        printf("#     %s\n", err.text);
        return;
    }
    CHECK_INT(conf.log, LOG_LEVEL_DEBUG);
    CHECK_INT((long long)conf.policy.count, 3);
    CHECK_STR(rule->who, "web[0-9]*");
    CHECK(!rule->by_uuid && rule->memory);
    CHECK_INT(rule->line, 1);
    CHECK_INT(rule->allow, 1 << OPERATION_CREATE | 1 << OPERATION_LIST);
    CHECK_INT(rule->max_snapshots, 3);
    CHECK_INT(rule->max_bytes, 2LL << 30);
    CHECK_INT(rule->min_interval, 0);
    CHECK_INT(rule->max_pending, 16);
    CHECK_STR(rule->targets, "self db* uuid:" UUID);
    rule++;
    CHECK_STR(rule->who, UUID);
    CHECK(rule->by_uuid && !rule->memory);
    CHECK_INT(rule->line, 11);
    CHECK_INT(rule->allow, 0);
    CHECK_INT(rule->max_snapshots, 8);
    CHECK_INT(rule->max_bytes, 20LL << 30);
    CHECK_INT(rule->min_interval, 60);
    CHECK_INT(rule->max_pending, 2);
    CHECK_STR(rule->targets, "self");
    rule++;
    CHECK_STR(rule->who, "x");
    CHECK_INT(rule->allow, 0);
}

static void too_many_guests(void)
{
    _cleanup_(freep) char *text = calloc(POLICY_RULES_MAX + 1, 32);
    struct conf conf;
    struct err err = { 0 };
    char path[512];

    for (int i = 0; i <= POLICY_RULES_MAX; i++)
        snprintf(text + strlen(text), 32, "[guest \"a%d\"]\n", i);
    CHECK_INT(read_text(text, &conf, path, &err), -1);
    CHECK_HAS(err.text, ":65: there are more than 64 sections");
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
    { "the sections for guests are taken, and what they do not say is cautious", guests },
    { "there is an end to the sections for guests", too_many_guests },
    { "a file that is not there says nothing, unless it is needed", no_file },
    { "what is laid over counts where it says something", overlay },
    { "the defaults say everything", whole },
};

CHECK_MAIN(tests)
