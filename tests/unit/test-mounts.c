/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounts.h"

#include <stdlib.h>

#include "check.h"

static struct mounts mounts; /* a megabyte */

static void those_of_a_guest(void)
{
    static const char text[] =
        "22 27 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
        "23 27 0:22 / /proc rw shared:12 - proc proc rw\n"
        "24 27 0:5 / /dev rw shared:2 - devtmpfs udev rw,size=4k\n"
        "27 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 rw,errors=remount-ro\n"
        "30 27 202:16 / /srv rw,relatime shared:30 - xfs /dev/xvdb rw,attr2\n"
        "31 27 202:32 / /var/my\\040data\\134x rw - ext4 /dev/xvdc rw\n"
        "32 27 202:48 / /read ro - ext4 /dev/xvdd ro\n"
        "33 27 202:16 /sub /bind ro master:30 propagate_from:2 - xfs /dev/xvdb rw,attr2\n"
        "34 27 0:44 / /nfs rw - nfs4 server:/export rw\n"
        "35 27 0:45 / /tmp rw - tmpfs tmpfs rw\n"
        "36 27 0:46 /@ /btrfs rw - btrfs /dev/xvde rw,subvol=/@\n"
        "37 27 0:47 / /overlay rw - overlay overlay rw,lowerdir=/a\n"
        "38 27 202:64 / /ntfs rw - fuseblk /dev/xvdf rw\n"
        "39 31 7:0 / /var/my\\040data\\134x/loop rw - ext4 /dev/loop0 rw\n";
    static const char *const wanted[] = { "/", "/srv", "/var/my data\\x", "/bind", "/btrfs", "/var/my data\\x/loop" };

    CHECK(mounts_parse(&mounts, text));
    if (!CHECK_INT((long long)mounts.count, sizeof wanted / sizeof *wanted))
        return;
    for (size_t i = 0; i < mounts.count; i++)
        CHECK_STR(mounts.item[i].point, wanted[i]);
    CHECK_INT(mounts.item[0].major, 202);
    CHECK_INT(mounts.item[0].minor, 1);
    CHECK_STR(mounts.item[1].type, "xfs");
}

static void nothing_of_bad_lines(void)
{
    static const char *const lines[] = {
        "",
        "\n\n",
        "-",
        "27 1 202:1 / / rw",
        "27 1 202:1 / / rw -",
        "27 1 202:1 / / rw - ext4",
        "27 1 202:1 / / rw - ext4 /dev/xvda1",
        "27 1 202:1 / / rw ext4 /dev/xvda1 rw",
        "27 1 202 / / rw - ext4 /dev/xvda1 rw",
        "27 1 202:x / / rw - ext4 /dev/xvda1 rw",
        "27 1 202:1x / / rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / relative rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / /\\04 rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / /\\000 rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / /\\777 rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / /x\\ rw - ext4 /dev/xvda1 rw",
        "27 1 202:1 / / rw - ext4 /dev/xvda1 rwx,ro",
        "27 1 202:1 / / rw - a-type-of-more-than-thirty-one-bytes /dev/xvda1 rw",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        check_row = lines[i];
        CHECK(mounts_parse(&mounts, lines[i]));
        CHECK_INT((long long)mounts.count, 0);
    }
}

/* Made by whoever may mount in the guest. */
static void long_and_many(void)
{
    static const char good[] = "27 1 202:1 / / rw - ext4 /dev/xvda1 rw\n";
    size_t size = (MOUNTS_MAX + 2) * sizeof good + 40000, used = 0;
    char *text = calloc(1, size);

    used = (size_t)snprintf(text, size, "27 1 202:1 / /");
    memset(text + used, 'a', 20000);
    used += 20000;
    used += (size_t)snprintf(text + used, size - used, " rw - ext4 /dev/xvda1 rw\n%s", good);
    CHECK(mounts_parse(&mounts, text));
    CHECK_INT((long long)mounts.count, 1);
    for (int i = 0; i < MOUNTS_MAX - 1; i++)
        used += (size_t)snprintf(text + used, size - used, "%s", good);
    CHECK(mounts_parse(&mounts, text));
    CHECK_INT((long long)mounts.count, MOUNTS_MAX);
    snprintf(text + used, size - used, "%s", good);
    CHECK(!mounts_parse(&mounts, text));
    free(text);
}

static const struct check_test tests[] = {
    { "of a guest's mounts those are taken that are on disks and writable", those_of_a_guest },
    { "of a line that is not whole nothing is taken", nothing_of_bad_lines },
    { "long lines are left out, and too many are not cut off silently", long_and_many },
};

CHECK_MAIN(tests)
