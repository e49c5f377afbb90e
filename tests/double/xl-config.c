/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl.h's configurations. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "double.h"
#include "table.h"

static const char *const ends[] = { [XL_END_POWEROFF] = "poweroff", [XL_END_REBOOT] = "reboot",
                                    [XL_END_CRASH] = "crash", [XL_END_WATCHDOG] = "watchdog",
                                    [XL_END_SOFT_RESET] = "soft_reset" };

static bool parse_action(const char *line, struct xl_config *config)
{
    char word[12];
    int action;

    if (sscanf(line, "on %11s %d", word, &action) != 2)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] && strcmp(ends[i], word) == 0)
            config->actions[i] = action;
    return true;
}

static bool parse_disk(const char *line, struct xl_config *config)
{
    struct xl_disk *disk = &config->disks[config->count];
    char access[8];
    int length = 0;

    *disk = (struct xl_disk){ .qdisk = true };
    if (config->count == DISKS_MAX ||
        sscanf(line, "disk %15s %11s %7s %n", disk->vdev, disk->format, access, &length) != 3)
        return false;
    snprintf(disk->target, sizeof disk->target, "%s", line + length);
    disk->writable = strcmp(access, "rw") == 0;
    disk->cdrom = strcmp(access, "cdrom") == 0;
    config->count++;
    return true;
}

static const char *const needs[] = {
    [XL_NEED_KERNEL] = "kernel", [XL_NEED_RAMDISK] = "ramdisk", [XL_NEED_BOOTLOADER] = "bootloader",
    [XL_NEED_FIRMWARE] = "firmware", [XL_NEED_DEVICE_MODEL] = "device_model", [XL_NEED_SCRIPT] = "script",
    [XL_NEED_BRIDGE] = "bridge",
};

static bool parse_need(const char *line, struct xl_config *config)
{
    struct xl_need *need = &config->needs[config->need_count];
    char word[16];
    int length = 0;

    if (config->need_count == DOUBLE_NEEDS || sscanf(line, "need %15s %n", word, &length) != 1)
        return false;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (strcmp(needs[i], word) != 0)
            continue;
        *need = (struct xl_need){ .kind = (enum xl_need_kind)i };
        snprintf(need->name, sizeof need->name, "%s", line + length);
        snprintf(need->who, sizeof need->who, "%s", i >= XL_NEED_SCRIPT ? "vif 0" : "");
        config->need_count++;
        return true;
    }
    return false;
}

static bool parse_line(const char *line, struct xl_config *config)
{
    char kind[8];

    if (strncmp(line, "disk ", 5) == 0)
        return parse_disk(line, config);
    if (strncmp(line, "need ", 5) == 0)
        return parse_need(line, config);
    if (strncmp(line, "mark ", 5) == 0)
        return snprintf(config->mark, sizeof config->mark, "%s", line + 5) > 0;
    if (strncmp(line, "pool ", 5) == 0)
        return snprintf(config->pool, sizeof config->pool, "%s", line + 5) > 0;
    if (strncmp(line, "on ", 3) == 0)
        return parse_action(line, config);
    if (strncmp(line, "name ", 5) == 0)
        return snprintf(config->name, sizeof config->name, "%s", line + 5) > 0;
    if (sscanf(line, "kind %7s", kind) == 1) {
        config->hvm = strcmp(kind, "hvm") == 0;
        return true;
    }
    return sscanf(line, "uuid %36s", config->uuid) == 1 || sscanf(line, "memory %lld", &config->memory_kb) == 1;
}

int xl_config_parse(struct xl *xl, const char *json, struct xl_config **out, struct err *err)
{
    _cleanup_(freep) char *text = strdup(json);
    _cleanup_(xl_config_freep) struct xl_config *config = calloc(1, sizeof *config);
    char *rest = text;

    (void)xl;
    if (!text || !config)
        return err_set(err, ERR_IO, "out of memory");
    config->actions[XL_END_REBOOT] = XL_ACTION_RESTART;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line && !parse_line(line, config))
            return err_set(err, ERR_CORRUPT, "the stored configuration cannot be read by this libxl");
    if (!uuid_valid(config->uuid))
        return err_set(err, ERR_CORRUPT, "the stored configuration cannot be read by this libxl");
    *out = config;
    config = NULL;
    return 0;
}

char *xl_config_format(struct xl *xl, struct xl_config *config)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)xl;
    if (!f)
        return NULL;
    fprintf(f, "name %s\nuuid %s\nkind %s\nmemory %lld\n", config->name, config->uuid, config->hvm ? "hvm" : "pv",
            config->memory_kb);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i])
            fprintf(f, "on %s %d\n", ends[i], config->actions[i]);
    if (*config->pool)
        fprintf(f, "pool %s\n", config->pool);
    if (*config->mark)
        fprintf(f, "mark %s\n", config->mark);
    for (size_t i = 0; i < config->need_count; i++)
        fprintf(f, "need %s %s\n", needs[config->needs[i].kind], config->needs[i].name);
    for (size_t i = 0; i < config->count; i++) {
        const struct xl_disk *disk = &config->disks[i];

        fprintf(f, "disk %s %s %s %s\n", disk->vdev, disk->format,
                disk->cdrom ? "cdrom" : disk->writable ? "rw" : "ro", disk->target);
    }
    fclose(f);
    return text;
}

struct xl_config *xl_config_free(struct xl_config *config)
{
    free(config);
    return NULL;
}

int xl_config_read(struct xl *xl, unsigned domid, struct xl_config **out, struct err *err)
{
    struct guest guest;

    (void)xl;
    *out = table_read(domid, &guest) ? double_stored(domid) : NULL;
    return *out ? 0 : err_set(err, ERR_XEN, "reading the domain's configuration failed (double)");
}

const char *xl_config_name(const struct xl_config *config)
{
    return config->name;
}

/* What is refused here is a matter of real configurations. */
int xl_config_check(struct xl *xl, unsigned domid, const struct xl_config *config, struct xl_intent intent,
                    struct err *err)
{
    (void)xl, (void)domid, (void)config, (void)intent, (void)err;
    return 0;
}

size_t xl_config_disks(const struct xl_config *config, struct xl_disk *disks, size_t size)
{
    size_t count = config->count < size ? config->count : size;

    memcpy(disks, config->disks, count * sizeof *disks);
    return count;
}

void xl_config_set_disk(struct xl_config *config, const char *vdev, const char *path, const char *format)
{
    for (size_t i = 0; i < config->count; i++) {
        struct xl_disk *disk = &config->disks[i];

        if (strcmp(disk->vdev, vdev) != 0)
            continue;
        snprintf(disk->target, sizeof disk->target, "%s", path);
        snprintf(disk->format, sizeof disk->format, "%s", format);
    }
}

int xl_config_store_disk(struct xl *xl, unsigned domid, const char *vdev, const char *path, const char *format,
                         struct err *err)
{
    _cleanup_(xl_config_freep) struct xl_config *config = double_stored(domid);
    struct guest guest;

    (void)xl;
    if (!table_read(domid, &guest))
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    if (!config)
        return err_set(err, ERR_XEN, "libxl has no stored configuration of the domain");
    xl_config_set_disk(config, vdev, path, format);
    return double_store(domid, config, err);
}

void xl_config_set_mark(struct xl_config *config, const char *mark)
{
    snprintf(config->mark, sizeof config->mark, "%s", mark);
}

char *xl_config_disk_line(const struct xl_config *config)
{
    char *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);

    if (!f)
        return NULL;
    fputs("disk = [ ", f);
    for (size_t i = 0; i < config->count; i++)
        fprintf(f, "%s\"vdev=%s,access=%s,format=%s,target=%s\"", i ? ", " : "", config->disks[i].vdev,
                config->disks[i].writable ? "rw" : "ro", config->disks[i].format, config->disks[i].target);
    fputs(" ]\n", f);
    fclose(f);
    return line;
}

enum xl_action xl_config_action(const struct xl_config *config, enum xl_end end)
{
    return (enum xl_action)config->actions[end];
}

int xl_config_need_memory(struct xl *xl, const struct xl_config *config, long long *kb, struct err *err)
{
    (void)xl, (void)err;
    *kb = config->memory_kb;
    return 0;
}

int xl_free_memory(struct xl *xl, long long *kb, struct err *err)
{
    struct guest guests[GUESTS_MAX];
    size_t count = table_list(guests);
    long long used = 0;

    (void)xl, (void)err;
    for (size_t i = 0; i < count; i++)
        used += guests[i].memory_kb;
    *kb = double_setting("free-kb", (4LL << 20) - used);
    return 0;
}
