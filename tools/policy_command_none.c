/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of policy_command.c in a build for guests, where no agent is configured. */

#include "commands.h"
#include "report.h"

int command_policy(struct xensnap *xensnap, const struct options *options)
{
    struct xensnap_error error;

    (void)xensnap;
    xensnap_error_set(&error, XENSNAP_UNSUPPORTED, "the agent's configuration is read by dom0's xensnap alone");
    return report(options, &error);
}
