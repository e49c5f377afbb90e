/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Tells systemd how we are, e.g. "READY=1"; does nothing where no service manager listens. */
void notify(const char *state);

#endif
