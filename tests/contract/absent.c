/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences about domains that are not there, and about configurations. */

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "sentences.h"

enum { NO_DOMID = 32001 };

/* ---- a domain that is not there ---------------------------------------------------------------------------------- */

bool absent_look(struct stage *s)
{
    struct xl_domain domain;

    REFUSES(ERR_DOMAIN_GONE, xl_look(s->xl, NO_DOMID, &domain, &s->err));
    MUST(xl_find(s->xl, "00000000-1111-4222-8333-444444444444", &domain, &s->err) == 0);
    MUST(!xl_is_built(s->xl, NO_DOMID));
    return true;
}

bool absent_pause(struct stage *s)
{
    REFUSES(ERR_XEN, xl_pause(s->xl, NO_DOMID, &s->err));
    REFUSES(ERR_XEN, xl_unpause(s->xl, NO_DOMID, &s->err));
    return true;
}

bool absent_resume(struct stage *s)
{
    REFUSES(ERR_XEN, xl_resume(s->xl, NO_DOMID, &s->err));
    REFUSES(ERR_XEN, xl_resume(s->xl, ~0u, &s->err));
    return true;
}

bool absent_destroy(struct stage *s)
{
    REFUSES(ERR_DOMAIN_GONE, xl_destroy(s->xl, NO_DOMID, &s->err));
    return true;
}

bool absent_config(struct stage *s)
{
    struct xl_config *config = NULL;

    REFUSES(ERR_XEN, xl_config_read(s->xl, NO_DOMID, &config, &s->err));
    REFUSES(ERR_DOMAIN_GONE, xl_config_store_disk(s->xl, NO_DOMID, "xvda", "/nonexistent", "qcow2", &s->err));
    return true;
}

bool absent_save(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    REFUSES(ERR_XEN, xl_save(s->xl, NO_DOMID, fd, XL_SAVE_STOPPED, &saved, &s->err));
    MUST(!saved.sent_pages && !saved.suspended_ms);
    return true;
}

bool absent_end(struct stage *s)
{
    enum xl_end end;

    MUST(xl_wait_end(s->xl, NO_DOMID, 10, &end, &s->err) == 0 && end == XL_END_DESTROYED);
    return true;
}

/* ---- configurations ---------------------------------------------------------------------------------------------- */

bool config_round_trip(struct stage *s)
{
    _cleanup_(xl_config_freep) struct xl_config *copy = stage_config(s);
    struct xl_disk disk, one;

    MUST(copy && strcmp(xl_config_name(copy), xl_config_name(s->config)) == 0);
    MUST(xl_config_disks(copy, &disk, 1) == 1 && xl_config_disks(s->config, &one, 1) == 1);
    MUST(strcmp(disk.vdev, one.vdev) == 0 && strcmp(disk.target, one.target) == 0 && disk.writable == one.writable);
    xl_config_set_disk(copy, s->disk.vdev, "/a b/c.img", "raw");
    xl_config_set_disk(copy, "xvdz", "/nowhere", "raw");
    MUST(xl_config_disks(copy, &disk, 1) == 1 && strcmp(disk.target, "/a b/c.img") == 0 &&
         strcmp(disk.format, "raw") == 0);
    return true;
}

bool config_garbage(struct stage *s)
{
    struct xl_config *config;

    REFUSES(ERR_CORRUPT, xl_config_parse(s->xl, "{ this is none", &config, &s->err));
    return true;
}

bool config_actions(struct stage *s)
{
    MUST(xl_config_action(s->config, XL_END_POWEROFF) == XL_ACTION_DESTROY);
    MUST(xl_config_action(s->config, XL_END_REBOOT) == XL_ACTION_RESTART);
    return true;
}

bool config_line(struct stage *s)
{
    _cleanup_(freep) char *line = xl_config_disk_line(s->config);

    MUST(line && strncmp(line, "disk = [ ", 9) == 0 && strstr(line, s->disk.vdev) && strstr(line, s->disk.target));
    return true;
}

bool config_check(struct stage *s)
{
    for (int i = 0; i < 4; i++) {
        struct xl_intent intent = { .memory = i & 1, .switches = i & 2 };

        MUST(xl_config_check(s->xl, s->domid, s->config, intent, &s->err) == 0);
    }
    return true;
}

bool config_memory(struct stage *s)
{
    long long need = 0, have = 0;

    MUST(xl_config_need_memory(s->xl, s->config, &need, &s->err) == 0 && need > 0);
    MUST(xl_free_memory(s->xl, &have, &s->err) == 0 && have > 0);
    return true;
}

bool config_store(struct stage *s)
{
    _cleanup_(xl_config_freep) struct xl_config *config = NULL;
    struct xl_disk disk;

    MUST(xl_config_store_disk(s->xl, s->domid, s->disk.vdev, "/elsewhere.qcow2", "qcow2", &s->err) == 0);
    MUST(xl_config_store_disk(s->xl, s->domid, "xvdz", "/nowhere", "qcow2", &s->err) == 0);
    MUST(xl_config_read(s->xl, s->domid, &config, &s->err) == 0 && xl_config_disks(config, &disk, 1) == 1);
    MUST(strcmp(disk.target, "/elsewhere.qcow2") == 0);
    MUST(xl_config_store_disk(s->xl, s->domid, s->disk.vdev, s->disk.target, s->disk.format, &s->err) == 0);
    MUST(stage_qemus(s) == 1);
    return true;
}
