/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_H
#define XL_H

/* The toolstack as blocking calls which a cancel can cut short.  The only door to libxl (xl.c,
 * xl_config.c and xl_stream.c behind it); linked into the worker and the monitor and nowhere else. */

#include <stdbool.h>
#include <stddef.h>

#include "errors.h"
#include "names.h"
#include "record.h"

struct control;
struct xl;
struct xl_config;

/* CONTROL may be NULL: then nothing cancels, and nobody hears of progress. */
int xl_open(struct xl **out, struct control *control, struct err *err);
struct xl *xl_close(struct xl *xl);
/* "4.17.4"; belongs to XL. */
const char *xl_version(const struct xl *xl);
/* On Xen before 4.20 the xl process that waits for a domain's shutdown ends when the domain is suspended:
 * tools/xl/xl_vmcontrol.c took a suspend for the end until 6b8c85872e. */
bool xl_daemon_ends_at_suspend(const struct xl *xl);

/* ---- one domain ---------------------------------------------------------------------------------------- */

enum xl_life { XL_RUNNING, XL_PAUSED, XL_SUSPENDED, XL_SHUT_DOWN, XL_DYING };

struct xl_domain {
    unsigned domid;
    char uuid[UUID_LENGTH + 1];
    enum xl_life life;
    bool hvm;
    long long memory_kb;
};

/* ERR_DOMAIN_GONE where there is none with that domid. */
int xl_look(struct xl *xl, unsigned domid, struct xl_domain *domain, struct err *err);
/* The domain with that UUID: 1 found, 0 none, -1 error. */
int xl_find(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err);

/* Whether libxl has finished building it: it stores the configuration at the end. */
bool xl_is_built(struct xl *xl, unsigned domid);
/* The same as xl_find(), but one that is on its way out or in is waited for: until it has gone for good, or the next
 * one with its UUID is there and built.  (xl starts a domain that reboots 2 s after it has destroyed it.)  One that
 * stays, preserved for a look, is found after half a minute. */
int xl_find_settled(struct xl *xl, const char *uuid, struct xl_domain *domain, struct err *err);

/* Serves libxl for so long. */
int xl_let_pass(struct xl *xl, int ms, struct err *err);

int xl_pause(struct xl *xl, unsigned domid, struct err *err);
int xl_unpause(struct xl *xl, unsigned domid, struct err *err);
int xl_destroy(struct xl *xl, unsigned domid, struct err *err);
/* Lets a domain go on that xl_save() has suspended, as if nothing had been; QEMU goes on first. */
int xl_resume(struct xl *xl, unsigned domid, struct err *err);
/* Writes the domain's core to FILE, as xl's coredump actions do. */
int xl_dump_core(struct xl *xl, unsigned domid, const char *file, struct err *err);

enum xl_end { XL_END_POWEROFF, XL_END_REBOOT, XL_END_SUSPEND, XL_END_CRASH, XL_END_WATCHDOG,
              XL_END_SOFT_RESET, XL_END_DESTROYED, XL_END_TIMEOUT };

/* Waits until the domain shuts down, is suspended or is destroyed, or SECONDS have passed (-1: for ever).
 * A suspend that is reported once is not reported again until the domain has run meanwhile. */
int xl_wait_end(struct xl *xl, unsigned domid, int seconds, enum xl_end *end, struct err *err);

/* ---- configurations ------------------------------------------------------------------------------------ */

enum xl_action { XL_ACTION_DESTROY, XL_ACTION_RESTART, XL_ACTION_RENAME_RESTART, XL_ACTION_PRESERVE,
                 XL_ACTION_COREDUMP_DESTROY, XL_ACTION_COREDUMP_RESTART, XL_ACTION_SOFT_RESET };

struct xl_disk {
    char vdev[VDEV_SIZE];
    char target[PATH_SIZE];
    char format[12];
    bool qdisk, writable, cdrom;
};

int xl_config_read(struct xl *xl, unsigned domid, struct xl_config **out, struct err *err);
int xl_config_parse(struct xl *xl, const char *json, struct xl_config **out, struct err *err);
struct xl_config *xl_config_free(struct xl_config *config);
char *xl_config_format(struct xl *xl, struct xl_config *config); /* JSON, to be freed */
const char *xl_config_name(const struct xl_config *config);
/* What is going to be done with a domain, which not every domain allows. */
struct xl_intent {
    bool memory;    /* its memory is saved or restored */
    bool saves;     /* its memory is saved */
    bool switches;  /* its disks go on in other images, or it is replaced */
};
/* ERR_UNSUPPORTED where that cannot be done, or not be brought back; says what the domain has. */
int xl_config_check(struct xl *xl, unsigned domid, const struct xl_config *config, struct xl_intent intent,
                    struct err *err);
size_t xl_config_disks(const struct xl_config *config, struct xl_disk *disks, size_t size);
/* The disk's image is PATH from now on.  A disk that is not there is left so. */
void xl_config_set_disk(struct xl_config *config, const char *vdev, const char *path, const char *format);
/* The same in what libxl has stored for a running domain, which its next reboot, save and migration go by.  Under
 * libxl's own lock (userdata.h), so that a device or a medium that is being changed by another meanwhile is not
 * lost. */
int xl_config_store_disk(struct xl *xl, unsigned domid, const char *vdev, const char *path, const char *format,
                         struct err *err);
/* A domain that is made of CONFIG has MARK in this node of its tree from its first moment: for a while by that alone it
 * is told from one that somebody else has made. */
#define XL_MARK_NODE "xensnap-operation"
void xl_config_set_mark(struct xl_config *config, const char *mark);
/* The disks as a line for xl.cfg, to be freed. */
char *xl_config_disk_line(const struct xl_config *config);
enum xl_action xl_config_action(const struct xl_config *config, enum xl_end end);
/* Kilobytes that have to be free to build it. */
int xl_config_need_memory(struct xl *xl, const struct xl_config *config, long long *kb, struct err *err);
int xl_free_memory(struct xl *xl, long long *kb, struct err *err);

enum xl_need_kind { XL_NEED_KERNEL, XL_NEED_RAMDISK, XL_NEED_BOOTLOADER, XL_NEED_FIRMWARE, /* of these only a boot */
                    XL_NEED_DEVICE_MODEL, XL_NEED_SCRIPT, XL_NEED_BRIDGE };

/* What has to be there in this dom0, beside images of disks, for a domain to be made of CONFIG. */
struct xl_need {
    enum xl_need_kind kind;
    char name[PATH_SIZE]; /* a path, as libxl opens it; of a bridge its interface */
    char who[24];         /* needs it: "vif 0", "disk xvda"; "" = the domain */
};

/* How many it has put into NEEDS, SIZE at most.  What only libxl knows where to look for is not among them. */
size_t xl_config_needs(const struct xl_config *config, struct xl_need *needs, size_t size);
/* ERR_UNSUPPORTED where the CPU pool that CONFIG names is not there. */
int xl_config_check_pool(struct xl *xl, const struct xl_config *config, struct err *err);
/* ERR_EXISTS where another domain than the one with that UUID has CONFIG's name. */
int xl_config_check_name(struct xl *xl, const struct xl_config *config, const char *uuid, struct err *err);

/* ---- memory images ------------------------------------------------------------------------------------- */

enum xl_save_kind { XL_SAVE_LIVE, XL_SAVE_STOPPED };

struct xl_saved {
    long long suspended_ms; /* clock_ms() when the guest stood still; 0: it never did */
    bool sent_pages;        /* false: it was refused before anything happened */
};

/* Writes the domain's memory to FD, which begins to be of use after an xl header (savefile.h).  On success
 * the domain is suspended.  On failure it may be: see xl_look(). */
int xl_save(struct xl *xl, unsigned domid, int fd, enum xl_save_kind kind, struct xl_saved *saved,
            struct err *err);
/* Builds a new domain from CONFIG and the stream at FD's position; leaves it paused. */
int xl_restore(struct xl *xl, struct xl_config *config, int fd, unsigned *domid, struct err *err);
/* Boots a new domain; leaves it paused. */
int xl_create(struct xl *xl, struct xl_config *config, unsigned *domid, struct err *err);
/* Gives a domain that is to be kept for a look another name and UUID; what xl does for rename-restart. */
int xl_preserve(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err);
int xl_soft_reset(struct xl *xl, unsigned domid, struct xl_config *config, struct err *err);

static inline void xl_closep(struct xl **xl)
{
    xl_close(*xl);
}

static inline void xl_config_freep(struct xl_config **config)
{
    xl_config_free(*config);
}

#endif
