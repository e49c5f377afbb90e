/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reach.h"

#include <poll.h>
#include <string.h>

#include "clock.h"
#include "holders.h"
#include "log.h"
#include "qmp.h"

enum { LOOKERS_SECONDS = 3, LOOK_MS = 50 };

void reach_close(struct reach *reach)
{
    nodes_deinit(&reach->nodes);
    reach->qmp = qmp_close(reach->qmp);
}

int reach_refresh(struct reach *reach, struct err *err)
{
    return reach->qmp ? nodes_load(&reach->nodes, reach->qmp, err) : 0;
}

static int open_qemu(struct reach *reach, struct control *control, struct err *err)
{
    reach->runs = true;
    if (qmp_open(&reach->qmp, reach->domain.domid, control, err) == 0)
        return reach_refresh(reach, err);
    return err->code == ERR_NOT_FOUND ? 0 : -1; /* no disk of its needs a QEMU */
}

int reach_open(struct reach *reach, struct xl *xl, const char *vm, struct control *control, struct err *err)
{
    int found;

    *reach = (struct reach){ 0 };
    found = xl_find(xl, vm, &reach->domain, err);
    if (found > 0 && reach->domain.life == XL_SHUT_DOWN && open_qemu(reach, control, err) == 0 && reach->qmp)
        return 0;
    if (found > 0 && (reach->domain.life == XL_SHUT_DOWN || reach->domain.life == XL_DYING ||
                      !xl_is_built(xl, reach->domain.domid)))
        found = xl_find_settled(xl, vm, &reach->domain, err);
    if (found < 0)
        return -1;
    reach->runs = found > 0;
    if (!reach->runs)
        return 0;
    if (reach->domain.life == XL_SHUT_DOWN || reach->domain.life == XL_DYING)
        return err_set(err, ERR_BUSY, "the domain is shutting down; ask again when it has ended");
    return open_qemu(reach, control, err);
}

int reach_check_steady(const struct reach *reach, struct err *err)
{
    if (!reach->runs || reach->domain.life != XL_SUSPENDED)
        return 0;
    return err_set(err, ERR_BUSY, "the domain is suspended: it is being saved or migrated");
}

void reach_explain(const struct reach *reach, struct xl *xl, struct err *err)
{
    struct xl_domain now;
    struct err look_err;

    if (!reach->runs || (err->code != ERR_XEN && err->code != ERR_QEMU))
        return;
    if (xl_look(xl, reach->domain.domid, &now, &look_err) == 0 && strcmp(now.uuid, reach->domain.uuid) == 0 &&
        now.life != XL_SHUT_DOWN && now.life != XL_DYING)
        return;
    log_info("domain %u (%s) has ended: %s", reach->domain.domid, reach->domain.uuid, err->text);
    err_set(err, ERR_DOMAIN_GONE, "the domain has ended or rebooted meanwhile");
}

const struct xl_domain *reach_domain(const struct reach *reach)
{
    return reach->runs ? &reach->domain : NULL;
}

int reach_find(const struct reach *reach, const char *image, const char *tag, struct node *node, struct err *err)
{
    *node = (struct node){ .role = NODE_ABSENT };
    return reach->qmp ? nodes_find(&reach->nodes, image, tag, node, err) : 0;
}

static int check_no_loop(const char *image, const char *vdev, struct err *err)
{
    char loop[32];

    if (!holders_find_loop(image, false, loop))
        return 0;
    return err_set(err, ERR_BUSY, "disk %s: /dev/%s stands on its image; detach it (losetup -d /dev/%s) and ask again",
                   vdev, loop, loop);
}

int reach_check_unused(const char *image, const char *vdev, struct err *err)
{
    struct holders holders = { 0 };
    int rc = holders_find(&holders, image, err);

    if (rc == 0 && holders.count > 0)
        rc = err_set(err, ERR_BUSY, "disk %s: process %d (%s) has its image open", vdev, holders.item[0].pid,
                     holders.item[0].name);
    holders_deinit(&holders);
    return rc < 0 ? -1 : check_no_loop(image, vdev, err);
}

int reach_check_alone(const char *image, const char *vdev, struct err *err)
{
    struct holders holders = { 0 };
    int rc = holders_find(&holders, image, err);

    if (rc == 0 && holders.count > 1)
        rc = err_set(err, ERR_BUSY, "disk %s: another process has the image open into which it is to be merged",
                     vdev);
    if (rc == 0 && holders.count == 0)
        rc = err_set(err, ERR_CORRUPT, "disk %s: %s is not the file that QEMU has open; it was moved or replaced", vdev,
                     image);
    holders_deinit(&holders);
    return rc < 0 ? -1 : check_no_loop(image, vdev, err);
}

static int wait_for(int (*check)(const char *image, const char *vdev, struct err *err), const char *image,
                    const char *vdev, struct err *err)
{
    long long deadline = clock_ms() + LOOKERS_SECONDS * 1000;
    int rc;

    while ((rc = check(image, vdev, err)) < 0 && err->code == ERR_BUSY && clock_ms() < deadline)
        poll(NULL, 0, LOOK_MS);
    return rc;
}

int reach_wait_unused(const char *image, const char *vdev, struct err *err)
{
    return wait_for(reach_check_unused, image, vdev, err);
}

int reach_wait_alone(const char *image, const char *vdev, struct err *err)
{
    return wait_for(reach_check_alone, image, vdev, err);
}

/* But for the QEMU of REACH. */
static int check_foreign(const struct reach *reach, const struct holders *holders, const char *vdev, const char *does,
                         struct err *err)
{
    int own = reach && reach->qmp ? qmp_peer(reach->qmp) : 0;

    for (size_t i = 0; i < holders->count; i++)
        if (holders->item[i].pid != own)
            return err_set(err, ERR_BUSY, "disk %s: process %d (%s) %s; ask again when it has ended", vdev,
                           holders->item[i].pid, holders->item[i].name, does);
    return 0;
}

int reach_check_unwritten(const struct reach *reach, const char *image, const char *vdev, struct err *err)
{
    struct holders holders = { 0 };
    char loop[32];
    int rc = holders_find_writers(&holders, image, err);

    if (rc == 0)
        rc = check_foreign(reach, &holders, vdev, "has its image open for writing", err);
    holders_deinit(&holders);
    if (rc == 0 && holders_find_loop(image, true, loop))
        rc = err_set(err, ERR_BUSY, "disk %s: /dev/%s stands on its image and can be written to; detach it (losetup -d "
                     "/dev/%s) and ask again", vdev, loop, loop);
    return rc;
}

int reach_check_unlocked(const struct reach *reach, const char *image, const char *vdev, struct err *err)
{
    struct holders holders = { 0 };
    int rc = holders_find_lockers(&holders, image, err);

    if (rc == 0)
        rc = check_foreign(reach, &holders, vdev, "keeps its image locked", err);
    holders_deinit(&holders);
    return rc;
}
