/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef READONLY_H
#define READONLY_H

/* QEMU leaves the image into which a merge was to go open for writing when that is given up. */

struct reach;

/* LOWER, on which the device's image UPPER stands, is open for reading again, as before.  Where QEMU does not do that
 * it stays as it is, which does no harm but that nobody can protect it. */
void readonly_again(const struct reach *reach, const char *upper, const char *lower, const char *format);

#endif
