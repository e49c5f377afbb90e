/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapconf.h"

#include "check.h"
#include "maps.h"
#include "scratch.h"

static size_t count_of(const struct xensnap_map *map)
{
    size_t count = 0;

    while (xensnap_map_key(map, count))
        count++;
    return count;
}

/* Into a new map. */
static int read_conf(const char *text, struct xensnap_map **map, struct xensnap_error *error)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();

    scratch_write(&scratch, "my.conf", text);
    *map = map_new();
    *error = (struct xensnap_error){ 0 };
    return snapconf_read(scratch_path(&scratch, "my.conf"), *map, error);
}

static void how_to(void)
{
    static const char text[] =
        "name = \"1397207577\"\n"
        "description=\"Snapshot after OS installation. External snapshot\"\n"
        "memory=\"yes\"\n"
        "disk=['hda=/var/lib/xen/snapshots/<domain_uuid>/disk_hda.qcow2,type=qcow2',\n"
        "      'hdc=/var/lib/xen/snapshots/<domain_uuid>/disk_hdc.qcow2,type=qcow2']\n";
    _cleanup_(map_freep) struct xensnap_map *map = NULL;
    struct xensnap_error error;

    if (!CHECK_INT(read_conf(text, &map, &error), 0))
        return;
    CHECK_INT((long long)count_of(map), 5);
    CHECK_STR(map_text(map, "name"), "1397207577");
    CHECK_STR(map_text(map, "description"), "Snapshot after OS installation. External snapshot");
    CHECK_STR(map_text(map, "memory"), "yes");
    CHECK_STR(map_text(map, "disk-hda"),
              "format=qcow2,target=/var/lib/xen/snapshots/<domain_uuid>/disk_hda.qcow2");
    CHECK_STR(map_text(map, "disk-hdc"),
              "format=qcow2,target=/var/lib/xen/snapshots/<domain_uuid>/disk_hdc.qcow2");
    map_put(map, "operation", "create");
    CHECK_INT(xensnap_check(map, &error), 0);
}

/* What one line says: KEY and VALUE, or nothing. */
static void each_line(void)
{
    static const struct {
        const char *text, *key, *value;
    } rows[] = {
        { "", NULL, NULL },
        { "# name='a'\n\n", NULL, NULL },
        { "name='a'", "name", "a" },
        { "name=5\n", "name", "5" },
        { "name=\"a # b = [c]\" # d='e'\n", "name", "a # b = [c]" },
        { "name=\"say \\\"hi\\\"\"\n", "name", "say \"hi\"" },
        { "name=''", "name", "" },
        { "name='gr\xc3\xbc\xc3\x9f'", "name", "gr\xc3\xbc\xc3\x9f" },
        { "memory='no'", "memory", "no" },
        { "memory='/srv/a.save'", "memory", "/srv/a.save" },
        { "type='external'", "type", "external" },
        { "creationtime='1397207577'", "creationtime", "ignored" },
        { "creationtime=1397207577", "creationtime", "ignored" },
        { "disk=['format=qcow2,vdev=hda,target=/srv/a']", "disk-hda", "format=qcow2,target=/srv/a" },
        { "disk=['format=qcow2,vdev=hda,target=/srv/a,b=c']", "disk-hda", "format=qcow2,target=/srv/a,b=c" },
        { "disk=['/srv/a,qcow2,hda,rw']", "disk-hda", "format=qcow2,target=/srv/a" },
        { "disk=['vdev=hda,target=null']", "disk-hda", "internal" },
        { "disk=['vdev=xvda,format=qcow2,target=null']", "disk-xvda", "internal" },
        { "disk=['hda=/srv/a']", "disk-hda", "format=qcow2,target=/srv/a" },
        { "disk=['hda=/srv/a,format=qcow2']", "disk-hda", "format=qcow2,target=/srv/a" },
        { "disk=['xvdb=null']", "disk-xvdb", "internal" },
        { "disk=['sda1=internal']", "disk-sda1", "internal" },
        { "disk=['d0p1=external']", "disk-d0p1", "external" },
        { "disk=['hda=/srv/a']\ndisk+=[]\n", "disk-hda", "format=qcow2,target=/srv/a" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(map_freep) struct xensnap_map *map = NULL;
        struct xensnap_error error;

        check_row = rows[i].text;
        if (!CHECK_INT(read_conf(rows[i].text, &map, &error), 0)) {
            printf("#     %s\n", error.message);
            continue;
        }
        CHECK_INT((long long)count_of(map), rows[i].key != NULL);
        if (rows[i].key)
            CHECK_STR(xensnap_map_get(map, rows[i].key), rows[i].value);
    }
}

static void each_mistake(void)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        { "name='a'\ncolour='red'\n", "my.conf:2: unknown key colour" },
        { "disks=['a']\n", "my.conf:1: unknown key disks" },
        { "Name='a'\n", "my.conf:1: config parsing error" },
        { "disk=['hda=null',\n# disk\n'hdb=null']\n\nx_1=1\n", "my.conf:5: unknown key x_1" },
        { "name='a';mem=1\n", "my.conf:1: unknown key mem" },
        { "name='a'\n\nname='a'\n", "my.conf:3: name is given twice" },
        { "name='a\n", "my.conf:1: config parsing error" },
        { "name 'a'\n", "my.conf:1: config parsing error" },
        { "\nname=abc\n", "my.conf:2: config parsing error" },
        { "name='a'\r\n", "my.conf:1: config parsing error near `?'" },
        { "name=['a']\n", "my.conf:1: warning: parameter `name' is a list" },
        { "\nmemory=['yes']\n", "my.conf:2: warning: parameter `memory' is a list" },
        { "disk='hda=null'\n", "my.conf:1: warning: parameter `disk' is a single value but should be a list" },
        { "disk=[]\n", "my.conf: disk names no disk" },
        { "disk=[['hda=null']]\n", "my.conf: disk is to be a list of strings" },
        { "disk=['']\n", "my.conf: config parsing error in disk specification: no vdev" },
        { "disk=['hda']\n", "my.conf: config parsing error in disk specification" },
        { "disk=['vdef=hda,target=/a']\n", "unknown parameter: near `vdef=" },
        { "disk=['format=qcow2,target=/a']\n", "no vdev specified" },
        { "disk=['format=qcow3,vdev=hda,target=/a']\n", "unknown value for format" },
        { "disk=['vdev=hda,target=/a']\n", "the format is raw" },
        { "disk=['format=raw,vdev=hda,target=/a']\n", "the format is raw" },
        { "disk=['format=vhd,vdev=hda,target=/a']\n", "an overlay is made with format=qcow2" },
        { "disk=['vdev=hda,access=ro,format=qcow2,target=/a']\n", "to say format, vdev and target" },
        { "disk=['vdev=hda,script=x,format=qcow2,target=/a']\n", "to say format, vdev and target" },
        { "disk=['vdev=hda,cdrom,format=qcow2,target=/a']\n", "to say format, vdev and target" },
        { "disk=['hda=/a,type=raw']\n", "behind the path comes type=qcow2" },
        { "disk=['hda=/a,b,type=qcow2']\n", "for a path with a comma in it" },
        { "disk=['hda=/a,type=q\nc']\n", "my.conf:1: config parsing error" },
        { "disk=['hda=/a,type=q\\nc']\n", "disk 'hda=/a,type=q?c': behind the path" },
        { "disk=['hda=a,type=qcow2']\n", "the path is to be absolute" },
        { "disk=['hda=/a','vdev=hda,target=null']\n", "the same disk stands there twice" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(map_freep) struct xensnap_map *map = NULL;
        struct xensnap_error error;

        check_row = rows[i].text;
        CHECK_INT(read_conf(rows[i].text, &map, &error), -1);
        CHECK_INT(error.code, XENSNAP_INVALID);
        CHECK_HAS(error.message, rows[i].part);
        for (const char *c = error.message; *c; c++)
            CHECK(*c < 0 || *c >= ' ');
    }
}

static void too_many_disks(void)
{
    char text[2048] = "disk=['xvd0=null'";
    _cleanup_(map_freep) struct xensnap_map *map = NULL;
    _cleanup_(map_freep) struct xensnap_map *more = NULL;
    struct xensnap_error error;

    for (int i = 1; i < 32; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",'xvd%d=null'", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "]\n");
    CHECK_INT(read_conf(text, &map, &error), 0);
    map_put(map, "operation", "create");
    CHECK_INT(xensnap_check(map, &error), 0);
    snprintf(text + strlen(text), sizeof text - strlen(text), "disk+=['hda=null']\n");
    CHECK_INT(read_conf(text, &more, &error), 0);
    map_put(more, "operation", "create");
    CHECK_INT(xensnap_check(more, &error), -1);
    CHECK_HAS(error.message, "more than 32 disks");
}

static void no_file(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(map_freep) struct xensnap_map *map = map_new();
    struct xensnap_error error = { 0 };
    int before = scratch_descriptors();

    CHECK_INT(snapconf_read(scratch_path(&scratch, "none"), map, &error), -1);
    CHECK_INT(error.code, XENSNAP_IO);
    CHECK_HAS(error.message, "none: No such file");
    CHECK_INT(snapconf_read(scratch.path, map, &error), -1);
    CHECK_INT(error.code, XENSNAP_IO);
    CHECK_INT(scratch_descriptors(), before);
}

static void no_text(void)
{
    _cleanup_(scratch_remove) struct scratch scratch = scratch_make();
    _cleanup_(closep) int fd = openat(scratch.dir, "binary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    _cleanup_(map_freep) struct xensnap_map *map = map_new();
    struct xensnap_error error = { 0 };

    CHECK_INT(write(fd, "name='a'\n\0name", 14), 14);
    CHECK_INT(snapconf_read(scratch_path(&scratch, "binary"), map, &error), -1);
    CHECK_HAS(error.message, "too large or not text");
    CHECK_INT(ftruncate(fd, 1 << 20), 0);
    CHECK_INT(snapconf_read(scratch_path(&scratch, "binary"), map, &error), -1);
    CHECK_HAS(error.message, "too large or not text");
}

static const struct check_test tests[] = {
    { "the HOWTO's file is read", how_to },
    { "each line is read as the table says", each_line },
    { "each mistake is refused with the file and what is wrong", each_mistake },
    { "32 disks are taken and 33 refused", too_many_disks },
    { "a file that cannot be read is told, and no descriptor is left", no_file },
    { "a file that is no text or too large is refused", no_text },
};

CHECK_MAIN(tests)
