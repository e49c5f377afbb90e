/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapconf.h"

#include <ctype.h>
#include <errno.h>
#include <libxlutil.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "maps.h"

enum { FILE_MAX = 64 * 1024, KEYS = 7, KEY_CREATIONTIME = 2, KEY_DISK = 6 };

static const char *const keys[KEYS] = { "name", "description", "creationtime", "memory", "type", "quiesce", "disk" };

struct snapconf {
    const char *path;
    char *text;
    XLU_Config *config;
    FILE *report; /* what libxlutil has to say goes into a string */
    char *said;
    size_t said_size;
};

static void snapconf_end(struct snapconf *conf)
{
    if (conf->config)
        xlu_cfg_destroy(conf->config);
    if (conf->report)
        fclose(conf->report);
    free(conf->said);
    free(conf->text);
}

static int read_text(struct snapconf *conf, struct xensnap_error *error)
{
    _cleanup_(fclosep) FILE *file = fopen(conf->path, "re");
    size_t length;

    if (!file)
        return xensnap_error_set(error, XENSNAP_IO, "cannot open %s: %s", conf->path, strerror(errno));
    conf->text = calloc(1, FILE_MAX + 1);
    if (!conf->text)
        return xensnap_error_set(error, XENSNAP_IO, "out of memory");
    length = fread(conf->text, 1, FILE_MAX, file);
    if (ferror(file))
        return xensnap_error_set(error, XENSNAP_IO, "cannot read %s: %s", conf->path, strerror(errno));
    if (length == FILE_MAX || strlen(conf->text) != length)
        return xensnap_error_set(error, XENSNAP_INVALID, "%s is no configuration file: it is too large or not text",
                                 conf->path);
    return 0;
}

/* libxlutil's own words, which begin with the file and where it can with the line.  Only the first line: what follows
 * is advice about domain configurations. */
static int refused(struct snapconf *conf, struct xensnap_error *error)
{
    fflush(conf->report);
    if (!conf->said_size)
        return xensnap_error_set(error, XENSNAP_IO, "cannot read %s: out of memory", conf->path);
    return xensnap_error_set(error, XENSNAP_INVALID, "%.*s", (int)strcspn(conf->said, "\n"), conf->said);
}

static int parse(struct snapconf *conf, struct xensnap_error *error)
{
    conf->report = open_memstream(&conf->said, &conf->said_size);
    conf->config = conf->report ? xlu_cfg_init(conf->report, conf->path) : NULL;
    if (!conf->config)
        return xensnap_error_set(error, XENSNAP_IO, "out of memory");
    return xlu_cfg_readdata(conf->config, conf->text, (int)strlen(conf->text)) ? refused(conf, error) : 0;
}

/* ---- which keys there are, which libxlutil does not tell ----------------------------------------------- */

static const char *skip_string(const char *s)
{
    char quote = *s++;

    while (*s && *s != quote)
        s += s[0] == '\\' && s[1] ? 2 : 1;
    return *s ? s + 1 : s;
}

static int check_key(const struct snapconf *conf, int line, const char *word, size_t length, bool seen[KEYS],
                     struct xensnap_error *error)
{
    const char *behind = word + length + strspn(word + length, " \t");

    for (size_t i = 0; i < KEYS; i++) {
        if (strlen(keys[i]) != length || memcmp(keys[i], word, length) != 0)
            continue;
        if (seen[i] && *behind != '+')
            return xensnap_error_set(error, XENSNAP_INVALID, "%s:%d: %s is given twice", conf->path, line, keys[i]);
        seen[i] = true;
        return 0;
    }
    return xensnap_error_set(error, XENSNAP_INVALID,
                             "%s:%d: unknown key %.*s; there are name, description, memory, type, quiesce and disk",
                             conf->path, line, length > 40 ? 40 : (int)length, word);
}

/* The text has been parsed: what looks like a word outside of strings, lists and comments is a key. */
static int check_keys(const struct snapconf *conf, bool seen[KEYS], struct xensnap_error *error)
{
    int line = 1, depth = 0;

    for (const char *s = conf->text, *next; *s; s = next) {
        next = s + 1;
        if (*s == '\n') {
            line++;
        } else if (*s == '#') {
            next = s + strcspn(s, "\n");
        } else if (*s == '"' || *s == '\'') {
            next = skip_string(s);
        } else if (*s == '[' || *s == ']') {
            depth += *s == '[' ? 1 : -1;
        } else if (depth == 0 && (isalpha((unsigned char)*s) || *s == '_')) {
            while (isalnum((unsigned char)*next) || *next == '_')
                next++;
            if (check_key(conf, line, s, (size_t)(next - s), seen, error) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- disks --------------------------------------------------------------------------------------------- */

struct disk {
    char vdev[64];    /* what is cut there is no valid name, which is for the request's check to say */
    char value[2048]; /* as in the request's "disk-VDEV" */
};

static int bad_disk(const struct snapconf *conf, const char *spec, struct xensnap_error *error, const char *why)
{
    return xensnap_error_set(error, XENSNAP_INVALID, "%s: disk '%.80s': %s", conf->path, spec, why);
}

/* "hda=...", which xl-disk-configuration knows nothing of. */
static bool is_short(const char *spec)
{
    size_t length = strcspn(spec, "=,:");
    bool device = strncmp(spec, "xvd", 3) == 0 || strncmp(spec, "hd", 2) == 0 || strncmp(spec, "sd", 2) == 0 ||
                  isdigit((unsigned char)*spec) || (*spec == 'd' && isdigit((unsigned char)spec[1]));

    return device && spec[length] == '=';
}

/* "hda=PATH,type=qcow2", "hda=null", "hda=internal", "hda=external" */
static int read_short(const struct snapconf *conf, const char *spec, struct disk *disk, struct xensnap_error *error)
{
    const char *value = strchr(spec, '=') + 1;
    size_t length = strcspn(value, ",");
    const char *format = value[length] ? value + length + 1 : "type=qcow2";

    snprintf(disk->vdev, sizeof disk->vdev, "%.*s", (int)(value - 1 - spec), spec);
    if (strcmp(format, "type=qcow2") != 0 && strcmp(format, "format=qcow2") != 0)
        return bad_disk(conf, spec, error, "behind the path comes type=qcow2, the only format there is for overlays; "
                                         "for a path with a comma in it write format=qcow2,vdev=...,target=...");
    if (*value == '/')
        snprintf(disk->value, sizeof disk->value, "format=qcow2,target=%.*s", (int)length, value);
    else if (value[length])
        return bad_disk(conf, spec, error, "the path is to be absolute");
    else
        snprintf(disk->value, sizeof disk->value, "%s", strcmp(value, "null") == 0 ? "internal" : value);
    return 0;
}

static int take_xl_disk(const struct snapconf *conf, const char *spec, const libxl_device_disk *xl,
                        struct disk *disk, struct xensnap_error *error)
{
    bool more = !xl->readwrite || xl->is_cdrom || xl->script || xl->backend_domname ||
                xl->backend != LIBXL_DISK_BACKEND_UNKNOWN;

    snprintf(disk->vdev, sizeof disk->vdev, "%s", xl->vdev);
    if (more)
        return bad_disk(conf, spec, error,
                        "of a snapshot's disk there is to say format, vdev and target, nothing else");
    if (strcmp(xl->pdev_path, "null") == 0) {
        snprintf(disk->value, sizeof disk->value, "internal");
        return 0;
    }
    if (xl->format == LIBXL_DISK_FORMAT_RAW)
        return bad_disk(conf, spec, error, "the format is raw, as it is in xl where none is given; "
                                         "an overlay is made with format=qcow2");
    if (xl->format != LIBXL_DISK_FORMAT_QCOW2)
        return bad_disk(conf, spec, error, "an overlay is made with format=qcow2, the only format there is");
    snprintf(disk->value, sizeof disk->value, "format=qcow2,target=%s", xl->pdev_path);
    return 0;
}

static int read_disk(struct snapconf *conf, const char *spec, struct disk *disk, struct xensnap_error *error)
{
    libxl_device_disk xl;
    int result;

    if (is_short(spec))
        return read_short(conf, spec, disk, error);
    libxl_device_disk_init(&xl);
    result = xlu_disk_parse(conf->config, 1, &spec, &xl) ? refused(conf, error)
                                                          : take_xl_disk(conf, spec, &xl, disk, error);
    libxl_device_disk_dispose(&xl);
    return result;
}

static int add_disk(struct snapconf *conf, const char *spec, struct xensnap_map *settings,
                    struct xensnap_error *error)
{
    struct disk disk = { 0 };
    char key[sizeof disk.vdev + 8];

    if (!spec)
        return xensnap_error_set(error, XENSNAP_INVALID, "%s: disk is to be a list of strings", conf->path);
    if (read_disk(conf, spec, &disk, error) < 0)
        return -1;
    snprintf(key, sizeof key, "disk-%s", disk.vdev);
    if (xensnap_map_get(settings, key))
        return bad_disk(conf, spec, error, "the same disk stands there twice");
    map_put(settings, key, disk.value);
    return 0;
}

static int add_disks(struct snapconf *conf, struct xensnap_map *settings, struct xensnap_error *error)
{
    XLU_ConfigList *list;
    int count;

    if (xlu_cfg_get_list(conf->config, "disk", &list, &count, 0))
        return refused(conf, error);
    if (count == 0)
        return xensnap_error_set(error, XENSNAP_INVALID, "%s: disk names no disk; without it all disks are meant",
                                 conf->path);
    for (int i = 0; i < count; i++)
        if (add_disk(conf, xlu_cfg_get_listitem(list, i), settings, error) < 0)
            return -1;
    return 0;
}

static int add_string(struct snapconf *conf, const char *key, struct xensnap_map *settings,
                      struct xensnap_error *error)
{
    const char *value;

    if (xlu_cfg_get_string(conf->config, key, &value, 0))
        return refused(conf, error);
    map_put(settings, key, value);
    return 0;
}

static int read_conf(struct snapconf *conf, struct xensnap_map *settings, struct xensnap_error *error)
{
    bool seen[KEYS] = { false };

    if (read_text(conf, error) < 0 || parse(conf, error) < 0 || check_keys(conf, seen, error) < 0)
        return -1;
    for (int i = 0; i < KEY_DISK; i++)
        if (i == KEY_CREATIONTIME && seen[i])
            map_put(settings, keys[i], "ignored");
        else if (seen[i] && add_string(conf, keys[i], settings, error) < 0)
            return -1;
    return seen[KEY_DISK] ? add_disks(conf, settings, error) : 0;
}

int snapconf_read(const char *path, struct xensnap_map *settings, struct xensnap_error *error)
{
    _cleanup_(snapconf_end) struct snapconf conf = { .path = path };
    int result = read_conf(&conf, settings, error);

    /* messages quote the file */
    for (char *c = error->message; result < 0 && *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return result;
}
