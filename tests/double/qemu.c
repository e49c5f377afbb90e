/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "json.h"

enum { FIRMWARE_BYTES = 64 << 10, ARGUMENTS_MAX = 28 + 4 * DISKS_MAX, LINE_BYTES = 64 << 10 };

/* ---- its command line ----------------------------------------------------------------------------------- */

struct arguments {
    char *item[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct arguments *arguments, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (arguments->count < ARGUMENTS_MAX - 1 && vasprintf(&arguments->item[arguments->count], format, args) >= 0)
        arguments->count++;
    va_end(args);
}

static void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->item[i]);
}

static const char *driver_of(const struct xl_disk *disk)
{
    return strcmp(disk->format, "vhd") == 0 ? "vpc" : disk->format;
}

/* Named as Xen's disks are, and without a lock, as theirs. */
static void add_disk(struct arguments *arguments, const struct xl_disk *disk)
{
    _cleanup_(json_writer_freep) struct json_writer *w = json_writer_new(false);
    bool reads = disk->cdrom || !disk->writable;
    struct stat st;
    char node[40];

    snprintf(node, sizeof node, "%s-%s", disk->vdev, driver_of(disk));
    json_object(w, NULL);
    json_put_string(w, "driver", driver_of(disk));
    json_put_string(w, "node-name", node);
    json_put_bool(w, "read-only", reads);
    json_object(w, "file");
    json_put_string(w, "driver", stat(disk->target, &st) == 0 && S_ISBLK(st.st_mode) ? "host_device" : "file");
    json_put_string(w, "filename", disk->target);
    json_put_string(w, "locking", "off");
    json_end_object(w);
    json_end_object(w);
    add(arguments, "-blockdev");
    add(arguments, "%s", json_text(w));
    add(arguments, "-device");
    add(arguments, "virtio-blk-pci,id=%s,drive=%s,share-rw=on", disk->vdev, node);
}

static void add_monitor(struct arguments *arguments, const char *name, unsigned domid)
{
    add(arguments, "-qmp");
    add(arguments, "unix:%s/%s-%u,server=on,wait=off", getenv("XEN_RUN_DIR"), name, domid);
}

/* A processor that stands still at its first instruction: what the guest does to its disks, a test does. */
static int make_firmware(char path[DOUBLE_PATH], struct err *err)
{
    static const unsigned char stand_still[] = { 0xfa, 0xf4, 0xeb, 0xfd }; /* cli; 1: hlt; jmp 1b */
    _cleanup_(freep) unsigned char *image = calloc(1, FIRMWARE_BYTES);
    struct stat st;

    double_path(path, "halt.bin");
    if (stat(path, &st) == 0)
        return 0;
    if (!image)
        return err_set(err, ERR_IO, "out of memory");
    memcpy(image + FIRMWARE_BYTES - 16, stand_still, sizeof stand_still);
    return double_write(path, image, FIRMWARE_BYTES, err);
}

/* What a PV guest's QEMU cannot open it leaves out, and nobody hears of it. */
static bool is_asked_for(const struct xl_config *config, const struct xl_disk *disk)
{
    return *disk->target && (config->hvm || access(disk->target, F_OK) == 0);
}

static int compose(struct arguments *arguments, unsigned domid, const struct xl_config *config, struct err *err)
{
    static const char *const fixed[] = { "qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-m", "2", "-display",
                                         "none", "-nodefaults", "-no-user-config", "-daemonize" };
    char firmware[DOUBLE_PATH], pid_file[DOUBLE_PATH];

    if (make_firmware(firmware, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        add(arguments, "%s", fixed[i]);
    double_path(pid_file, "domains/%u/qemu.pid", domid);
    add(arguments, "-bios");
    add(arguments, "%s", firmware);
    add(arguments, "-pidfile");
    add(arguments, "%s", pid_file);
    add_monitor(arguments, "qmp-libxl", domid);
    add_monitor(arguments, "qmp-libxenstat", domid);
    add_monitor(arguments, "writer", domid);
    add(arguments, "-qtest");
    add(arguments, "unix:%s/qtest-%u,server=on,wait=off", getenv("XEN_RUN_DIR"), domid);
    add(arguments, "-qtest-log");
    add(arguments, "none");
    for (size_t i = 0; i < config->count; i++)
        if (is_asked_for(config, &config->disks[i]))
            add_disk(arguments, &config->disks[i]);
    return 0;
}

/* ---- its process ---------------------------------------------------------------------------------------- */

static bool needs_one(const struct xl_config *config)
{
    bool needs = config->hvm;

    for (size_t i = 0; i < config->count; i++)
        needs |= *config->disks[i].target && config->disks[i].qdisk;
    return needs;
}

/* It inherits nothing of ours, and goes on when we are gone. */
static int start(char *const argv[], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

/* With -daemonize the first process ends when the monitors are there. */
int qemu_start(unsigned domid, const struct xl_config *config, struct err *err)
{
    struct arguments arguments = { .count = 0 };
    int status, rc;
    pid_t pid;

    if (!needs_one(config))
        return 0;
    rc = compose(&arguments, domid, config, err);
    if (rc == 0 && (errno = start(arguments.item, &pid)))
        rc = err_errno(err, "cannot start %s", arguments.item[0]);
    arguments_free(&arguments);
    if (rc < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, "waitpid");
    return status ? err_set(err, ERR_XEN, "starting the domain failed (double: QEMU %#x)", (unsigned)status) : 0;
}

/* Whether it is a QEMU with that pid file, also one that has not written it yet. */
static bool is_ours(int pid, const char *pid_file)
{
    char path[32];
    _cleanup_(closep) int fd = -1;
    _cleanup_(freep) char *line = calloc(1, LINE_BYTES);
    ssize_t size;

    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    size = fd >= 0 && line ? read(fd, line, LINE_BYTES - 1) : 0;
    for (char *word = line; word && word < line + size; word += strlen(word) + 1)
        if (strcmp(word, "-pidfile") == 0 && strcmp(word + strlen(word) + 1, pid_file) == 0)
            return true;
    return false;
}

/* With -daemonize there are two of them for a while. */
static size_t find_all(unsigned domid, int *pids, size_t max)
{
    char pid_file[DOUBLE_PATH];
    DIR *processes = opendir("/proc");
    struct dirent *process;
    size_t count = 0;

    double_path(pid_file, "domains/%u/qemu.pid", domid);
    while (processes && count < max && (process = readdir(processes))) {
        int pid = isdigit((unsigned char)*process->d_name) ? atoi(process->d_name) : 0;

        if (pid && is_ours(pid, pid_file))
            pids[count++] = pid;
    }
    if (processes)
        closedir(processes);
    return count;
}

int qemu_pid(unsigned domid)
{
    int pid = 0;

    find_all(domid, &pid, 1);
    return pid;
}

static bool is_stopped(int pid)
{
    char path[32], line[256] = "", *name_end;
    _cleanup_(closep) int fd = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, line, sizeof line - 1) <= 0)
        return false;
    name_end = strrchr(line, ')');
    return name_end && name_end[1] && name_end[2] == 'T';
}

static bool is_among(int pid, const int *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* Until none is found that was not there before: one that becomes a daemon may be forking meanwhile. */
size_t qemu_hold(unsigned domid, int pids[QEMU_PIDS_MAX])
{
    int seen[QEMU_PIDS_MAX], now[QEMU_PIDS_MAX];
    size_t seen_count = 0, held = 0, found, news;

    do {
        news = 0;
        found = find_all(domid, now, QEMU_PIDS_MAX);
        for (size_t i = 0; i < found && seen_count < QEMU_PIDS_MAX; i++) {
            if (is_among(now[i], seen, seen_count))
                continue;
            news++;
            seen[seen_count++] = now[i];
            if (!is_stopped(now[i]) && kill(now[i], SIGSTOP) == 0)
                pids[held++] = now[i];
            kill(now[i], SIGHUP);
        }
    } while (news > 0);
    return held;
}

void qemu_end(int pid)
{
    if (pid > 0)
        kill(pid, SIGHUP);
}

bool qemu_wait(int pid, int ms)
{
    _cleanup_(closep) int process = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd pollfd = { .fd = process, .events = POLLIN };

    return process < 0 || poll(&pollfd, 1, ms) > 0;
}

/* ---- its monitors --------------------------------------------------------------------------------------- */

static FILE *dial(unsigned domid, const char *monitor, int seconds)
{
    struct timeval patience = { .tv_sec = seconds };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FILE *stream;

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s-%u", getenv("XEN_RUN_DIR"), monitor, domid);
    if (fd < 0)
        return NULL;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || !(stream = fdopen(fd, "r"))) {
        close(fd);
        return NULL;
    }
    return stream;
}

/* Reads on to the next line that begins so, past events; false where it is an error, or nothing comes. */
static bool await(FILE *stream, const char *begin, char line[LINE_BYTES])
{
    while (fgets(line, LINE_BYTES, stream)) {
        if (strncmp(line, "{\"error\"", 8) == 0)
            return false;
        if (strncmp(line, begin, strlen(begin)) == 0)
            return true;
    }
    return false;
}

static bool ask(FILE *stream, const char *line, char answer[LINE_BYTES])
{
    return dprintf(fileno(stream), "%s\n", line) > 0 && await(stream, "{\"return\"", answer);
}

int qemu_call(unsigned domid, const char *monitor, const char *line, int seconds, struct err *err)
{
    _cleanup_(fclosep) FILE *stream = dial(domid, monitor, seconds);
    _cleanup_(freep) char *answer = calloc(1, LINE_BYTES);

    if (!stream || !answer)
        return err_set(err, ERR_XEN, "cannot reach the domain's QEMU (double)");
    if (await(stream, "{\"QMP\"", answer) && ask(stream, "{\"execute\":\"qmp_capabilities\"}", answer) &&
        ask(stream, line, answer))
        return 0;
    return err_set(err, ERR_XEN, "QEMU refused %.60s (double): %.200s", line, answer);
}
