/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "control.h"
#include "holders.h"
#include "json.h"
#include "nodes.h"
#include "qmp.h"
#include "savefile.h"
#include "xenstore.h"

enum { BOOT_SECONDS = 120, GONE_SECONDS = 30, QMP_SECONDS = 60, KILL_SECONDS = 60 };
enum { CHILD_FAILED = 1, CHILD_USELESS };

static bool find_disk(struct stage *stage)
{
    struct xl_disk disks[DISKS_MAX];
    size_t count = xl_config_disks(stage->config, disks, DISKS_MAX);

    for (size_t i = 0; i < count; i++)
        if (disks[i].qdisk && disks[i].writable && !disks[i].cdrom) {
            stage->disk = disks[i];
            return true;
        }
    return false;
}

int stage_open(struct stage *stage, unsigned domid, const char *guest)
{
    struct xl_domain domain;
    struct err *err = &stage->err;

    *stage = (struct stage){ .guest = guest, .domid = domid };
    if (xl_open(&stage->xl, NULL, err) < 0 || xenstore_open(&stage->xs, err) < 0 ||
        xl_look(stage->xl, domid, &domain, err) < 0 || xl_config_read(stage->xl, domid, &stage->config, err) < 0)
        return -1;
    memcpy(stage->uuid, domain.uuid, sizeof stage->uuid);
    stage->hvm = domain.hvm;
    return find_disk(stage) ? 0 : err_set(err, ERR_UNSUPPORTED, "the domain has no disk for this");
}

void stage_close(struct stage *stage)
{
    xl_config_free(stage->config);
    xenstore_close(stage->xs);
    xl_close(stage->xl);
}

/* ---- its domain ----------------------------------------------------------------------------------------- */

enum xl_life stage_life(struct stage *stage)
{
    struct xl_domain domain;

    if (xl_look(stage->xl, stage->domid, &domain, &stage->err) < 0 || strcmp(domain.uuid, stage->uuid) != 0)
        return XL_DYING;
    return domain.life;
}

struct xl_config *stage_config(struct stage *stage)
{
    _cleanup_(freep) char *text = xl_config_format(stage->xl, stage->config);
    struct xl_config *copy;

    return text && xl_config_parse(stage->xl, text, &copy, &stage->err) == 0 ? copy : NULL;
}

bool stage_create(struct stage *stage)
{
    _cleanup_(xl_config_freep) struct xl_config *config = stage_config(stage);

    return config && xl_create(stage->xl, config, &stage->domid, &stage->err) == 0;
}

bool stage_gone(struct stage *stage, unsigned domid, int seconds)
{
    long long deadline = clock_ms() + seconds * 1000LL;
    struct xl_domain domain;

    while (xl_look(stage->xl, domid, &domain, &stage->err) == 0)
        if (clock_ms() > deadline || xl_let_pass(stage->xl, 50, &stage->err) < 0)
            return false;
    return stage->err.code == ERR_DOMAIN_GONE;
}

char *stage_node(struct stage *stage, unsigned domid, const char *node)
{
    char path[XS_PATH_SIZE];

    path_domain(path, domid, node, NULL, NULL);
    return xenstore_read(stage->xs, path, NULL);
}

bool stage_guest_does(struct stage *stage, const char *what)
{
    char number[12];
    char *const argv[] = { (char *)stage->guest, (char *)what, number, NULL };
    int status;
    pid_t pid;

    snprintf(number, sizeof number, "%u", stage->domid);
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
        return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0;
}

static bool destroy_all(struct stage *stage)
{
    long long deadline = clock_ms() + GONE_SECONDS * 1000;
    struct xl_domain domain;

    while (xl_find(stage->xl, stage->uuid, &domain, &stage->err) > 0) {
        if (domain.life != XL_DYING)
            xl_destroy(stage->xl, domain.domid, &stage->err);
        if (clock_ms() > deadline || xl_let_pass(stage->xl, 50, &stage->err) < 0)
            return false;
    }
    return true;
}

static bool says(struct stage *stage, const char *node, const char *wanted)
{
    _cleanup_(freep) char *value = stage_node(stage, stage->domid, node);

    return value && strcmp(value, wanted) == 0;
}

/* Its disks are connected. */
static bool has_disks(struct stage *stage)
{
    char path[XS_PATH_SIZE], node[XS_PATH_SIZE];
    _cleanup_(freep) char **disks = NULL;
    size_t count = 0;

    path_domain(path, stage->domid, "device/vbd", NULL, NULL);
    disks = xenstore_children(stage->xs, path, &count);
    for (size_t i = 0; disks && i < count; i++) {
        snprintf(node, sizeof node, "device/vbd/%s/state", disks[i]);
        if (!says(stage, node, "4"))
            return false;
    }
    return true;
}

/* Its kernel says so when it can be asked to suspend; one that was restored has said so before.  Until its disks are
 * connected again Linux cannot bring a program that waits for one to stand still, and gives up after 20 s. */
bool stage_guest_up(struct stage *stage)
{
    long long deadline = clock_ms() + BOOT_SECONDS * 1000;

    while ((stage->awake != stage->domid && !says(stage, "control/feature-suspend", "1")) || !has_disks(stage))
        if (clock_ms() > deadline || xl_let_pass(stage->xl, 100, &stage->err) < 0) {
            err_set(&stage->err, ERR_GUEST_TIMEOUT, "its kernel is not up in %d s", BOOT_SECONDS);
            return false;
        }
    return true;
}

static bool wake(struct stage *stage)
{
    switch (stage_life(stage)) {
    case XL_RUNNING:
        return xl_is_built(stage->xl, stage->domid) && stage_guest_up(stage);
    case XL_SUSPENDED:
        return xl_resume(stage->xl, stage->domid, &stage->err) == 0 && wake(stage);
    case XL_PAUSED:
        return xl_is_built(stage->xl, stage->domid) && xl_unpause(stage->xl, stage->domid, &stage->err) == 0 &&
               wake(stage);
    default:
        return false;
    }
}

static bool is_paused(struct stage *stage)
{
    return stage_life(stage) == XL_PAUSED && xl_is_built(stage->xl, stage->domid);
}

bool stage_reach(struct stage *stage, enum need need)
{
    if (need == NOTHING || (need == AWAKE && wake(stage)) || (need == PAUSED && is_paused(stage)))
        return true;
    if (!destroy_all(stage))
        return false;
    return need == ABSENT || (stage_create(stage) && (need == PAUSED || wake(stage)));
}

/* ---- its memory ----------------------------------------------------------------------------------------- */

int stage_file(char path[64])
{
    snprintf(path, 64, "/var/tmp/contract-XXXXXX");
    return mkostemp(path, O_CLOEXEC);
}

int stage_pipe(char path[64])
{
    snprintf(path, 64, "/var/tmp/contract-pipe-%d", (int)getpid());
    unlink(path);
    return mkfifo(path, 0600) == 0 ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
}

bool stage_save(struct stage *stage, int fd, enum xl_save_kind kind, struct xl_saved *saved)
{
    _cleanup_(freep) char *text = xl_config_format(stage->xl, stage->config);

    return text && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
           savefile_write_header(fd, text, &stage->err) == 0 &&
           xl_save(stage->xl, stage->domid, fd, kind, saved, &stage->err) == 0;
}

/* ---- its QEMU ------------------------------------------------------------------------------------------- */

static bool call(struct stage *stage, struct qmp *qmp, const char *command, const char *node)
{
    char arguments[128];

    snprintf(arguments, sizeof arguments, "{\"device\":\"%s\",\"name\":\"contract\"}", node);
    return qmp_call(qmp, command, arguments, QMP_SECONDS, NULL, &stage->err) == 0;
}

bool stage_snapshot(struct stage *stage)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    _cleanup_(nodes_deinit) struct nodes nodes = { 0 };
    struct control control = { .fd = -1 };
    struct node node;

    if (qmp_open(&qmp, stage->domid, &control, &stage->err) < 0 || nodes_load(&nodes, qmp, &stage->err) < 0 ||
        nodes_find(&nodes, stage->disk.target, NULL, &node, &stage->err) < 0)
        return false;
    return call(stage, qmp, "blockdev-snapshot-internal-sync", node.name) &&
           call(stage, qmp, "blockdev-snapshot-delete-internal-sync", node.name);
}

bool stage_qemu_runs(struct stage *stage)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    _cleanup_(json_freep) struct json *reply = NULL;
    struct control control = { .fd = -1 };

    return qmp_open(&qmp, stage->domid, &control, &stage->err) == 0 &&
           qmp_call(qmp, "query-status", NULL, QMP_SECONDS, &reply, &stage->err) == 0 &&
           json_true(json_get(json_get(reply, "return"), "running"));
}

bool stage_qemu_goes_on(struct stage *stage)
{
    _cleanup_(qmp_closep) struct qmp *qmp = NULL;
    struct control control = { .fd = -1 };

    return qmp_open(&qmp, stage->domid, &control, &stage->err) == 0 &&
           qmp_call(qmp, "cont", NULL, QMP_SECONDS, NULL, &stage->err) == 0;
}

size_t stage_qemus(struct stage *stage)
{
    struct holders holders = { 0 };
    int rc = holders_find(&holders, stage->disk.target, &stage->err);
    size_t count = rc < 0 ? HOLDERS_MAX + 1 : holders.count;

    holders_deinit(&holders);
    return count;
}

/* ---- a process of its own ------------------------------------------------------------------------------- */

static pid_t start_child(struct stage *stage, const char *verb, const char *file)
{
    char number[12], path[64];
    char *const argv[] = { "/proc/self/exe", "--child", (char *)verb, number, path, (char *)file, NULL };
    _cleanup_(freep) char *text = xl_config_format(stage->xl, stage->config);
    _cleanup_(closep) int fd = stage_file(path);
    pid_t pid;

    snprintf(number, sizeof number, "%u", stage->domid);
    if (fd < 0 || !text || write(fd, text, strlen(text)) < 0 || posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
        return -1;
    return pid;
}

bool stage_kill(struct stage *stage, const char *verb, const char *file, bool (*when)(struct stage *stage))
{
    long long deadline = clock_ms() + KILL_SECONDS * 1000;
    pid_t pid = start_child(stage, verb, file), ended = 0;
    bool held = false;
    int status = 0;

    while (pid > 0 && !(held = when(stage)) && clock_ms() < deadline &&
           (ended = waitpid(pid, &status, WNOHANG)) == 0)
        poll(NULL, 0, 1);
    if (pid > 0 && !ended && kill(pid, SIGKILL) == 0)
        waitpid(pid, &status, 0);
    if (!held)
        err_set(&stage->err, ERR_NONE, "%s ended (%#x) before it could be killed in its middle", verb, status);
    return held && WIFSIGNALED(status);
}

bool stage_fails(struct stage *stage, const char *verb, const char *file)
{
    pid_t pid = start_child(stage, verb, file);
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return false;
    err_set(&stage->err, ERR_NONE, "%s in a process of its own ended with %#x", verb, status);
    return WIFSIGNALED(status) || WEXITSTATUS(status) == CHILD_FAILED;
}

/* VERB DOMID CONFIGURATION FILE */
int stage_child(int argc, char **argv)
{
    const struct rlimit no_core = { 0, 0 };
    struct xl_saved saved;
    struct xl_config *config;
    struct xl *xl;
    struct err err;
    static char text[64 << 10];
    int fd, rc;
    unsigned domid = (unsigned)atoi(argv[1]);

    setrlimit(RLIMIT_CORE, &no_core);
    fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (argc < 4 || fd < 0 || read(fd, text, sizeof text - 1) < 0 || unlink(argv[2]) < 0 ||
        xl_open(&xl, NULL, &err) < 0 || xl_config_parse(xl, text, &config, &err) < 0)
        return CHILD_USELESS;
    fd = open(argv[3], (strcmp(argv[0], "save") == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    if (strcmp(argv[0], "create") == 0)
        rc = xl_create(xl, config, &domid, &err);
    else if (strcmp(argv[0], "restore") == 0)
        rc = savefile_skip_header(fd, &err) < 0 ? -1 : xl_restore(xl, config, fd, &domid, &err);
    else if (strcmp(argv[0], "save") == 0)
        rc = xl_save(xl, domid, fd, XL_SAVE_STOPPED, &saved, &err);
    else
        rc = xl_destroy(xl, domid, &err);
    return rc < 0 ? CHILD_FAILED : 0;
}
