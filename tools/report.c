/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"
#include "json.h"
#include "text.h"

static const int codes[] = {
    [XENSNAP_OK] = EXIT_OTHER,
    [XENSNAP_INVALID] = EXIT_USAGE,
    [XENSNAP_DENIED] = 3,
    [XENSNAP_NOT_FOUND] = 4,
    [XENSNAP_EXISTS] = 5,
    [XENSNAP_BUSY] = 6,
    [XENSNAP_QUOTA] = 7,
    [XENSNAP_NO_SPACE] = 8,
    [XENSNAP_UNSUPPORTED] = 9,
    [XENSNAP_DOMAIN_GONE] = 10,
    [XENSNAP_GUEST_TIMEOUT] = 11,
    [XENSNAP_CANCELLED] = 12,
    [XENSNAP_CORRUPT] = 13,
    [XENSNAP_XEN] = 14,
    [XENSNAP_QEMU] = 15,
    [XENSNAP_IO] = 16,
    [XENSNAP_INTERNAL] = 17,
};

enum { CODES = sizeof codes / sizeof *codes };

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

int report(const struct options *options, const struct xensnap_error *error)
{
    int code = error->code >= 0 && error->code < CODES ? error->code : XENSNAP_INTERNAL;

    return put(options, codes[code], xensnap_word(code), error->message);
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
    put(options, EXIT_USAGE, xensnap_word(XENSNAP_INVALID), text);
    fprintf(stderr, "Try: xensnap %s%s--help\n", options->command, *options->command ? " " : "");
    return EXIT_USAGE;
}

void report_codes(void)
{
    puts("Exit codes, and the error words they stand for:\n"
         "   0  done\n"
         "   1  other: the time given with --timeout is over");
    for (int code = XENSNAP_INVALID; code < CODES; code++)
        printf("  %2d  %s\n", codes[code], xensnap_word(code));
    printf("  %2d  no-agent: xensnapd is not running or does not answer\n", EXIT_NO_AGENT);
    printf("  %2d  returned: the snapshot was made, and this domain has been brought back to it\n", EXIT_RETURNED);
    printf(" %3d + the signal's number: left while the operation goes on\n", EXIT_SIGNAL);
}
