/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets one call of the agent or the worker fail, once: a library for LD_PRELOAD.
 *
 * A call counts if it is about a file below one of the directories in $FAULT_UNDER (separated by colons), about a
 * program that is started, or about xenstored's socket, QEMU's monitor or the line between agent and worker.  Each that
 * counts is written into the file $FAULT_PLAN.log, with the way to it if that is asked for, or if it fails; the file
 * $FAULT_PLAN, which everybody maps, says which of them fails and how, and counts.  Both belong to plan.py.  Programs
 * other than those two are left alone, and do not inherit it. */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum program { OTHER, AGENT, WORKER, PROGRAMS };
enum group { NONE, FILES, SOCKETS, GROUPS };
enum { SHORT_WRITE = 1000, LOG_FD = 100, FRAMES = 16, LINE_SIZE = 2 * PATH_MAX + 512 };

struct plan {
    uint32_t program, group, nth, error, traces, hits;
    uint32_t count[PROGRAMS][GROUPS];
};

static const char *const program_names[PROGRAMS] = { "other", "agent", "worker" };
static const char *const group_names[GROUPS] = { "none", "files", "sockets" };
static struct plan *plan;
static enum program self;
static int log_fd = -1;
static _Thread_local bool inside;
static char step[24] = "-"; /* of the worker, as its journal tells */

/* ---- at the start -------------------------------------------------------------------------------------- */

static void drop_from_environment(void)
{
    Dl_info ours;
    char *list = getenv("LD_PRELOAD"), *rest = NULL, kept[PATH_MAX] = "";

    if (!list || !dladdr((void *)drop_from_environment, &ours))
        return;
    list = strdup(list);
    for (char *one = strtok_r(list, ": ", &rest); one; one = strtok_r(NULL, ": ", &rest))
        if (strcmp(one, ours.dli_fname) != 0)
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s%s", *kept ? ":" : "", one);
    if (*kept)
        setenv("LD_PRELOAD", kept, 1);
    else
        unsetenv("LD_PRELOAD");
    free(list);
}

static void map_plan(const char *path)
{
    char log[PATH_MAX];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    snprintf(log, sizeof log, "%s.log", path);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (map == MAP_FAILED || fd < 0)
        abort(); /* a run that injects nothing must not look like one that passes */
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD);
    close(fd);
    plan = map;
}

__attribute__((constructor)) static void begin(void)
{
    void *frames[1];

    if (strcmp(program_invocation_short_name, "xensnapd") == 0)
        self = AGENT;
    else if (strcmp(program_invocation_short_name, "xensnap-worker") == 0)
        self = WORKER;
    if (self != AGENT)
        drop_from_environment();
    if (self == OTHER || !getenv("FAULT_PLAN"))
        return;
    backtrace(frames, 1); /* the first one loads a library */
    map_plan(getenv("FAULT_PLAN"));
}

/* ---- what a call is about ------------------------------------------------------------------------------ */

static bool counts(const char *path)
{
    const char *dirs = getenv("FAULT_UNDER");

    while (dirs && *dirs) {
        size_t length = strcspn(dirs, ":");

        if (length && strncmp(path, dirs, length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
        dirs += length + (dirs[length] == ':');
    }
    return false;
}

static void path_of_fd(int fd, char path[PATH_MAX])
{
    char link[40];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = '\0';
}

static void path_at(int dir, const char *name, char path[PATH_MAX])
{
    size_t length;

    *path = '\0';
    if (*name != '/' && dir != AT_FDCWD)
        path_of_fd(dir, path);
    length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "%s%s", length ? "/" : "", name);
}

/* These kinds of sockets count: xenstored's, QEMU's monitor, and the line between agent and worker. */
static const char *name_of_socket(int fd)
{
    struct sockaddr_un name = { 0 };
    socklen_t size = sizeof name - 1, int_size = sizeof(int);
    const char *xenstored = getenv("XENSTORED_PATH");
    int type;

    if (getpeername(fd, (struct sockaddr *)&name, &size) < 0 || name.sun_family != AF_UNIX)
        return NULL;
    if (xenstored && strcmp(name.sun_path, xenstored) == 0)
        return "xenstored";
    if (strstr(name.sun_path, "/qmp-"))
        return "qmp";
    if (*name.sun_path || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &int_size) < 0)
        return NULL;
    return type == SOCK_SEQPACKET ? "line" : NULL;
}

/* ---- counting, and failing ----------------------------------------------------------------------------- */

/* Where in the program itself the call was made, innermost first, as addresses for addr2line. */
static void add_way(char line[LINE_SIZE])
{
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);

    for (int i = 0; i < count; i++) {
        size_t used = strlen(line);
        Dl_info info;
        const char *name;

        if (!dladdr(frames[i], &info) || !info.dli_fname)
            continue;
        name = strrchr(info.dli_fname, '/');
        if (strcmp(name ? name + 1 : info.dli_fname, program_invocation_short_name) == 0)
            snprintf(line + used, LINE_SIZE - used, " %#lx",
                     (unsigned long)((char *)frames[i] - (char *)info.dli_fbase) - 1);
    }
}

/* Returns what the call is to fail with, or 0. */
static int count_call(enum group group, const char *call, const char *what)
{
    uint32_t n = __atomic_add_fetch(&plan->count[self][group], 1, __ATOMIC_SEQ_CST);
    bool hit = plan->program == self && plan->group == group && plan->nth == n;
    char line[LINE_SIZE];
    size_t used;

    if (hit)
        __atomic_add_fetch(&plan->hits, 1, __ATOMIC_SEQ_CST);
    snprintf(line, sizeof line, "%s %s %u %u %s %s %s |", program_names[self], group_names[group], n,
             hit ? plan->error : 0, step, call, what);
    if (hit || plan->traces)
        add_way(line); /* which costs more than most calls */
    used = strlen(line);
    snprintf(line + used, sizeof line - used, "\n");
    (void)!syscall(SYS_write, log_fd, line, strlen(line));
    return hit ? (int)plan->error : 0;
}

static int path_fault(const char *call, int dir, const char *name)
{
    char path[PATH_MAX] = "";
    int error = 0, before = errno;

    if (!plan || inside || !name)
        return 0;
    inside = true;
    path_at(dir, name, path);
    if (counts(path))
        error = count_call(FILES, call, path);
    inside = false;
    errno = before;
    return error;
}

/* About two paths, and counted once. */
static int rename_fault(const char *call, int from_dir, const char *from, int dir, const char *to)
{
    char paths[2 * PATH_MAX], path[PATH_MAX];
    int error = 0, before = errno;
    size_t used;

    if (!plan || inside)
        return 0;
    inside = true;
    path_at(from_dir, from, paths);
    path_at(dir, to, path);
    used = strlen(paths);
    snprintf(paths + used, sizeof paths - used, " %s", path);
    if (counts(path))
        error = count_call(FILES, call, paths);
    inside = false;
    errno = before;
    return error;
}

/* "qmp COMMAND" of what is sent to QEMU. */
static const char *describe(const char *name, const char *data, size_t size, char text[64])
{
    static const char key[] = "\"execute\":\"";
    const char *command = data ? memmem(data, size, key, sizeof key - 1) : NULL;
    const char *end = command ? memchr(command + sizeof key, '"', (size_t)(data + size - command) - sizeof key) : NULL;

    if (!end || strcmp(name, "qmp") != 0)
        return name;
    command += sizeof key - 1;
    snprintf(text, 64, "%s %.*s", name, (int)(end - command), command);
    return text;
}

/* A socket is really broken, for both sides. */
static int socket_fault(const char *call, int fd, const char *data, size_t size)
{
    const char *what = name_of_socket(fd);
    char text[64];
    int error = what ? count_call(SOCKETS, call, describe(what, data, size, text)) : 0;

    if (error)
        shutdown(fd, SHUT_RDWR);
    return strcmp(call, "read") == 0 || strcmp(call, "recv") == 0 ? 0 : error;
}

/* DATA is what is sent, or NULL. */
static int data_fault(const char *call, int fd, const char *data, size_t size)
{
    char path[PATH_MAX];
    int error = 0, before = errno;

    if (!plan || inside)
        return 0;
    inside = true;
    path_of_fd(fd, path);
    if (strncmp(path, "socket:", 7) == 0)
        error = socket_fault(call, fd, data, size);
    else if (counts(path))
        error = count_call(FILES, call, path);
    inside = false;
    errno = before;
    return error;
}

static int fd_fault(const char *call, int fd)
{
    return data_fault(call, fd, NULL, 0);
}

static void note_step(const char *data, size_t size)
{
    static const char start[] = "{\"step\":\"";
    const size_t length = sizeof start - 1;

    if (size > length && memcmp(data, start, length) == 0)
        snprintf(step, sizeof step, "%.*s", (int)strcspn(data + length, "\""), data + length);
}

/* A program that is started is written down as a call; it has errors of its own. */
static int spawn_fault(const char *call, char *const argv[])
{
    char line[PATH_MAX] = "";
    int error;

    if (!plan || inside)
        return 0;
    inside = true;
    for (size_t i = 0; argv[i]; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", i ? " " : "", argv[i]);
    error = count_call(FILES, call, line);
    inside = false;
    return error;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- the calls ----------------------------------------------------------------------------------------- */

#define WRAP(type, name, params, args, fault, failed) \
    type name params                                  \
    {                                                 \
        static type(*real) params;                    \
        int error;                                    \
                                                      \
        if (!real)                                    \
            *(void **)&real = dlsym(RTLD_NEXT, #name); \
        error = fault;                                \
        return error ? failed : real args;            \
    }
#define ON_FD(type, name, params, args) WRAP(type, name, params, args, fd_fault(#name, fd), fail(error))
#define ON_PATH(type, name, params, args) \
    WRAP(type, name, params, args, path_fault(#name, AT_FDCWD, path), fail(error))
#define TO_PATH(type, name, params, args, old, dir) \
    WRAP(type, name, params, args, rename_fault(#name, old, from, dir, to), fail(error))
#define AT_PATH(type, name, params, args) WRAP(type, name, params, args, path_fault(#name, dir, path), fail(error))

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size),
     (note_step(data, size), fd_fault("write", fd)), error == SHORT_WRITE ? real(fd, data, size / 2) : fail(error))
WRAP(int, posix_fallocate, (int fd, off_t offset, off_t size), (fd, offset, size), fd_fault("posix_fallocate", fd),
     error)

ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
ON_FD(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
ON_FD(ssize_t, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FD(int, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
ON_FD(int, fchmod, (int fd, mode_t mode), (fd, mode))
ON_FD(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
ON_FD(int, fstat, (int fd, struct stat *st), (fd, st))
ON_FD(int, fstatvfs, (int fd, struct statvfs *fs), (fd, fs))
ON_FD(int, flock, (int fd, int how), (fd, how))
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
     data_fault("send", fd, data, size), fail(error))
ON_FD(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))

ON_PATH(int, unlink, (const char *path), (path))
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(int, access, (const char *path, int mode), (path, mode))
ON_PATH(int, stat, (const char *path, struct stat *st), (path, st))
ON_PATH(int, lstat, (const char *path, struct stat *st), (path, st))
ON_PATH(int, statvfs, (const char *path, struct statvfs *fs), (path, fs))
TO_PATH(int, rename, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)
TO_PATH(int, link, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)

AT_PATH(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
AT_PATH(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
AT_PATH(int, faccessat, (int dir, const char *path, int mode, int flags), (dir, path, mode, flags))
AT_PATH(int, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags))
TO_PATH(int, renameat, (int old, const char *from, int dir, const char *to), (old, from, dir, to), old, dir)
TO_PATH(int, renameat2, (int old, const char *from, int dir, const char *to, unsigned flags),
        (old, from, dir, to, flags), old, dir)
TO_PATH(int, linkat, (int old, const char *from, int dir, const char *to, int flags), (old, from, dir, to, flags),
        old, dir)

WRAP(struct dirent *, readdir, (DIR *stream), (stream), fd_fault("readdir", dirfd(stream)),
     (errno = error, (struct dirent *)NULL))

WRAP(int, posix_spawn, (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
     (pid, path, actions, attributes, argv, envp), spawn_fault("posix_spawn", argv), error)
WRAP(int, posix_spawnp, (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
     (pid, path, actions, attributes, argv, envp), spawn_fault("posix_spawnp", argv), error)

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int error = path_fault(flags & O_CREAT ? "open-create" : "open", AT_FDCWD, path), mode;
    va_list args;

    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);
    return error ? fail(error) : real(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    int error = path_fault(flags & O_CREAT ? "openat-create" : "openat", dir, path), mode;
    va_list args;

    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);
    return error ? fail(error) : real(dir, path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    int error = fd_fault("ioctl", fd);
    void *argument;
    va_list args;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    return error ? fail(error) : real(fd, request, argument);
}
