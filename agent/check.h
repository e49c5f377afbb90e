/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CHECK_H
#define CHECK_H

/* xensnap-worker --check, which xensnap check starts: looks at the store for what is not as it should be, and says what
 * to do about it.  It reads, and asks neither the agent nor anybody who could be waiting for something. */

enum { CHECK_WELL, CHECK_PROBLEMS, CHECK_NOT_LOOKED };

/* The words behind --check; returns the exit code, one of the above. */
int check_main(int argc, char **argv);

#endif
