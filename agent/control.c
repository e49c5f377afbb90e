/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

enum { ANSWER_SECONDS = 60 };

int control_open(struct control *control, int fd, struct order *order, struct err *err)
{
    struct msg msg;

    *control = (struct control){ .fd = fd, .percent = -2 };
    if (msg_receive(fd, &msg) != 1 || msg.kind != MSG_ORDER)
        return err_set(err, ERR_INTERNAL, "no order came; this program is started by xensnapd");
    *order = msg.order;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return 0;
}

int control_fd(const struct control *control)
{
    return control->gone ? -1 : control->fd;
}

void control_read(struct control *control)
{
    struct msg msg;
    int got;

    while ((got = msg_receive(control->fd, &msg)) == 1) {
        control->cancel_came |= msg.kind == MSG_CANCEL;
        control->go |= msg.kind == MSG_GO;
    }
    if (got == 0 || errno != EAGAIN)
        control->gone = true;
}

bool control_cancelled(const struct control *control)
{
    return !control->committed && (control->cancel_came || control->gone);
}

bool control_asked_to_stop(const struct control *control)
{
    return control->cancel_came || control->gone;
}

void control_progress(struct control *control, const char *stage, int percent)
{
    struct msg msg = { .kind = MSG_PROGRESS, .progress = percent };

    if (strcmp(stage, control->stage) == 0 && percent == control->percent)
        return;
    if (stage != control->stage) /* snprintf() must not copy a string onto itself */
        snprintf(control->stage, sizeof control->stage, "%s", stage);
    control->percent = percent;
    snprintf(msg.stage, sizeof msg.stage, "%s", stage);
    msg_send(control->fd, &msg); /* full or gone: the next one will say more */
}

bool control_tell(struct control *control, const struct msg *msg)
{
    long long deadline = clock_ms() + ANSWER_SECONDS * 1000;

    control->go = false;
    fcntl(control->fd, F_SETFL, 0); /* this one must not be lost to a full socket */
    if (msg_send(control->fd, msg) < 0)
        control->gone = true;
    fcntl(control->fd, F_SETFL, O_NONBLOCK);
    while (!control->go && !control->gone && clock_ms() < deadline) {
        struct pollfd pollfd = { .fd = control->fd, .events = POLLIN };

        if (poll(&pollfd, 1, (int)(deadline - clock_ms())) > 0)
            control_read(control);
    }
    return control->go;
}
