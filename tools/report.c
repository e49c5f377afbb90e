/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"
#include "json.h"
#include "text.h"

static const int codes[ERR_CODES] = {
    [ERR_NONE] = EXIT_OTHER,
    [ERR_INVALID] = EXIT_USAGE,
    [ERR_DENIED] = 3,
    [ERR_NOT_FOUND] = 4,
    [ERR_EXISTS] = 5,
    [ERR_BUSY] = 6,
    [ERR_QUOTA] = 7,
    [ERR_NO_SPACE] = 8,
    [ERR_UNSUPPORTED] = 9,
    [ERR_DOMAIN_GONE] = 10,
    [ERR_GUEST_TIMEOUT] = 11,
    [ERR_CANCELLED] = 12,
    [ERR_CORRUPT] = 13,
    [ERR_XEN] = 14,
    [ERR_QEMU] = 15,
    [ERR_IO] = 16,
    [ERR_INTERNAL] = 17,
};

static void put_json(const char *word, const char *text)
{
    _cleanup_(json_writer_freep) struct json_writer *writer = json_writer_new(false);

    json_object(writer, NULL);
    json_put_string(writer, "error", word);
    json_put_string(writer, "message", text);
    json_end_object(writer);
    puts(json_text(writer));
}

static int put(const struct options *options, int code, const char *word, const char *text)
{
    fprintf(stderr, "xensnap: %s%s%s: ", options->command, *options->command ? ": " : "", word);
    text_put(stderr, text, 0);
    putc('\n', stderr);
    if (options->json)
        put_json(word, text);
    return code;
}

int report(const struct options *options, const struct err *err)
{
    enum err_code code = err->code < ERR_CODES ? err->code : ERR_INTERNAL;

    return put(options, codes[code], err_word(code), err->text);
}

int report_as(const struct options *options, int code, const char *word, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return put(options, code, word, text);
}

int report_usage(const struct options *options, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(options, EXIT_USAGE, err_word(ERR_INVALID), text);
    fprintf(stderr, "Try: xensnap %s%s--help\n", options->command, *options->command ? " " : "");
    return EXIT_USAGE;
}

void report_codes(void)
{
    puts("Exit codes, and the error words they stand for:\n"
         "   0  done\n"
         "   1  other: the time given with --timeout is over");
    for (enum err_code code = ERR_INVALID; code < ERR_CODES; code++)
        printf("  %2d  %s\n", codes[code], err_word(code));
    printf("  %2d  no-agent: xensnapd is not running or does not answer\n", EXIT_NO_AGENT);
    printf(" %3d + the signal's number: left while the operation goes on\n", EXIT_SIGNAL);
}
