/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* A terminal gets what its locale can show; a file or a pipe gets UTF-8 as it is. */
void text_init(void)
{
    setlocale(LC_CTYPE, isatty(STDOUT_FILENO) ? "" : "C.UTF-8");
}

/* Characters that take no column and change the order, the joining or the lines of the others. */
static bool steers(wchar_t c)
{
    return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff);
}

/* How many bytes the character at s has; *columns is -1 where it cannot be shown. */
static size_t measure(const char *s, int *columns)
{
    mbstate_t state = { 0 };
    wchar_t c;
    size_t length = mbrtowc(&c, s, strlen(s), &state);

    *columns = -1;
    if (length == (size_t)-1 || length == (size_t)-2)
        return 1;
    if (!steers(c))
        *columns = wcwidth(c);
    return length;
}

int text_width(const char *text)
{
    int width = 0, columns;

    while (*text) {
        text += measure(text, &columns);
        width += columns < 0 ? 1 : columns;
    }
    return width;
}

void text_put(FILE *out, const char *text, int width)
{
    int columns;

    while (*text) {
        size_t length = measure(text, &columns);

        if (columns < 0)
            putc('?', out);
        else
            fwrite(text, 1, length, out);
        text += length;
        width -= columns < 0 ? 1 : columns;
    }
    for (; width > 0; width--)
        putc(' ', out);
}

static void format_time(char text[TIME_TEXT_SIZE], const char *format, long long seconds)
{
    time_t time = seconds;
    struct tm tm;

    if (!seconds || !localtime_r(&time, &tm) || !strftime(text, TIME_TEXT_SIZE, format, &tm))
        snprintf(text, TIME_TEXT_SIZE, "-");
}

void text_time(char text[TIME_TEXT_SIZE], long long seconds)
{
    format_time(text, "%Y-%m-%dT%H:%M:%S", seconds);
}

void text_time_zone(char text[TIME_TEXT_SIZE], long long seconds)
{
    format_time(text, "%Y-%m-%dT%H:%M:%S%z", seconds);
}

void text_size(char text[SIZE_TEXT_SIZE], long long bytes)
{
    static const char units[] = "KMGTPE";
    double size = (double)bytes;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(text, SIZE_TEXT_SIZE, "%lldB", bytes);
        return;
    }
    for (size /= 1024; size >= 1023.95 && unit < sizeof units - 2; size /= 1024)
        unit++;
    snprintf(text, SIZE_TEXT_SIZE, "%.1f%c", size, units[unit]);
}
