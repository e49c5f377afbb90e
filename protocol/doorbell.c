/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doorbell.h"

#include <stdlib.h>
#include <unistd.h>
#include <xenevtchn.h>

struct doorbell {
    xenevtchn_handle *handle;
    evtchn_port_t port;
};

/* libxenevtchn complains on stderr of a device that is not there, which is no fault. */
static struct doorbell *open_device(void)
{
    struct doorbell *bell = access("/dev/xen/evtchn", R_OK | W_OK) == 0 ? calloc(1, sizeof *bell) : NULL;

    if (!bell)
        return NULL;
    bell->handle = xenevtchn_open(NULL, 0);
    return bell->handle ? bell : doorbell_close(bell);
}

struct doorbell *doorbell_offer(unsigned *port)
{
    struct doorbell *bell = open_device();
    xenevtchn_port_or_error_t bound = bell ? xenevtchn_bind_unbound_port(bell->handle, 0) : -1;

    if (bound < 0)
        return doorbell_close(bell);
    bell->port = *port = (evtchn_port_t)bound;
    return bell;
}

struct doorbell *doorbell_dial(unsigned domid, unsigned port)
{
    struct doorbell *bell = open_device();
    xenevtchn_port_or_error_t bound = bell ? xenevtchn_bind_interdomain(bell->handle, domid, port) : -1;

    if (bound < 0)
        return doorbell_close(bell);
    bell->port = (evtchn_port_t)bound;
    return bell;
}

struct doorbell *doorbell_close(struct doorbell *bell)
{
    if (bell) {
        if (bell->handle)
            xenevtchn_close(bell->handle);
        free(bell);
    }
    return NULL;
}

void doorbell_ring(struct doorbell *bell)
{
    if (bell)
        xenevtchn_notify(bell->handle, bell->port);
}

int doorbell_fd(const struct doorbell *bell)
{
    return bell ? xenevtchn_fd(bell->handle) : -1;
}

void doorbell_heard(struct doorbell *bell)
{
    xenevtchn_port_or_error_t port = bell ? xenevtchn_pending(bell->handle) : -1;

    if (port >= 0)
        xenevtchn_unmask(bell->handle, (evtchn_port_t)port);
}
