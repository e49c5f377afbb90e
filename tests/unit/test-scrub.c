/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include "check.h"

#define FILE_ "(a file in dom0)"

static void scrubbed(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        { "", "" },
        { "no path at all; 3/4 of it, and/or more", "no path at all; 3/4 of it, and/or more" },
        { "/var/lib/xen/images/a.qcow2: No such file", FILE_ ": No such file" },
        { "xvda: /a/b is no qcow2 image", "xvda: " FILE_ " is no qcow2 image" },
        { "cannot open '/srv/my images/a b.qcow2': Permission denied", "cannot open '" FILE_ "': Permission denied" },
        { "cannot open \"/srv/a b\", which is a pity", "cannot open \"" FILE_ "\", which is a pity" },
        { "cannot open '/srv/a b", "cannot open '" FILE_ },
        { "/srv/snap shots/x/memory: No such file", FILE_ ": No such file" },
        { "/srv/my disk.qcow2 is in use by process 12", FILE_ " is in use by process 12" },
        { "both (/a/b, /c/d) are there.", "both (" FILE_ ", " FILE_ ") are there." },
        { "file=/a/b,/c:/d", "file=" FILE_ },
        { "/a/b. Then more", FILE_ ". Then more" },
        { "a / b // c", "a / b " FILE_ " c" },
        { "/", "/" },
        { "caf\xc3\xa9 /x/caf\xc3\xa9 caf\xc3\xa9", "caf\xc3\xa9 " FILE_ " caf\xc3\xa9" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];

        check_row = rows[i].text;
        snprintf(text, sizeof text, "%s", rows[i].text);
        scrub_paths(text, sizeof text);
        CHECK_STR(text, rows[i].shown);
    }
}

static void fits(void)
{
    char text[20] = "/a /b /c /d /e /f";

    scrub_paths(text, sizeof text);
    CHECK_STR(text, FILE_ " (a");
    snprintf(text, sizeof text, "0123456789 /a /b");
    scrub_paths(text, sizeof text);
    CHECK_STR(text, "0123456789 (a file ");
}

static const struct check_test tests[] = {
    { "absolute paths go, with the blanks in them, and the sentence around them stays", scrubbed },
    { "what does not fit is cut", fits },
};

CHECK_MAIN(tests)
