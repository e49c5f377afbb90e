/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"

enum { FIRST_DOMID = 5 };

bool table_read(unsigned domid, struct guest *guest)
{
    char path[DOUBLE_PATH], kind[8];
    _cleanup_(freep) char *text = NULL;
    int dying;

    double_path(path, "xen/%u", domid);
    text = double_read(path, NULL);
    *guest = (struct guest){ .domid = domid };
    if (!text || sscanf(text, "%36s %7s %d %11s %d %lld", guest->uuid, kind, &guest->pauses, guest->shutdown, &dying,
                        &guest->memory_kb) != 6)
        return false;
    guest->hvm = strcmp(kind, "hvm") == 0;
    guest->dying = dying;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct guest *x = a, *y = b;

    return x->domid < y->domid ? -1 : x->domid > y->domid;
}

size_t table_list(struct guest guests[GUESTS_MAX])
{
    char path[DOUBLE_PATH];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    double_path(path, "xen");
    dir = opendir(path);
    while (dir && count < GUESTS_MAX && (entry = readdir(dir))) {
        unsigned domid;

        if (domid_parse(entry->d_name, &domid) && table_read(domid, &guests[count]))
            count++;
    }
    if (dir)
        closedir(dir);
    qsort(guests, count, sizeof *guests, compare);
    return count;
}

int table_put(const struct guest *guest, struct err *err)
{
    char path[DOUBLE_PATH], line[128];

    snprintf(line, sizeof line, "%s %s %d %s %d %lld\n", guest->uuid, guest->hvm ? "hvm" : "pv", guest->pauses,
             guest->shutdown, guest->dying, guest->memory_kb);
    double_path(path, "xen/%u", guest->domid);
    return double_write(path, line, strlen(line), err);
}

/* A domid is not used again. */
static int take_domid(unsigned *domid, struct err *err)
{
    char path[DOUBLE_PATH], number[16];
    _cleanup_(closep) int lock = -1;

    double_path(path, "next-domid.lock");
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        return err_errno(err, "%s", path);
    *domid = (unsigned)double_setting("next-domid", FIRST_DOMID);
    snprintf(number, sizeof number, "%u\n", *domid + 1);
    double_path(path, "next-domid");
    return double_write(path, number, strlen(number), err);
}

int table_add(struct guest *guest, struct err *err)
{
    char path[DOUBLE_PATH];

    if (take_domid(&guest->domid, err) < 0)
        return -1;
    double_path(path, "xen");
    mkdir(path, 0700);
    double_path(path, "domains");
    mkdir(path, 0700);
    double_path(path, "domains/%u", guest->domid);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "%s", path);
    return table_put(guest, err);
}

void table_remove(unsigned domid)
{
    static const char *const files[] = { "lock", "memory", "qemu.pid", "reaper.pid", "qemu-save" };
    char path[DOUBLE_PATH];

    double_path(path, "xen/%u", domid);
    unlink(path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        double_path(path, "domains/%u/%s", domid, files[i]);
        unlink(path);
    }
    double_path(path, "domains/%u", domid);
    rmdir(path);
}

static int lock(unsigned domid, int how)
{
    char path[DOUBLE_PATH];
    int fd;

    double_path(path, "domains/%u/lock", domid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && flock(fd, how) < 0 && errno == EINTR)
        ;
    return fd;
}

int table_hold(unsigned domid, struct guest *guest, int *held, struct err *err)
{
    *held = lock(domid, LOCK_EX);
    if (*held >= 0 && table_read(domid, guest))
        return 0;
    closep(held);
    *held = -1;
    return err_set(err, ERR_DOMAIN_GONE, "the domain is gone");
}

bool table_run(unsigned domid, int *held)
{
    struct guest guest;

    *held = lock(domid, LOCK_SH);
    if (*held >= 0 && table_read(domid, &guest) && !guest.pauses && !guest.dying && *guest.shutdown == '-')
        return true;
    closep(held);
    *held = -1;
    return false;
}

static enum xl_life life_of(const struct guest *guest)
{
    if (guest->dying)
        return XL_DYING;
    if (*guest->shutdown != '-')
        return strcmp(guest->shutdown, "suspend") == 0 ? XL_SUSPENDED : XL_SHUT_DOWN;
    return guest->pauses ? XL_PAUSED : XL_RUNNING;
}

void table_describe(const struct guest *guest, struct xl_domain *domain)
{
    *domain = (struct xl_domain){ .domid = guest->domid, .life = life_of(guest), .hvm = guest->hvm,
                                  .memory_kb = guest->memory_kb };
    memcpy(domain->uuid, guest->uuid, sizeof domain->uuid);
}
