/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TEXT_H
#define TEXT_H

/* Text for people.  Names come from others: what could steer a terminal is shown as "?". */

#include <stdio.h>

enum { TIME_TEXT_SIZE = 40, SIZE_TEXT_SIZE = 24 };

/* Once, before the others. */
void text_init(void);

/* Columns that text_put() fills. */
int text_width(const char *text);
/* Writes TEXT, and blanks up to WIDTH columns. */
void text_put(FILE *out, const char *text, int width);

/* Local time as ISO 8601, with the offset from UTC or without; "-" for 0. */
void text_time(char text[TIME_TEXT_SIZE], long long seconds);
void text_time_zone(char text[TIME_TEXT_SIZE], long long seconds);
/* "1.5G": powers of 1024. */
void text_size(char text[SIZE_TEXT_SIZE], long long bytes);

#endif
