/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "holders.h"
#include "vmconfig.h"

const char *look_vm(const struct look *look)
{
    return look->work.begun.order.vm;
}

static bool has_file(const struct look *look, const char *name)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);

    return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool look_has_snapshot(const struct look *look, const char *id)
{
    char damaged[UUID_LENGTH + 16];

    snprintf(damaged, sizeof damaged, "damaged-%.*s", UUID_LENGTH, id);
    return uuid_valid(id) && (has_file(look, id) || has_file(look, damaged));
}

struct owner {
    const struct look *look;
    const char *snapshot;
    char *vm;
    bool found;
};

static void ask_owner(void *data, const char *vm)
{
    struct owner *owner = data;
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(owner->look->work.store, vm, STORE_EXISTING, &err);

    if (owner->found || strcmp(vm, look_vm(owner->look)) == 0 || dir < 0 ||
        faccessat(dir, owner->snapshot, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    owner->found = true;
    memcpy(owner->vm, vm, UUID_LENGTH + 1);
}

int look_find_owner(const struct look *look, const char *id, char vm[UUID_LENGTH + 1])
{
    struct owner owner = { .look = look, .snapshot = id, .vm = vm };
    struct err err;

    if (store_each_vm(look->work.store, ask_owner, &owner, &err) == 0 || owner.found)
        return owner.found;
    return -1;
}

/* Of two with one name it means the first; and a guest may call one "-f". */
const char *look_word(const struct look *look, const struct record *record)
{
    bool plain = *record->name != '-' && snapshots_find(&look->snapshots, record->name) == record;

    return quoted(plain ? record->name : record->id);
}

bool look_knows_all(const struct look *look)
{
    struct err err;

    return look->work.xl && look->ledger_read && look->listed && look->current &&
           look->chain.unknown.code == ERR_NONE && snapshots_check_whole(&look->snapshots, &err) == 0;
}

static void take_stamp(const struct look *look, struct look_stamp *stamp)
{
    struct err err;
    _cleanup_(closep) int dir = store_vm_dir(look->work.store, look_vm(look), STORE_EXISTING, &err);
    struct stat st;

    *stamp = (struct look_stamp){ .size = -1 };
    if (dir >= 0 && fstat(dir, &st) == 0)
        stamp->dir = st.st_mtim;
    if (dir < 0 || fstatat(dir, "journal", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    stamp->journal = st.st_mtim;
    stamp->size = st.st_size;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_disks(const struct vm_disks *a, const struct vm_disks *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->item[i].vdev, b->item[i].vdev) != 0 || strcmp(a->item[i].target, b->item[i].target) != 0)
            return false;
    return true;
}

/* The domain is the one that was seen, or there is still none, and its disks are what they were. */
static bool is_same_domain(struct look *look)
{
    _cleanup_(freep) struct vm_disks *disks = calloc(1, sizeof *disks);
    struct xl_domain domain;
    struct err err;
    bool runs;

    if (!disks)
        abort();
    if (!look->work.xl || look->under_way || !look->current)
        return true;
    runs = xl_find(look->work.xl, look_vm(look), &domain, &err) > 0 && domain.life != XL_DYING;
    return runs == look->reach.runs && (!runs || domain.domid == look->reach.domain.domid) &&
           vmconfig_disks(&look->work, runs ? &domain : NULL, disks, &err) == 0 && same_disks(disks, look->disks);
}

bool look_is_steady(struct look *look)
{
    struct look_stamp now;

    take_stamp(look, &now);
    return same_time(now.dir, look->stamp.dir) && same_time(now.journal, look->stamp.journal) &&
           now.size == look->stamp.size && (!look->opened || is_same_domain(look));
}

/* A journal that somebody has locked is an operation that is being done.  Its lock is not tried: for that moment an
 * operation that begins would be refused. */
static void look_at_journal(struct look *look)
{
    struct holders holders = { 0 };
    char path[PATH_SIZE];
    struct err err;

    if (!store_has_journal(look->work.store, look_vm(look)))
        return;
    look->left = true;
    if (store_file_path(look->work.store, look_vm(look), "journal", path) < 0)
        return;
    look->under_way = holders_find_lockers(&holders, path, &err) == 0 && holders.count > 0;
    look->left = !look->under_way;
    holders_deinit(&holders);
}

/* QEMU has one monitor for us, which the operation needs that is being done. */
static int reach_domain_of(struct look *look, struct err *err)
{
    if (!look->work.xl || look->under_way)
        return 0;
    return reach_open(&look->reach, look->work.xl, look_vm(look), &look->control, err);
}

/* Which configuration counts, the domain's or the stored one, and what QEMU says. */
static void look_at_domain(struct look *look)
{
    struct vm_disks *disks = look->disks = calloc(1, sizeof *disks);
    struct err err;

    if (!disks)
        abort();
    if (reach_domain_of(look, &err) < 0) {
        problems_note(look->problems, "domain", "it cannot be looked at: %s", err.text);
        look->problems->unlooked = true;
        reach_close(&look->reach);
        look->reach = (struct reach){ .runs = false };
    } else
        look->current = (look->reach.runs || has_file(look, "config.json")) &&
                        vmconfig_disks(&look->work, reach_domain(&look->reach), disks, &err) == 0;
    memcpy(look->problems->name, disks->name, sizeof disks->name);
}

/* Nor does an operation that begins wait until images are looked at. */
static int list_images(struct look *look, struct err *err)
{
    int rc = chain_list(&look->chain, &look->images, &look->work, &look->reach, err);

    look->has_qemu = look->reach.qmp != NULL;
    reach_close(&look->reach);
    return rc;
}

static void look_at_images(struct look *look)
{
    struct err err;

    if (list_images(look, &err) == 0 &&
        chain_look(&look->chain, &look->images, &look->work, &err) == 0) {
        look->listed = true;
        return;
    }
    problems_note(look->problems, "images", "they cannot be looked at: %s", err.text);
    look->problems->unlooked = true;
    chain_deinit(&look->chain);
}

/* As lists show it. */
static void take_name(struct look *look)
{
    const struct snapshots *snapshots = &look->snapshots;

    if (!*look->problems->name && snapshots->count)
        snprintf(look->problems->name, sizeof look->problems->name, "%s",
                 snapshots->records[snapshots->count - 1].vm_name);
}

int look_begin(struct look *look, struct store *store, struct xl *xl, struct problems *problems, struct err *err)
{
    *look = (struct look){ .work = { .store = store, .xl = xl, .downtime_ms = -1 }, .control = { .fd = -1 },
                           .problems = problems };
    look->work.control = &look->control;
    memcpy(look->work.begun.order.vm, problems->vm, sizeof problems->vm);
    take_stamp(look, &look->stamp);
    if (store_list(store, problems->vm, &look->snapshots, err) < 0)
        return -1;
    look->opened = true;
    look_at_journal(look);
    if (look->left)
        journal_look(store, problems->vm, &look->journal, err);
    look->unsettled = has_file(look, "next.json");
    look->owed = has_file(look, "owed");
    look->ledger_read = images_load(&look->images, store, problems->vm, err) == 0;
    if (!look->ledger_read)
        images_deinit(&look->images);
    look_at_domain(look);
    take_name(look);
    if (!look->under_way)
        look_at_images(look);
    return 0;
}

void look_end(struct look *look)
{
    reach_close(&look->reach);
    chain_deinit(&look->chain);
    images_deinit(&look->images);
    snapshots_deinit(&look->snapshots);
    freep(&look->disks);
}
