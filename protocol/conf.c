/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

const struct conf conf_default = { .store = "/var/lib/xen/snapshots", .workers = 2, .log = LOG_LEVEL_INFO };

static int set_store(struct conf *conf, const char *value, struct err *err)
{
    if (!path_valid(value))
        return err_set(err, ERR_INVALID, "store is an absolute path without .., . or a / at its end");
    snprintf(conf->store, sizeof conf->store, "%s", value);
    return 0;
}

static int set_workers(struct conf *conf, const char *value, struct err *err)
{
    size_t digits = strspn(value, "0123456789");
    int workers = digits > 0 && digits <= 2 && !value[digits] ? atoi(value) : 0;

    if (workers < 1 || workers > 64)
        return err_set(err, ERR_INVALID, "workers is a number from 1 to 64");
    conf->workers = workers;
    return 0;
}

static int set_log(struct conf *conf, const char *value, struct err *err)
{
    static const struct {
        const char *word;
        enum log_level level;
    } levels[] = { { "error", LOG_LEVEL_ERROR }, { "warning", LOG_LEVEL_WARNING },
                   { "info", LOG_LEVEL_INFO },   { "debug", LOG_LEVEL_DEBUG } };

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(value, levels[i].word) == 0) {
            conf->log = levels[i].level;
            return 0;
        }
    return err_set(err, ERR_INVALID, "log is error, warning, info or debug");
}

static int set_protect(struct conf *conf, const char *value, struct err *err)
{
    conf->protect = strcmp(value, "yes") == 0;
    return conf->protect || strcmp(value, "no") == 0 ? 0 : err_set(err, ERR_INVALID, "protect is yes or no");
}

static const struct {
    const char *name;
    int (*set)(struct conf *conf, const char *value, struct err *err);
} keys[] = { { "store", set_store }, { "workers", set_workers }, { "log", set_log }, { "protect", set_protect } };

enum { KEYS = sizeof keys / sizeof *keys };

static int find_key(const char *name)
{
    for (int key = 0; key < KEYS; key++)
        if (strcmp(keys[key].name, name) == 0)
            return key;
    return -1;
}

int conf_set(struct conf *conf, const char *name, const char *value, struct err *err)
{
    int key = find_key(name);

    if (key < 0)
        return err_set(err, ERR_INVALID, "unknown key %s", name);
    return keys[key].set(conf, value, err);
}

void conf_overlay(struct conf *conf, const struct conf *over)
{
    if (*over->store)
        memcpy(conf->store, over->store, sizeof conf->store);
    if (over->workers)
        conf->workers = over->workers;
    if (over->log)
        conf->log = over->log;
    if (over->protect)
        conf->protect = true;
    if (over->policy.count)
        conf->policy = over->policy;
}

/* ---- the file ------------------------------------------------------------------------------------------- */

#define BLANKS " \t\r\n\v\f"
#define BOM "\xef\xbb\xbf"

/* Which section a line is in.  inih tells too, but cuts long names and what stands behind a ]. */
enum section { SECTION_NONE, SECTION_AGENT, SECTION_GUEST, SECTION_UNKNOWN };

enum { GUEST_KEYS_MAX = 16 };

struct reading {
    FILE *file;
    struct conf conf;
    enum section section;
    bool seen[KEYS];                 /* of [agent], which may stand there more than once */
    bool seen_guest[GUEST_KEYS_MAX]; /* of this [guest] */
    int line;
    int wrong_line; /* the first line that err is about; 0 = none yet */
    struct err err;
};

static int wrong(struct reading *reading, const struct err *err)
{
    if (!reading->wrong_line) {
        reading->wrong_line = reading->line;
        reading->err = *err;
    }
    return 0;
}

/* Where the name of a section ends: at its ], but a guest's name is quoted and may have one inside. */
static const char *section_end(const char *line)
{
    const char *quote = strchr(line, '"'), *end = strchr(line, ']');

    if (quote && end && quote < end && (quote = strchr(quote + 1, '"')))
        end = strchr(quote, ']');
    return end;
}

static int begin_named(struct reading *reading, const char *name, struct err *err)
{
    const char *rest = name + strlen("guest");

    reading->section = SECTION_UNKNOWN;
    if (strcmp(name, "agent") == 0) {
        reading->section = SECTION_AGENT;
        return 0;
    }
    if (strncmp(name, "guest", strlen("guest")) != 0 || (*rest && *rest != ' ' && *rest != '"'))
        return err_set(err, ERR_INVALID, "unknown section [%s]", name);
    if (policy_begin(&reading->conf.policy, rest + strspn(rest, BLANKS), reading->line, err) < 0)
        return -1;
    reading->section = SECTION_GUEST;
    memset(reading->seen_guest, 0, sizeof reading->seen_guest);
    return 0;
}

/* LINE is what stands behind the [.  inih tells neither of a section without keys nor of what follows on its line. */
static int begin_section(struct reading *reading, const char *line, struct err *err)
{
    const char *end = section_end(line), *rest;
    char name[256];

    reading->section = SECTION_UNKNOWN;
    if (!end || end - line >= (int)sizeof name)
        return err_set(err, ERR_INVALID, "a section's name has no ] behind it");
    snprintf(name, sizeof name, "%.*s", (int)(end - line), line);
    if (begin_named(reading, name, err) < 0)
        return -1;
    rest = end + 1 + strspn(end + 1, BLANKS);
    if (*rest && *rest != ';' && *rest != '#')
        return err_set(err, ERR_INVALID, "something follows the section's name");
    return 0;
}

/* In fgets' place.  inih would take what is beyond its buffer's end for another line. */
static char *next_line(char *line, int size, void *data)
{
    struct reading *reading = data;
    const char *start;
    struct err err;

    if (!fgets(line, size, reading->file))
        return NULL;
    reading->line++;
    if (!strchr(line, '\n') && !feof(reading->file)) {
        err_set(&err, ERR_INVALID, "the line is longer than %d bytes, or holds a NUL byte", size - 2);
        wrong(reading, &err);
        return NULL;
    }
    start = line + (reading->line == 1 && strncmp(line, BOM, strlen(BOM)) == 0 ? strlen(BOM) : 0);
    if (*start == '[' && begin_section(reading, start + 1, &err) < 0)
        wrong(reading, &err);
    if (strchr(BLANKS, *start) && start[strspn(start, BLANKS)] == '[') { /* inih would add it to the key above */
        err_set(&err, ERR_INVALID, "a section's [ is not the first on its line");
        wrong(reading, &err);
    }
    return line;
}

static int find_guest_key(const char *name)
{
    for (int key = 0; key < GUEST_KEYS_MAX && policy_key((size_t)key); key++)
        if (strcmp(policy_key((size_t)key), name) == 0)
            return key;
    return -1;
}

static int take_key(struct reading *reading, const char *name, const char *value, struct err *err)
{
    bool guest = reading->section == SECTION_GUEST;
    int key = guest ? find_guest_key(name) : find_key(name);
    bool *seen = key < 0 ? NULL : guest ? &reading->seen_guest[key] : &reading->seen[key];

    if (seen && *seen)
        return err_set(err, ERR_INVALID, "%s is given twice (an indented line continues the one above)", name);
    if (seen)
        *seen = true;
    return guest ? policy_set(&reading->conf.policy, name, value, err) : conf_set(&reading->conf, name, value, err);
}

/* 0 is inih's word for an error. */
static int take(void *data, const char *section, const char *name, const char *value)
{
    struct reading *reading = data;
    struct err err;

    (void)section;
    if (reading->section == SECTION_UNKNOWN)
        return 1; /* that has been said */
    if (reading->section == SECTION_NONE)
        err_set(&err, ERR_INVALID, "%s stands before the first section", name);
    else if (take_key(reading, name, value ? value : "", &err) == 0)
        return 1;
    return wrong(reading, &err);
}

static int parse(struct reading *reading, const char *path, struct err *err)
{
    int line = ini_parse_stream(next_line, reading, take, reading);

    if (ferror(reading->file))
        return err_errno(err, "%s", path);
    if (line < 0)
        return err_set(err, ERR_IO, "%s: out of memory", path);
    if (line && (!reading->wrong_line || line < reading->wrong_line))
        return err_set(err, ERR_INVALID, "%s:%d: neither a section nor KEY = VALUE", path, line);
    if (reading->wrong_line)
        return err_set(err, ERR_INVALID, "%s:%d: %s", path, reading->wrong_line, reading->err.text);
    return 0;
}

int conf_read(struct conf *conf, const char *path, bool needed, struct err *err)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us waiting */
    _cleanup_(fclosep) FILE *file = NULL;
    struct reading reading = { .conf = *conf };

    if (fd < 0 && errno == ENOENT && !needed)
        return 0;
    if (fd < 0 || !(file = fdopen(fd, "r")))
        return err_errno(err, "%s", path);
    fd = -1; /* the stream's now */
    reading.file = file;
    if (parse(&reading, path, err) < 0)
        return -1;
    *conf = reading.conf;
    return 0;
}
