/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"

#include <stdlib.h>

#include "check.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

static void names(void)
{
    static const struct {
        const char *what, *name;
        bool valid;
    } rows[] = {
        { "a word", "before-upgrade", true },
        { "one byte", "x", true },
        { "blanks inside", "before the upgrade", true },
        { "what looks like a path", "../a/b", true },
        { "quotes and a backslash", "a\"b\\c'", true },
        { "two-byte characters", "gr\xc3\xbc\xc3\x9f", true },
        { "three-byte characters", "\xe5\xbf\xab\xe7\x85\xa7", true },
        { "a four-byte character", "\xf0\x9f\x90\xbc", true },
        { "the last character there is", "\xf4\x8f\xbf\xbf", true },
        { "the last before the surrogates", "\xed\x9f\xbf", true },
        { "the first after the surrogates", "\xee\x80\x80", true },
        { "the first after C1", "\xc2\xa0", true },
        { "a reserved word is a valid name", "current", true },
        { "128 bytes", A64 A64, true },
        { "129 bytes", A64 A64 "a", false },
        { "nothing", "", false },
        { "a blank", " ", false },
        { "a blank in front", " a", false },
        { "a blank behind", "a ", false },
        { "a tab", "a\tb", false },
        { "a newline", "a\nb", false },
        { "a newline at the end", "a\n", false },
        { "escape", "\x1b[2J", false },
        { "delete", "a\x7f", false },
        { "C1: next line", "a\xc2\x85", false },
        { "C1: the last", "a\xc2\x9f", false },
        { "latin-1", "gr\xfc\xdf", false },
        { "a continuation alone", "\x80", false },
        { "a character that is cut off", "a\xc3", false },
        { "one of four bytes that is cut off", "a\xf0\x9f\x90", false },
        { "a character that is broken off", "\xe5\xbf" "a", false },
        { "an over-long slash, two bytes", "\xc0\xaf", false },
        { "an over-long slash, three bytes", "\xe0\x80\xaf", false },
        { "an over-long character, four bytes", "\xf0\x80\x80\xaf", false },
        { "over-long, the greatest", "\xc1\xbf", false },
        { "over-long, the greatest of four", "\xf0\x8f\xbf\xbf", false },
        { "the first surrogate", "\xed\xa0\x80", false },
        { "the last surrogate", "\xed\xbf\xbf", false },
        { "beyond Unicode", "\xf4\x90\x80\x80", false },
        { "five bytes", "\xf8\x88\x80\x80\x80", false },
        { "0xff", "\xff", false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row = rows[i].what;
        CHECK_INT(name_valid(rows[i].name), rows[i].valid);
    }
}

/* In a buffer of its exact size, so that a sanitizer sees a read beyond the end. */
static void cut_off_at_the_end(void)
{
    static const char *const cut[] = { "\xc3", "\xe5", "\xe5\xbf", "\xf0", "\xf0\x9f", "\xf0\x9f\x90" };

    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        char *copy = strdup(cut[i]);

        CHECK(!name_valid(copy));
        CHECK(!description_valid(copy));
        free(copy);
    }
}

static void reserved(void)
{
    CHECK(name_reserved("current"));
    CHECK(name_reserved("pending"));
    CHECK(!name_reserved("Current"));
    CHECK(!name_reserved("current2"));
    CHECK(!name_reserved("curren"));
    CHECK(!name_reserved(""));
}

static void descriptions(void)
{
    CHECK(description_valid(""));
    CHECK(description_valid("as agreed with gr\xc3\xbc\xc3\x9f, 5 o'clock"));
    CHECK(description_valid(A64 A64 A64 A64 A64 A64 A64 A64));
    CHECK(!description_valid(A64 A64 A64 A64 A64 A64 A64 A64 "a"));
    CHECK(!description_valid("two\nlines"));
    CHECK(!description_valid("\x80"));
    CHECK(!description_valid("bell\a"));
}

static void request_ids(void)
{
    CHECK(request_id_valid("a"));
    CHECK(request_id_valid("line-1"));
    CHECK(request_id_valid("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"));
    CHECK(request_id_valid(A64));
    CHECK(!request_id_valid(A64 "a"));
    CHECK(!request_id_valid(""));
    CHECK(!request_id_valid("a/b"));
    CHECK(!request_id_valid(".."));
    CHECK(!request_id_valid("a b"));
    CHECK(!request_id_valid("a\n"));
    CHECK(!request_id_valid("\xc3\xbc"));
    CHECK(!request_id_valid("a@b"));
}

static void uuids(void)
{
    char read[UUID_LENGTH + 1];

    CHECK(uuid_read(UUID, read) && strcmp(read, UUID) == 0);
    CHECK(uuid_read("0123ABCD-4567-89aB-CDEF-0123456789AB", read) && strcmp(read, UUID) == 0);
    CHECK(!uuid_read("", read));
    CHECK(!uuid_read("web1", read));
    CHECK(!uuid_read("0123ABCG-4567-89aB-CDEF-0123456789AB", read));
    CHECK(!uuid_read(UUID "0", read));
    CHECK(!uuid_read("0123abcd-4567-89ab-cdef-0123456789a", read));
    CHECK(uuid_valid(UUID));
    CHECK(uuid_valid("00000000-0000-0000-0000-000000000000"));
    CHECK(!uuid_valid(""));
    CHECK(!uuid_valid("0123ABCD-4567-89ab-cdef-0123456789ab"));
    CHECK(!uuid_valid("0123abcg-4567-89ab-cdef-0123456789ab"));
    CHECK(!uuid_valid("0123abcd-4567-89ab-cdef-0123456789a"));
    CHECK(!uuid_valid(UUID "0"));
    CHECK(!uuid_valid(UUID "\n"));
    CHECK(!uuid_valid("0123abcd4567-89ab-cdef-0123456789abc"));
    CHECK(!uuid_valid("0123abcd-4567-89ab-cdef-0123456789a-"));
    CHECK(!uuid_valid("------------------------------------"));
    CHECK(!uuid_valid("../../../../../../../../../../etc/no"));
}

static void domids(void)
{
    unsigned domid = 77;

    CHECK(domid_parse("0", &domid) && domid == 0);
    CHECK(domid_parse("5", &domid) && domid == 5);
    CHECK(domid_parse("32751", &domid) && domid == 32751);
    domid = 77;
    CHECK(!domid_parse("32752", &domid)); /* DOMID_SELF */
    CHECK(!domid_parse("99999", &domid));
    CHECK(!domid_parse("4294967297", &domid));
    CHECK(!domid_parse("", &domid));
    CHECK(!domid_parse("-1", &domid));
    CHECK(!domid_parse("+1", &domid));
    CHECK(!domid_parse(" 1", &domid));
    CHECK(!domid_parse("1 ", &domid));
    CHECK(!domid_parse("1a", &domid));
    CHECK(!domid_parse("0x1", &domid));
    CHECK_INT(domid, 77);
}

static void vdevs(void)
{
    CHECK(vdev_valid("xvda"));
    CHECK(vdev_valid("sda15"));
    CHECK(vdev_valid("d0p1"));
    CHECK(vdev_valid("51712"));
    CHECK(vdev_valid("abcdefghijklmno"));
    CHECK(!vdev_valid("abcdefghijklmnop"));
    CHECK(!vdev_valid(""));
    CHECK(!vdev_valid("XVDA"));
    CHECK(!vdev_valid("xvda,xvdb"));
    CHECK(!vdev_valid("xvda "));
    CHECK(!vdev_valid("xvda\n"));
    CHECK(!vdev_valid("../x"));
    CHECK(!vdev_valid("xvd-a"));
    CHECK(!vdev_valid("xvd\xc3\xa4"));
}

static void paths_of_files(void)
{
    static const struct {
        const char *path;
        bool valid;
    } rows[] = {
        { "/a", true },
        { "/srv/my vm/disk.qcow2", true },
        { "/srv/a,b=c\"'\\", true },
        { "/srv/gr\xc3\xbc\xc3\x9f", true },
        { "/...", true },
        { "/..a/.b/c./d..", true },
        { "/srv/<domain_uuid>/a", true },
        { "", false },
        { "/", false },
        { "a", false },
        { "./a", false },
        { "../a", false },
        { "~/a", false },
        { " /a", false },
        { "/a/", false },
        { "//a", false },
        { "/a//b", false },
        { "/.", false },
        { "/..", false },
        { "/./a", false },
        { "/../a", false },
        { "/a/./b", false },
        { "/a/../b", false },
        { "/a/.", false },
        { "/a/..", false },
        { "/a\nb", false },
        { "/a\x1b[2J", false },
        { "/a\xff", false },
        { "/a\xc3", false },
    };
    char path[PATH_SIZE + 1];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row = rows[i].path;
        CHECK_INT(path_valid(rows[i].path), rows[i].valid);
    }
    check_row = "the longest";
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[PATH_SIZE - 1] = '\0';
    CHECK(path_valid(path));
    path[PATH_SIZE - 1] = 'a';
    path[PATH_SIZE] = '\0';
    CHECK(!path_valid(path));
}

static void paths_that_stay_what_they_are(void)
{
    CHECK(path_plain("/srv/it's #1 = \xc3\xa4; %s.qcow2"));
    CHECK(!path_plain("/srv/a,b"));
    CHECK(!path_plain("/srv/a\"b"));
    CHECK(!path_plain("/srv/a\\b"));
}

static void paths(void)
{
    char path[XS_PATH_SIZE];

    path_domain(path, 5, NODE_REQUEST, NULL, NULL);
    CHECK_STR(path, "/local/domain/5/snapshot/request");
    path_domain(path, 0, NODE_STATUS, "line-1", NULL);
    CHECK_STR(path, "/local/domain/0/snapshot/status/line-1");
    path_domain(path, 32751, NODE_STATUS, "line-1", "state");
    CHECK_STR(path, "/local/domain/32751/snapshot/status/line-1/state");
    path_domain(path, 5, NODE_FEATURE, NULL, NULL);
    CHECK_STR(path, "/local/domain/5/control/platform-feature-snapshot");
    path_vm(path, UUID, NULL);
    CHECK_STR(path, "/tool/xensnap/vm/" UUID);
    path_vm(path, UUID, "name");
    CHECK_STR(path, "/tool/xensnap/vm/" UUID "/name");
}

static void longest_path(void)
{
    char path[XS_PATH_SIZE];

    path_domain(path, 32751, NODE_REQUEST, A64, "a-key-of-twenty-3-bytes");
    CHECK(strlen(path) < 200);
    CHECK_HAS(path, "/a-key-of-twenty-3-bytes");
}

static const struct check_test tests[] = {
    { "a name is 1 to 128 bytes of printable UTF-8 without a blank at an end", names },
    { "a character that is cut off is not read beyond the end", cut_off_at_the_end },
    { "current and pending are reserved", reserved },
    { "a description is up to 512 bytes of printable UTF-8", descriptions },
    { "an id of a request is 1 to 64 of A-Z a-z 0-9 _ -", request_ids },
    { "a UUID is lower case with its hyphens where they belong", uuids },
    { "a domid is a decimal number below Xen's reserved ones", domids },
    { "a disk's name is 1 to 15 of a-z 0-9", vdevs },
    { "a file's path is absolute, printable, and goes straight", paths_of_files },
    { "a file that we make has a path without what xl and QEMU keep for themselves", paths_that_stay_what_they_are },
    { "paths are put together from their parts", paths },
    { "the longest path fits", longest_path },
};

CHECK_MAIN(tests)
