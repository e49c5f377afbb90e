/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of libxl, where there is no hypervisor: xl.h over a few files in $XL_DOUBLE.
 *   domain  "DOMID UUID LIFE", LIFE being a number of enum xl_life; no file, no domain
 *   disks   "VDEV FORMAT IMAGE" a line
 *   hang    while it is there, a save does not end unless it is cancelled
 * Restoring is not doubled: that is for the emulated machine. */

#include "xl.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"

struct xl {
    struct control *control;
    char path[512];
};

struct xl_config {
    struct xl_disk disks[DISKS_MAX];
    size_t count;
};

static const char *file(struct xl *xl, const char *name)
{
    snprintf(xl->path, sizeof xl->path, "%s/%s", getenv("XL_DOUBLE"), name);
    return xl->path;
}

static bool read_domain(struct xl *xl, struct xl_domain *domain)
{
    _cleanup_(fclosep) FILE *f = fopen(file(xl, "domain"), "re");
    int life;

    *domain = (struct xl_domain){ .memory_kb = 1024 };
    if (!f || fscanf(f, "%u %36s %d", &domain->domid, domain->uuid, &life) != 3)
        return false;
    domain->life = (enum xl_life)life;
    return true;
}

static int set_life(struct xl *xl, enum xl_life life, struct err *err)
{
    struct xl_domain domain;
    _cleanup_(fclosep) FILE *f = NULL;

    if (!read_domain(xl, &domain))
        return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
    f = fopen(file(xl, "domain"), "we");
    return !f || fprintf(f, "%u %s %d\n", domain.domid, domain.uuid, life) < 0 ? err_errno(err, "domain") : 0;
}

int xl_open(struct xl **out, struct control *control, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(err, ERR_IO, "out of memory");
    (*out)->control = control;
    return 0;
}

struct xl *xl_close(struct xl *xl)
{
    free(xl);
    return NULL;
}

const char *xl_version(const struct xl *xl)
{
    (void)xl;
    return "double";
}

bool xl_daemon_ends_at_suspend(const struct xl *xl)
{
    (void)xl;
    return false;
}

int xl_look(struct xl *xl, unsigned domid, struct xl_domain *domain, struct err *err)
{
    if (read_domain(xl, domain) && domain->domid == domid)
        return 0;
    return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
}

int xl_find(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err)
{
    (void)err;
    return read_domain(xl, domain) && strcmp(domain->uuid, uuid) == 0;
}

bool xl_is_built(struct xl *xl, unsigned domid)
{
    (void)xl, (void)domid;
    return true;
}

int xl_find_settled(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err)
{
    return xl_find(xl, uuid, domain, err);
}

int xl_let_pass(struct xl *xl, int ms, struct err *err)
{
    (void)xl, (void)err;
    poll(NULL, 0, ms);
    return 0;
}

int xl_pause(struct xl *xl, unsigned domid, struct err *err)
{
    (void)domid;
    return set_life(xl, XL_PAUSED, err);
}

int xl_unpause(struct xl *xl, unsigned domid, struct err *err)
{
    (void)domid;
    return set_life(xl, XL_RUNNING, err);
}

int xl_resume(struct xl *xl, unsigned domid, struct err *err)
{
    (void)domid;
    return set_life(xl, XL_RUNNING, err);
}

int xl_destroy(struct xl *xl, unsigned domid, struct err *err)
{
    (void)xl, (void)domid;
    return err_set(err, ERR_XEN, "not doubled");
}

int xl_wait_end(struct xl *xl, unsigned domid, int seconds, enum xl_end *end, struct err *err)
{
    (void)xl, (void)domid, (void)seconds, (void)err;
    *end = XL_END_TIMEOUT;
    return 0;
}

/* A line for each disk: VDEV FORMAT IMAGE. */
static void parse_disks(FILE *f, struct xl_config *config)
{
    while (f && config->count < DISKS_MAX) {
        struct xl_disk *disk = &config->disks[config->count];

        *disk = (struct xl_disk){ .qdisk = true, .writable = true };
        if (fscanf(f, "%15s %11s %959s", disk->vdev, disk->format, disk->target) != 3)
            break;
        config->count++;
    }
}

int xl_config_read(struct xl *xl, unsigned domid, struct xl_config **out, struct err *err)
{
    _cleanup_(fclosep) FILE *f = fopen(file(xl, "disks"), "re");

    (void)domid;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(err, ERR_IO, "out of memory");
    parse_disks(f, *out);
    return 0;
}

int xl_config_parse(struct xl *xl, const char *json, struct xl_config **out, struct err *err)
{
    _cleanup_(fclosep) FILE *f = fmemopen((void *)json, strlen(json), "r");

    (void)xl;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(err, ERR_IO, "out of memory");
    parse_disks(f, *out);
    return 0;
}

struct xl_config *xl_config_free(struct xl_config *config)
{
    free(config);
    return NULL;
}

char *xl_config_format(struct xl *xl, struct xl_config *config)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)xl;
    for (size_t i = 0; i < config->count; i++)
        fprintf(f, "%s %s %s\n", config->disks[i].vdev, config->disks[i].format, config->disks[i].target);
    fclose(f);
    return text;
}

char *xl_config_disk_line(const struct xl_config *config)
{
    return xl_config_format(NULL, (struct xl_config *)config);
}

void xl_config_set_disk(struct xl_config *config, const char *vdev, const char *path, const char *format)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->disks[i].vdev, vdev) == 0) {
            snprintf(config->disks[i].target, sizeof config->disks[i].target, "%s", path);
            snprintf(config->disks[i].format, sizeof config->disks[i].format, "%s", format);
        }
}

int xl_config_store_disk(struct xl *xl, unsigned domid, const char *vdev, const char *path, const char *format,
                         struct err *err)
{
    struct xl_config *config;
    _cleanup_(freep) char *text = NULL;
    _cleanup_(fclosep) FILE *f = NULL;

    if (xl_config_read(xl, domid, &config, err) < 0)
        return -1;
    xl_config_set_disk(config, vdev, path, format);
    text = xl_config_format(xl, config);
    xl_config_free(config);
    f = fopen(file(xl, "disks"), "we");
    return f && fputs(text, f) >= 0 ? 0 : err_errno(err, "disks");
}

const char *xl_config_name(const struct xl_config *config)
{
    (void)config;
    return "double";
}

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

int xl_config_need_memory(struct xl *xl, const struct xl_config *config, long long *kb, struct err *err)
{
    (void)xl, (void)config, (void)err;
    *kb = 0;
    return 0;
}

int xl_free_memory(struct xl *xl, long long *kb, struct err *err)
{
    (void)xl, (void)err;
    *kb = 1;
    return 0;
}

static int hang(struct xl *xl, struct err *err)
{
    while (access(file(xl, "hang"), F_OK) == 0) {
        struct pollfd pollfd = { .fd = control_fd(xl->control), .events = POLLIN };

        if (poll(&pollfd, 1, 100) > 0)
            control_read(xl->control);
        if (control_cancelled(xl->control))
            return err_set(err, ERR_CANCELLED, "cancelled while saving the memory");
    }
    return 0;
}

int xl_save(struct xl *xl, unsigned domid, int fd, enum xl_save_kind kind, struct xl_saved *saved, struct err *err)
{
    static const char memory[4096] = "memory";

    (void)domid, (void)kind;
    *saved = (struct xl_saved){ .sent_pages = true };
    if (hang(xl, err) < 0)
        return -1;
    for (int i = 0; i < 256; i++)
        if (write(fd, memory, sizeof memory) != sizeof memory)
            return err_errno(err, "cannot write the memory image");
    saved->suspended_ms = clock_ms();
    return set_life(xl, XL_SUSPENDED, err);
}

int xl_restore(struct xl *xl, struct xl_config *config, int fd, unsigned *domid, struct err *err)
{
    (void)xl, (void)config, (void)fd, (void)domid;
    return err_set(err, ERR_XEN, "not doubled");
}

int xl_create(struct xl *xl, struct xl_config *config, unsigned *domid, struct err *err)
{
    (void)xl, (void)config, (void)domid;
    return err_set(err, ERR_XEN, "not doubled");
}
