/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets Debian's own xenstored 4.17 run without a hypervisor: a library for LD_PRELOAD that answers the calls it makes
 * to Xen.  Which domains there are stands in the directory that $SHIM_DOMAINS names, a file DOMID for each: see
 * tests/double/double.h for what it holds.  A change there is what VIRQ_DOM_EXC is elsewhere. */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

static int events = -1;
static void *const handle = &events; /* for every kind of handle: something that is not NULL */

/* ---- /proc/xen */

static int memory_file(const char *text)
{
    int fd = memfd_create("shim", MFD_CLOEXEC);

    if (text && (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        abort();
    if (!text && ftruncate(fd, 4096) < 0)
        abort();
    return fd;
}

static int open_shimmed(const char *path)
{
    if (strcmp(path, "/proc/xen/xsd_port") == 0)
        return memory_file("7\n");
    if (strcmp(path, "/proc/xen/xsd_kva") == 0)
        return memory_file(NULL);
    return -1;
}

#define OPEN(name)                                                         \
    int name(const char *path, int flags, ...)                             \
    {                                                                      \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);     \
        int fd = open_shimmed(path), mode;                                 \
        va_list args;                                                      \
                                                                           \
        va_start(args, flags);                                             \
        mode = va_arg(args, int);                                          \
        va_end(args);                                                      \
        return fd >= 0 ? fd : real(path, flags, mode);                     \
    }

OPEN(open)
OPEN(open64)

/* ---- libxenctrl */

/* An empty file is a domain that runs. */
static bool read_domain(uint32_t domid, xc_dominfo_t *info)
{
    const char *dir = getenv("SHIM_DOMAINS");
    char path[512], shutdown[12] = "-";
    int dying = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/%u", dir ? dir : "/nonexistent", domid);
    file = fopen(path, "re");
    if (!file)
        return domid == 0;
    if (fscanf(file, "%*s %*s %*d %11s %d", shutdown, &dying) == 2) {
        info->shutdown = *shutdown != '-';
        info->dying = dying != 0;
    }
    fclose(file);
    return true;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger, unsigned flags)
{
    (void)logger, (void)dombuild_logger, (void)flags;
    return handle;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned max, xc_dominfo_t *info)
{
    (void)xch, (void)max;
    memset(info, 0, sizeof *info);
    info->domid = first;
    return read_domain(first, info);
}

/* ---- libxenevtchn: the only event is a change in $SHIM_DOMAINS */

enum { VIRQ_PORT = 1 };

static int watch_domains(void)
{
    const char *dir = getenv("SHIM_DOMAINS");
    int fd = inotify_init1(IN_NONBLOCK);

    if (dir)
        inotify_add_watch(fd, dir, IN_MOVED_TO | IN_DELETE);
    return fd;
}

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger, (void)flags;
    events = watch_domains();
    return handle;
}

xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *logger, int fd, unsigned flags)
{
    (void)logger, (void)flags;
    events = fd;
    return handle;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return events;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned virq)
{
    (void)xce, (void)virq;
    return VIRQ_PORT;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t port)
{
    (void)xce, (void)port;
    return (int)(100 + domid);
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    char changes[4096];

    (void)xce;
    return read(events, changes, sizeof changes) > 0 ? VIRQ_PORT : -1;
}

#define DOES_NOTHING(name)                                 \
    int name(xenevtchn_handle *xce, evtchn_port_t port)    \
    {                                                      \
        (void)xce, (void)port;                             \
        return 0;                                          \
    }

DOES_NOTHING(xenevtchn_notify)
DOES_NOTHING(xenevtchn_unbind)
DOES_NOTHING(xenevtchn_unmask)

/* ---- libxengnttab */

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger, (void)flags;
    return handle;
}

int xengnttab_close(xengnttab_handle *xgt)
{
    (void)xgt;
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    (void)xgt, (void)count;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    (void)xgt, (void)domid, (void)ref, (void)prot;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *address, uint32_t pages)
{
    (void)xgt;
    return munmap(address, 4096u * pages);
}
