/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences about domains that come, stand still and go. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "savefile.h"
#include "sentences.h"

enum { GONE_SECONDS = 30 };

/* ---- creating ---------------------------------------------------------------------------------------------------- */

bool create_paused(struct stage *s)
{
    _cleanup_(freep) char *name = stage_node(s, s->domid, "name"), *vm = stage_node(s, s->domid, "vm");
    struct xl_domain domain;

    MUST(xl_look(s->xl, s->domid, &domain, &s->err) == 0 && domain.life == XL_PAUSED && domain.hvm == s->hvm);
    MUST(strcmp(domain.uuid, s->uuid) == 0 && domain.memory_kb > 0 && xl_is_built(s->xl, s->domid));
    MUST(name && strcmp(name, xl_config_name(s->config)) == 0 && vm && strcmp(vm + 4, s->uuid) == 0);
    MUST(stage_qemus(s) == 1 && stage_qemu_runs(s));
    return true;
}

bool create_name_taken(struct stage *s)
{
    unsigned there = s->domid;
    struct xl_domain domain;

    MUST(!stage_create(s) && s->err.code == ERR_XEN);
    s->domid = there;
    MUST(xl_find(s->xl, s->uuid, &domain, &s->err) == 1 && domain.domid == there && domain.life == XL_PAUSED);
    MUST(xl_is_built(s->xl, there) && stage_qemu_runs(s));
    return true;
}

static bool none_left(struct stage *s)
{
    struct xl_domain domain;
    long long deadline = clock_ms() + GONE_SECONDS * 1000;

    while (xl_find(s->xl, s->uuid, &domain, &s->err) > 0)
        if (clock_ms() > deadline || xl_let_pass(s->xl, 50, &s->err) < 0)
            return false;
    return stage_qemus(s) == 0;
}

bool create_no_image(struct stage *s)
{
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(s);
    unsigned domid;

    xl_config_set_disk(config, s->disk.vdev, "/nonexistent/image.qcow2", "qcow2");
    if (s->hvm) {
        REFUSES(ERR_XEN, xl_create(s->xl, config, &domid, &s->err));
        MUST(none_left(s));
        return true;
    }
    MUST(xl_create(s->xl, config, &s->domid, &s->err) == 0);
    MUST(stage_life(s) == XL_PAUSED && xl_is_built(s->xl, s->domid) && stage_qemu_runs(s) && !stage_snapshot(s));
    return true;
}

/* A new domain is there, and libxl has not finished it. */
static bool is_half(struct stage *s)
{
    struct xl_domain domain;

    if (xl_find(s->xl, s->uuid, &domain, &s->err) < 1 || domain.life == XL_DYING)
        return false;
    s->domid = domain.domid;
    return true;
}

static bool leaves_half(struct stage *s, const char *verb, const char *file)
{
    struct xl_domain domain;

    MUST(stage_kill(s, verb, file, is_half));
    MUST(xl_look(s->xl, s->domid, &domain, &s->err) == 0 && domain.life == XL_PAUSED && !xl_is_built(s->xl, s->domid));
    MUST(xl_destroy(s->xl, s->domid, &s->err) == 0);
    MUST(stage_gone(s, s->domid, GONE_SECONDS));
    MUST(stage_qemus(s) == 0);
    return true;
}

bool create_killed(struct stage *s)
{
    return leaves_half(s, "create", "-");
}

/* ---- pausing ----------------------------------------------------------------------------------------------------- */

bool pause_counts(struct stage *s)
{
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

bool pause_not_qemu(struct stage *s)
{
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0);
    MUST(stage_qemu_runs(s) && stage_snapshot(s));
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0);
    return true;
}

bool unpause_running(struct stage *s)
{
    REFUSES(ERR_XEN, xl_unpause(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_RUNNING);
    return true;
}

bool resume_running(struct stage *s)
{
    REFUSES(ERR_XEN, xl_resume(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_RUNNING && stage_qemu_runs(s));
    return true;
}

bool end_times_out(struct stage *s)
{
    long long began = clock_ms();
    enum xl_end end;

    MUST(xl_wait_end(s->xl, s->domid, 1, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
    MUST(clock_ms() - began >= 1000);
    return true;
}

/* ---- destroying -------------------------------------------------------------------------------------------------- */

bool destroy_whole(struct stage *s)
{
    unsigned old = s->domid;
    char *name;

    MUST(xl_destroy(s->xl, old, &s->err) == 0 && stage_life(s) == XL_DYING && !xl_is_built(s->xl, old));
    name = stage_node(s, old, "name");
    free(name);
    MUST(!name);
    MUST(!stage_qemu_runs(s) && s->err.code == ERR_NOT_FOUND);
    MUST(stage_gone(s, old, GONE_SECONDS) && stage_qemus(s) == 0);
    REFUSES(ERR_DOMAIN_GONE, xl_destroy(s->xl, old, &s->err));
    return true;
}

static bool qemu_ends(struct stage *s)
{
    long long deadline = clock_ms() + GONE_SECONDS * 1000;

    while (stage_qemus(s) > 0)
        if (clock_ms() > deadline || xl_let_pass(s->xl, 20, &s->err) < 0)
            return false;
    return true;
}

bool destroy_before_qemu(struct stage *s)
{
    unsigned old = s->domid;

    MUST(stage_qemus(s) == 1);
    MUST(xl_destroy(s->xl, old, &s->err) == 0 && qemu_ends(s));
    MUST(stage_gone(s, old, GONE_SECONDS));
    return true;
}

bool destroy_frees_name(struct stage *s)
{
    unsigned old = s->domid;
    struct xl_domain domain;

    MUST(xl_destroy(s->xl, old, &s->err) == 0 && qemu_ends(s));
    MUST(stage_create(s) && s->domid != old);
    MUST(xl_find(s->xl, s->uuid, &domain, &s->err) == 1 && domain.domid == s->domid && domain.life == XL_PAUSED);
    MUST(stage_gone(s, old, GONE_SECONDS));
    return true;
}

static bool is_being_destroyed(struct stage *s)
{
    return stage_life(s) != XL_RUNNING;
}

bool destroy_killed(struct stage *s)
{
    unsigned old = s->domid;
    enum xl_life life;

    MUST(stage_kill(s, "destroy", "-", is_being_destroyed));
    life = stage_life(s);
    MUST(life == XL_PAUSED || life == XL_DYING);
    /* what the first one had begun may end meanwhile */
    MUST(xl_destroy(s->xl, old, &s->err) == 0 || s->err.code == ERR_DOMAIN_GONE || s->err.code == ERR_XEN);
    MUST(stage_gone(s, old, GONE_SECONDS) && stage_qemus(s) == 0);
    MUST(stage_create(s));
    return true;
}

bool end_destroyed(struct stage *s)
{
    enum xl_end end;

    MUST(xl_destroy(s->xl, s->domid, &s->err) == 0);
    MUST(xl_wait_end(s->xl, s->domid, 10, &end, &s->err) == 0 && end == XL_END_DESTROYED);
    return true;
}

bool end_poweroff(struct stage *s)
{
    enum xl_end end;

    MUST(stage_guest_does(s, "poweroff"));
    MUST(xl_wait_end(s->xl, s->domid, 120, &end, &s->err) == 0 && end == XL_END_POWEROFF);
    MUST(stage_life(s) == XL_SHUT_DOWN && xl_is_built(s->xl, s->domid) && stage_qemus(s) == 1);
    REFUSES(ERR_XEN, xl_resume(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_SHUT_DOWN);
    return true;
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

/* Saves the domain to PATH, and destroys it. */
static bool save_away(struct stage *s, int fd)
{
    struct xl_saved saved;

    return stage_save(s, fd, XL_SAVE_STOPPED, &saved) && xl_destroy(s->xl, s->domid, &s->err) == 0 &&
           stage_gone(s, s->domid, GONE_SECONDS) && savefile_skip_header(fd, &s->err) == 0;
}

bool restore_whole(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(s);
    struct xl_saved saved;
    unsigned old = s->domid;

    unlink(path);
    MUST(save_away(s, fd));
    MUST(xl_restore(s->xl, config, fd, &s->domid, &s->err) == 0 && s->domid != old);
    MUST(create_paused(s));
    s->awake = s->domid;
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    MUST(stage_snapshot(s) && stage_guest_up(s) && stage_save(s, fd, XL_SAVE_STOPPED, &saved));
    return true;
}

bool restore_cut(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(s);
    unsigned domid;

    unlink(path);
    MUST(save_away(s, fd));
    MUST(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4096) == 0 && savefile_skip_header(fd, &s->err) == 0);
    REFUSES(ERR_XEN, xl_restore(s->xl, config, fd, &domid, &s->err));
    MUST(none_left(s));
    return true;
}

bool restore_garbage(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    _cleanup_(freep) char *text = xl_config_format(s->xl, s->config);
    bool written = fd >= 0 && text && savefile_write_header(fd, text, &s->err) == 0 &&
                   write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    bool failed = written && stage_fails(s, "restore", path);

    unlink(path);
    MUST(failed);
    if (is_half(s)) {
        MUST(stage_life(s) == XL_PAUSED && !xl_is_built(s->xl, s->domid));
        MUST(xl_destroy(s->xl, s->domid, &s->err) == 0);
    }
    MUST(none_left(s));
    return true;
}

bool restore_killed(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    bool ready = save_away(s, fd), half = ready && leaves_half(s, "restore", path);

    unlink(path);
    MUST(ready);
    return half;
}
