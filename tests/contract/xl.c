/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xl.h promises, as a table of sentences: what is true after each call, also when whoever makes it is killed in its
 * middle.  This program is linked with the double and with libxl, and runs against both; so the double is not wrong
 * where libxl is right, or right where libxl is not.  What a guest's memory holds is not here: only Xen tells.
 *   xl DOMID GUEST    the VM of that domain is destroyed and built anew many times; GUEST is a program: "GUEST poweroff
 *                     DOMID" makes the guest do that */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "savefile.h"
#include "stage.h"
#include "xenstore.h"

enum { NO_DOMID = 32001, GONE_SECONDS = 30 };

#define MUST(condition)                                                                                         \
    do {                                                                                                        \
        if (!(condition)) {                                                                                     \
            snprintf(s->why, sizeof s->why, "line %d: %s; the last error is %s: %s", __LINE__, #condition,      \
                     err_word(s->err.code), s->err.text);                                                       \
            return false;                                                                                       \
        }                                                                                                       \
    } while (0)

/* The call fails with that. */
#define REFUSES(error, call) MUST((call) < 0 && s->err.code == (error))

/* ---- a domain that is not there ------------------------------------------------------------------------- */

static bool absent_look(struct stage *s)
{
    struct xl_domain domain;

    REFUSES(ERR_DOMAIN_GONE, xl_look(s->xl, NO_DOMID, &domain, &s->err));
    MUST(xl_find(s->xl, "00000000-1111-4222-8333-444444444444", &domain, &s->err) == 0);
    MUST(!xl_is_built(s->xl, NO_DOMID));
    return true;
}

static bool absent_pause(struct stage *s)
{
    REFUSES(ERR_XEN, xl_pause(s->xl, NO_DOMID, &s->err));
    REFUSES(ERR_XEN, xl_unpause(s->xl, NO_DOMID, &s->err));
    return true;
}

static bool absent_resume(struct stage *s)
{
    REFUSES(ERR_XEN, xl_resume(s->xl, NO_DOMID, &s->err));
    REFUSES(ERR_XEN, xl_resume(s->xl, ~0u, &s->err));
    return true;
}

static bool absent_destroy(struct stage *s)
{
    REFUSES(ERR_DOMAIN_GONE, xl_destroy(s->xl, NO_DOMID, &s->err));
    return true;
}

static bool absent_config(struct stage *s)
{
    struct xl_config *config = NULL;

    REFUSES(ERR_DOMAIN_GONE, xl_config_read(s->xl, NO_DOMID, &config, &s->err));
    REFUSES(ERR_XEN, xl_config_store_disk(s->xl, NO_DOMID, "xvda", "/nonexistent", "qcow2", &s->err));
    return true;
}

static bool absent_save(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    REFUSES(ERR_XEN, xl_save(s->xl, NO_DOMID, fd, XL_SAVE_STOPPED, &saved, &s->err));
    MUST(!saved.sent_pages && !saved.suspended_ms);
    return true;
}

static bool absent_end(struct stage *s)
{
    enum xl_end end;

    MUST(xl_wait_end(s->xl, NO_DOMID, 10, &end, &s->err) == 0 && end == XL_END_DESTROYED);
    return true;
}

/* ---- configurations ------------------------------------------------------------------------------------- */

static bool config_round_trip(struct stage *s)
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

static bool config_garbage(struct stage *s)
{
    struct xl_config *config;

    REFUSES(ERR_CORRUPT, xl_config_parse(s->xl, "{ this is none", &config, &s->err));
    return true;
}

static bool config_actions(struct stage *s)
{
    MUST(xl_config_action(s->config, XL_END_POWEROFF) == XL_ACTION_DESTROY);
    MUST(xl_config_action(s->config, XL_END_REBOOT) == XL_ACTION_RESTART);
    return true;
}

static bool config_line(struct stage *s)
{
    _cleanup_(freep) char *line = xl_config_disk_line(s->config);

    MUST(line && strncmp(line, "disk = [ ", 9) == 0 && strstr(line, s->disk.vdev) && strstr(line, s->disk.target));
    return true;
}

static bool config_check(struct stage *s)
{
    for (int i = 0; i < 4; i++) {
        struct xl_intent intent = { .memory = i & 1, .switches = i & 2 };

        MUST(xl_config_check(s->xl, s->domid, s->config, intent, &s->err) == 0);
    }
    return true;
}

static bool config_memory(struct stage *s)
{
    long long need = 0, have = 0;

    MUST(xl_config_need_memory(s->xl, s->config, &need, &s->err) == 0 && need > 0);
    MUST(xl_free_memory(s->xl, &have, &s->err) == 0 && have > 0);
    return true;
}

static bool config_store(struct stage *s)
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

/* ---- creating ------------------------------------------------------------------------------------------- */

static bool create_paused(struct stage *s)
{
    _cleanup_(freep) char *name = stage_node(s, s->domid, "name"), *vm = stage_node(s, s->domid, "vm");
    struct xl_domain domain;

    MUST(xl_look(s->xl, s->domid, &domain, &s->err) == 0 && domain.life == XL_PAUSED && domain.hvm == s->hvm);
    MUST(strcmp(domain.uuid, s->uuid) == 0 && domain.memory_kb > 0 && xl_is_built(s->xl, s->domid));
    MUST(name && strcmp(name, xl_config_name(s->config)) == 0 && vm && strcmp(vm + 4, s->uuid) == 0);
    MUST(stage_qemus(s) == 1 && stage_qemu_runs(s));
    return true;
}

static bool create_name_taken(struct stage *s)
{
    unsigned there = s->domid;
    struct xl_domain domain;

    MUST(!stage_create(s) && s->err.code == ERR_XEN);
    s->domid = there;
    MUST(xl_find(s->xl, s->uuid, &domain, &s->err) == 1 && domain.domid == there && domain.life == XL_PAUSED);
    MUST(xl_is_built(s->xl, there) && stage_qemu_runs(s));
    return true;
}

static bool create_no_image(struct stage *s)
{
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(s);
    struct xl_domain domain;
    long long deadline;
    unsigned domid;

    xl_config_set_disk(config, s->disk.vdev, "/nonexistent/image.qcow2", "qcow2");
    REFUSES(ERR_XEN, xl_create(s->xl, config, &domid, &s->err));
    for (deadline = clock_ms() + GONE_SECONDS * 1000; xl_find(s->xl, s->uuid, &domain, &s->err) > 0;)
        MUST(clock_ms() < deadline && xl_let_pass(s->xl, 50, &s->err) == 0);
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

static bool create_killed(struct stage *s)
{
    return leaves_half(s, "create", "-");
}

/* ---- pausing -------------------------------------------------------------------------------------------- */

static bool pause_counts(struct stage *s)
{
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

static bool pause_not_qemu(struct stage *s)
{
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0);
    MUST(stage_qemu_runs(s) && stage_snapshot(s));
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0);
    return true;
}

static bool unpause_running(struct stage *s)
{
    REFUSES(ERR_XEN, xl_unpause(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_RUNNING);
    return true;
}

static bool resume_running(struct stage *s)
{
    REFUSES(ERR_XEN, xl_resume(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_RUNNING && stage_qemu_runs(s));
    return true;
}

static bool end_times_out(struct stage *s)
{
    long long began = clock_ms();
    enum xl_end end;

    MUST(xl_wait_end(s->xl, s->domid, 2, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
    MUST(clock_ms() - began >= 2000);
    return true;
}

/* ---- saving --------------------------------------------------------------------------------------------- */

static bool save_stopped(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved) && saved.sent_pages && saved.suspended_ms);
    MUST(stage_life(s) == XL_SUSPENDED && xl_is_built(s->xl, s->domid));
    MUST(stage_qemu_runs(s) == !s->hvm);
    MUST(stage_snapshot(s));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING && stage_qemu_runs(s));
    return true;
}

/* "Images inactive". */
static bool save_live(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    if (!s->hvm) {
        MUST(!stage_save(s, fd, XL_SAVE_LIVE, &saved) && s->err.code == ERR_XEN);
        MUST(!saved.sent_pages && !saved.suspended_ms && stage_life(s) == XL_RUNNING);
        return true;
    }
    MUST(stage_save(s, fd, XL_SAVE_LIVE, &saved) && stage_life(s) == XL_SUSPENDED);
    MUST(!stage_snapshot(s) && s->err.code == ERR_QEMU);
    MUST(stage_qemu_goes_on(s) && stage_life(s) == XL_SUSPENDED && stage_snapshot(s));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

static bool save_live_resumed(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, s->hvm ? XL_SAVE_LIVE : XL_SAVE_STOPPED, &saved));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_qemu_runs(s) && stage_snapshot(s));
    return true;
}

static bool save_paused_meanwhile(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved));
    MUST(xl_pause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_SUSPENDED);
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_PAUSED);
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    return true;
}

static bool save_no_space(struct stage *s)
{
    _cleanup_(closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct xl_saved saved;
    enum xl_life life;

    MUST(xl_save(s->xl, s->domid, fd, XL_SAVE_STOPPED, &saved, &s->err) < 0);
    MUST(s->err.code == ERR_XEN || s->err.code == ERR_GUEST_TIMEOUT);
    life = stage_life(s);
    MUST(life == XL_RUNNING || life == XL_SUSPENDED);
    MUST(life == XL_RUNNING || (xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING));
    return true;
}

static bool is_suspended(struct stage *s)
{
    return stage_life(s) == XL_SUSPENDED;
}

static bool save_killed(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    bool killed = stage_kill(s, "save", path, is_suspended);

    unlink(path);
    MUST(killed);
    MUST(stage_life(s) == XL_SUSPENDED && xl_is_built(s->xl, s->domid));
    MUST(xl_resume(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING && stage_snapshot(s));
    return true;
}

static bool end_tells_suspend_once(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;
    enum xl_end end;

    unlink(path);
    for (int i = 0; i < 2; i++) {
        MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved));
        MUST(xl_wait_end(s->xl, s->domid, 10, &end, &s->err) == 0 && end == XL_END_SUSPEND);
        MUST(xl_wait_end(s->xl, s->domid, 1, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
        MUST(xl_resume(s->xl, s->domid, &s->err) == 0);
        MUST(xl_wait_end(s->xl, s->domid, 1, &end, &s->err) == 0 && end == XL_END_TIMEOUT);
    }
    return true;
}

/* An event of that watch comes in some seconds. */
static bool told(struct stage *s, struct xenstore *xs, const char *token)
{
    char path[XS_PATH_SIZE], what[XS_PATH_SIZE];
    long long deadline = clock_ms() + 5000, left;

    (void)s;
    while ((left = deadline - clock_ms()) > 0) {
        struct pollfd input = { .fd = xenstore_fd(xs), .events = POLLIN };

        while (xenstore_next_event(xs, path, what))
            if (strcmp(what, token) == 0)
                return true;
        poll(&input, 1, (int)left);
    }
    return false;
}

static bool watched(struct stage *s)
{
    _cleanup_(xenstore_closep) struct xenstore *xs = NULL;
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    struct xl_saved saved;

    unlink(path);
    MUST(xenstore_open(&xs, &s->err) == 0 && xenstore_watch(xs, "@releaseDomain", "ended") == 0 && told(s, xs, "ended"));
    for (int i = 0; i < 2; i++) {
        MUST(stage_save(s, fd, XL_SAVE_STOPPED, &saved) && told(s, xs, "ended"));
        MUST(xl_resume(s->xl, s->domid, &s->err) == 0);
    }
    MUST(xl_destroy(s->xl, s->domid, &s->err) == 0 && told(s, xs, "ended"));
    MUST(stage_gone(s, s->domid, GONE_SECONDS));
    MUST(xenstore_watch(xs, "@introduceDomain", "begun") == 0 && told(s, xs, "begun"));
    MUST(stage_create(s) && told(s, xs, "begun"));
    return true;
}

/* ---- destroying ----------------------------------------------------------------------------------------- */

static bool destroy_whole(struct stage *s)
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

/* Its QEMU is stopped, so that it lives longer than the call. */
static bool destroy_before_qemu(struct stage *s)
{
    unsigned old = s->domid;

    MUST(stage_qemus(s) == 1);
    MUST(xl_destroy(s->xl, old, &s->err) == 0);
    for (long long deadline = clock_ms() + GONE_SECONDS * 1000; stage_qemus(s) > 0;)
        MUST(clock_ms() < deadline && xl_let_pass(s->xl, 20, &s->err) == 0);
    MUST(stage_gone(s, old, GONE_SECONDS));
    return true;
}

static bool destroy_frees_name(struct stage *s)
{
    unsigned old = s->domid;
    struct xl_domain domain;

    MUST(xl_destroy(s->xl, old, &s->err) == 0);
    MUST(stage_create(s) && s->domid != old);
    MUST(xl_find(s->xl, s->uuid, &domain, &s->err) == 1 && domain.domid == s->domid && domain.life == XL_PAUSED);
    MUST(stage_gone(s, old, GONE_SECONDS));
    return true;
}

static bool is_being_destroyed(struct stage *s)
{
    return stage_life(s) != XL_RUNNING;
}

static bool destroy_killed(struct stage *s)
{
    unsigned old = s->domid;
    enum xl_life life;

    MUST(stage_kill(s, "destroy", "-", is_being_destroyed));
    life = stage_life(s);
    MUST(life == XL_PAUSED || life == XL_DYING);
    MUST(xl_destroy(s->xl, old, &s->err) == 0 || s->err.code == ERR_DOMAIN_GONE);
    MUST(stage_gone(s, old, GONE_SECONDS) && stage_qemus(s) == 0);
    MUST(stage_create(s));
    return true;
}

static bool end_destroyed(struct stage *s)
{
    enum xl_end end;

    MUST(xl_destroy(s->xl, s->domid, &s->err) == 0);
    MUST(xl_wait_end(s->xl, s->domid, 10, &end, &s->err) == 0 && end == XL_END_DESTROYED);
    return true;
}

static bool end_poweroff(struct stage *s)
{
    enum xl_end end;

    MUST(stage_guest_does(s, "poweroff"));
    MUST(xl_wait_end(s->xl, s->domid, 120, &end, &s->err) == 0 && end == XL_END_POWEROFF);
    MUST(stage_life(s) == XL_SHUT_DOWN && xl_is_built(s->xl, s->domid) && stage_qemus(s) == 1);
    REFUSES(ERR_XEN, xl_resume(s->xl, s->domid, &s->err));
    MUST(stage_life(s) == XL_SHUT_DOWN);
    return true;
}

/* ---- restoring ------------------------------------------------------------------------------------------ */

/* Saves the domain to PATH, and destroys it. */
static bool save_away(struct stage *s, int fd)
{
    struct xl_saved saved;

    return stage_save(s, fd, XL_SAVE_STOPPED, &saved) && xl_destroy(s->xl, s->domid, &s->err) == 0 &&
           stage_gone(s, s->domid, GONE_SECONDS) && savefile_skip_header(fd, &s->err) == 0;
}

static bool restore_whole(struct stage *s)
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
    MUST(xl_unpause(s->xl, s->domid, &s->err) == 0 && stage_life(s) == XL_RUNNING);
    MUST(stage_snapshot(s) && stage_save(s, fd, XL_SAVE_STOPPED, &saved));
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

static bool restore_cut(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(s);
    _cleanup_(xl_config_freep) struct xl_config *again = stage_config(s);
    unsigned domid;

    unlink(path);
    MUST(save_away(s, fd));
    MUST(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4096) == 0 && savefile_skip_header(fd, &s->err) == 0);
    REFUSES(ERR_XEN, xl_restore(s->xl, config, fd, &domid, &s->err));
    MUST(none_left(s));
    MUST(lseek(fd, 0, SEEK_SET) == 0); /* an xl header where the stream should be */
    REFUSES(ERR_XEN, xl_restore(s->xl, again, fd, &domid, &s->err));
    MUST(none_left(s));
    return true;
}

static bool restore_killed(struct stage *s)
{
    char path[64];
    _cleanup_(closep) int fd = stage_file(path);
    bool ready = save_away(s, fd), half = ready && leaves_half(s, "restore", path);

    unlink(path);
    MUST(ready);
    return half;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static const struct sentence {
    enum need need;
    const char *text;
    bool (*holds)(struct stage *stage);
} sentences[] = {
    { NOTHING, "xl_look, xl_find, xl_is_built: no domain is not there, without an error of Xen's", absent_look },
    { NOTHING, "xl_pause, xl_unpause of no domain: xen", absent_pause },
    { NOTHING, "xl_resume of no domain: xen", absent_resume },
    { NOTHING, "xl_destroy of no domain: domain-gone", absent_destroy },
    { NOTHING, "xl_config_read of no domain: domain-gone; xl_config_store_disk: xen", absent_config },
    { NOTHING, "xl_save of no domain: xen, and nothing was sent or suspended", absent_save },
    { NOTHING, "xl_wait_end of no domain: it is destroyed", absent_end },
    { NOTHING, "a configuration survives its text; a disk's image can be set, one that is not there cannot",
      config_round_trip },
    { NOTHING, "xl_config_parse of what is none: corrupt", config_garbage },
    { NOTHING, "xl_config_action: destroy at poweroff, restart at reboot, unless it says otherwise", config_actions },
    { NOTHING, "xl_config_disk_line names disks and images", config_line },
    { NOTHING, "xl_config_need_memory, xl_free_memory: more than nothing", config_memory },
    { AWAKE, "xl_config_check: an ordinary domain passes, whatever is intended", config_check },
    { AWAKE, "xl_config_store_disk changes what xl_config_read says, and no QEMU", config_store },
    { AWAKE, "xl_pause is counted: as many xl_unpause let the guest run", pause_counts },
    { AWAKE, "xl_pause: QEMU goes on, and takes snapshots", pause_not_qemu },
    { AWAKE, "xl_unpause of a domain that is not paused: xen, and it runs", unpause_running },
    { AWAKE, "xl_resume of a domain that runs: xen, and it runs", resume_running },
    { AWAKE, "xl_wait_end waits as long as it was told to", end_times_out },
    { AWAKE, "a stopped save: suspended, an HVM guest's QEMU stopped, images active; xl_resume lets both go on",
      save_stopped },
    { AWAKE, "a live save: of HVM, images inactive until QEMU goes on; of PV, refused before the first page", save_live },
    { AWAKE, "xl_resume makes images active again", save_live_resumed },
    { AWAKE, "a domain that is paused while it is suspended is suspended, and paused when it is resumed",
      save_paused_meanwhile },
    { AWAKE, "a save without space fails; the domain runs or can be resumed", save_no_space },
    { AWAKE, "a save killed when the guest is suspended: it stays so until it is resumed", save_killed },
    { AWAKE, "xl_wait_end tells a suspend once, and the next one again", end_tells_suspend_once },
    { AWAKE, "@releaseDomain comes at each suspend and at the end, @introduceDomain at a create", watched },
    { PAUSED, "xl_create: built, paused, named, its QEMU up and running", create_paused },
    { PAUSED, "xl_create while the name is taken: xen, and the domain that has it is as it was", create_name_taken },
    { ABSENT, "xl_create without a disk's image: xen, and nothing is left", create_no_image },
    { ABSENT, "xl_create killed: half a domain, paused, not built; xl_destroy ends it and its QEMU", create_killed },
    { PAUSED, "xl_destroy: configuration, nodes and monitors are gone; soon the domain and its QEMU", destroy_whole },
    { PAUSED, "xl_destroy does not wait for QEMU, which ends by itself", destroy_before_qemu },
    { PAUSED, "xl_destroy frees the name at once, and xl_find prefers the new domain", destroy_frees_name },
    { AWAKE, "xl_destroy killed: another one finishes it, and the name is free", destroy_killed },
    { PAUSED, "xl_wait_end tells the end of a domain that was destroyed", end_destroyed },
    { AWAKE, "a guest that has powered off stays, with its QEMU, and cannot be resumed", end_poweroff },
    { AWAKE, "xl_restore: another domid, built, paused, QEMU up with active images; it can be saved again", restore_whole },
    { AWAKE, "xl_restore of a stream that is cut or wrong: xen, and nothing is left", restore_cut },
    { AWAKE, "xl_restore killed: half a domain, as xl_create", restore_killed },
};

static int try_all(struct stage *stage, const char *only)
{
    size_t count = sizeof sentences / sizeof *sentences;
    int bad = 0, tried = 0;

    for (size_t i = 0; i < count; i++) {
        const struct sentence *sentence = &sentences[i];
        long long began = clock_ms();
        bool holds;

        if (only && !strstr(sentence->text, only))
            continue;
        tried++;
        *stage->why = '\0';
        stage->err = (struct err){ .code = ERR_NONE };
        holds = stage_reach(stage, sentence->need);
        if (!holds)
            snprintf(stage->why, sizeof stage->why, "cannot be tried: %s", stage->err.text);
        holds = holds && sentence->holds(stage);
        printf("%s %s (%lld ms)%s%s\n", holds ? "ok" : "not ok", sentence->text, clock_ms() - began,
               holds ? "" : "\n    ", holds ? "" : stage->why);
        fflush(stdout);
        bad += !holds;
    }
    printf("%d sentences hold, %d do not\n", tried - bad, bad);
    return bad || !tried;
}

int main(int argc, char **argv)
{
    struct stage stage;
    unsigned domid;
    int rc;

    if (argc > 4 && strcmp(argv[1], "--child") == 0)
        return stage_child(argc - 2, argv + 2);
    if (argc < 3 || !domid_parse(argv[1], &domid)) {
        fprintf(stderr, "usage: xl DOMID GUEST [PART OF A SENTENCE]\n");
        return 2;
    }
    if (stage_open(&stage, argv[0], domid, argv[2]) < 0) {
        fprintf(stderr, "xl: %s\n", stage.err.text);
        return 2;
    }
    rc = try_all(&stage, argc > 3 ? argv[3] : NULL);
    stage_reach(&stage, ABSENT);
    stage_close(&stage);
    return rc;
}
