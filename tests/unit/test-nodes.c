/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nodes.h"

#include "json.h"
#include "qmp.h"
#include "scratch.h"

/* What QEMU would answer; in it @ is the scratch directory and ' is ". */
static const char *answer_devices, *answer_all;
#define PCI(vendor) "{ 'return': [ { 'bus': 0, 'devices': [ { 'id': { 'device': 1, 'vendor': " vendor " } } ] } ] }"
static const char with_platform[] = PCI("22611"), without_platform[] = PCI("32902");
static const char *answer_pci = with_platform;
static const struct scratch *place;

static char *expand(const char *text)
{
    char *result = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&result, &size);

    for (; *text; text++)
        if (*text == '@')
            fputs(place->path, stream);
        else
            fputc(*text == '\'' ? '"' : *text, stream);
    fclose(stream);
    return result;
}

int qmp_call(struct qmp *qmp, const char *command, const char *arguments, int seconds, struct json **reply,
             struct err *err)
{
    bool devices = strcmp(command, "query-block") == 0, pci = strcmp(command, "query-pci") == 0;
    _cleanup_(freep) char *text = NULL;

    (void)qmp;
    CHECK(seconds > 0);
    if (!devices && !pci) {
        CHECK_STR(command, "query-named-block-nodes");
        CHECK_STR(arguments, "{\"flat\":true}");
    }
    if (!(devices ? answer_devices : pci ? answer_pci : answer_all))
        return err_set(err, ERR_QEMU, "%s failed", command);
    text = expand(devices ? answer_devices : pci ? answer_pci : answer_all);
    *reply = json_parse(text);
    CHECK(*reply != NULL);
    return 0;
}

struct world {
    struct scratch scratch;
    struct nodes nodes;
};

static void world_remove(struct world *world)
{
    nodes_deinit(&world->nodes);
    scratch_remove(&world->scratch);
}

/* The images a, b, c and d, and QEMU as it says in the two answers. */
static void world_make(struct world *world, const char *devices, const char *all)
{
    struct err err = { 0 };

    *world = (struct world){ .scratch = scratch_make() };
    place = &world->scratch;
    for (const char *name = "a\0b\0c\0d\0"; *name; name += 2)
        scratch_write(&world->scratch, name, name);
    answer_devices = devices;
    answer_all = all;
    CHECK_INT(nodes_load(&world->nodes, NULL, &err), 0);
}

static struct node find(const struct world *world, const char *image, const char *tag)
{
    struct node node;
    struct err err = { 0 };

    memset(&node, 0xaa, sizeof node);
    CHECK_INT(nodes_find(&world->nodes, scratch_path(&world->scratch, image), tag, &node, &err), 0);
    return node;
}

/* Compares with NAME, TOP and the image TOP_FILE in the scratch directory. */
static void check_node(const struct node *node, enum node_role role, const char *name, const char *top,
                       const char *top_file)
{
    CHECK_INT(node->role, role);
    CHECK_STR(node->name, name);
    CHECK_STR(node->top, top);
    CHECK_STR(node->top_file, *top_file ? scratch_path(place, top_file) : "");
}

#define NODE(file, name, driver, more) \
    "{ 'file': '@/" file "', 'node-name': '" name "', 'drv': '" driver "', " \
    "'image': { 'filename': '@/" file "' }" more " }"
#define DEVICE(file, name, ro, more) \
    "{ 'device': 'dev-" name "', 'inserted': { 'file': '@/" file "', 'node-name': '" name "', 'ro': " ro ", " \
    "'drv': 'qcow2', 'image': { 'filename': '@/" file "'" more " } } }"
#define ANSWER(list) "{ 'return': [ " list " ] }"

/* One disk of two images and one of a single image; a CD-ROM drive without a medium. */
static const char two_disks[] = ANSWER(
    DEVICE("b", "xs-1-xvda", "false", ", 'backing-image': { 'filename': '@/a', 'format': 'qcow2' }") ", "
    DEVICE("c", "xvdb-qcow2", "false", "") ", "
    "{ 'device': 'ide1-cd0', 'locked': false }");
static const char two_disks_nodes[] = ANSWER(
    NODE("b", "xs-1-xvda", "qcow2", ", 'active': true") ", " NODE("b", "#block1", "file", "") ", "
    NODE("a", "xvda-qcow2", "qcow2", ", 'active': true") ", " NODE("a", "xvda-file", "file", "") ", "
    NODE("c", "xvdb-qcow2", "qcow2", ", 'active': true") ", " NODE("c", "xvdb-file", "file", ""));

static void tops(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    node = find(&world, "b", NULL);
    check_node(&node, NODE_TOP, "xs-1-xvda", "xs-1-xvda", "b");
    CHECK_INT(node.writers, 1);
    CHECK(node.active && !node.tagged);
    node = find(&world, "c", NULL);
    check_node(&node, NODE_TOP, "xvdb-qcow2", "xvdb-qcow2", "c");
    CHECK_INT(node.writers, 1);
}

/* A link to itself is what cannot be looked at: nobody knows whether it is the image. */
static void not_to_be_looked_at(void)
{
    _cleanup_(world_remove) struct world world;
    struct err err = { 0 };
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    CHECK_INT(nodes_find(&world.nodes, scratch_path(&world.scratch, "none"), NULL, &node, &err), 0);
    CHECK_INT(node.role, NODE_ABSENT);
    CHECK_INT(symlinkat("loop", world.scratch.dir, "loop"), 0);
    CHECK_INT(nodes_find(&world.nodes, scratch_path(&world.scratch, "loop"), NULL, &node, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK_INT(unlinkat(world.scratch.dir, "c", 0), 0);
    CHECK_INT(symlinkat("c", world.scratch.dir, "c"), 0);
    err = (struct err){ 0 };
    CHECK_INT(nodes_find(&world.nodes, scratch_path(&world.scratch, "d"), NULL, &node, &err), -1);
    CHECK_INT(err.code, ERR_IO);
    CHECK(strstr(err.text, "cannot look at") != NULL);
}

/* Its node is found though no device names it, and not the file node beside it. */
static void below(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    node = find(&world, "a", NULL);
    check_node(&node, NODE_BELOW, "xvda-qcow2", "xs-1-xvda", "b");
    CHECK_INT(node.writers, 0);
    CHECK(node.active && !node.tagged);
}

static void far_below(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world,
               ANSWER(DEVICE("d", "top", "false",
                             ", 'backing-image': { 'filename': '@/c', 'backing-image': { 'filename': '@/b', "
                             "'backing-image': { 'filename': '@/a' } } }")),
               ANSWER(NODE("d", "top", "qcow2", "") ", " NODE("c", "n3", "qcow2", "") ", "
                      NODE("b", "n2", "qcow2", "") ", " NODE("a", "n1", "raw", "")));
    node = find(&world, "a", NULL);
    check_node(&node, NODE_BELOW, "n1", "top", "d");
    node = find(&world, "b", NULL);
    check_node(&node, NODE_BELOW, "n2", "top", "d");
    node = find(&world, "d", NULL);
    check_node(&node, NODE_TOP, "top", "top", "d");
}

static void absent(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    node = find(&world, "d", "tag");
    check_node(&node, NODE_ABSENT, "", "", "");
    CHECK_INT(node.writers, 0);
    CHECK(!node.tagged && !node.active);
    node = find(&world, "none", NULL);
    check_node(&node, NODE_ABSENT, "", "", "");
    /* gone from the disk, whatever QEMU holds */
    CHECK_INT(unlinkat(world.scratch.dir, "c", 0), 0);
    node = find(&world, "c", NULL);
    check_node(&node, NODE_ABSENT, "", "", "");
}

/* A node that hangs on no device, as the target of a copy would. */
static void open_for_no_device(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, two_disks, ANSWER(NODE("d", "target", "qcow2", "")));
    node = find(&world, "d", NULL);
    check_node(&node, NODE_ABSENT, "target", "", "");
}

/* Where the link below was given by us, QEMU names an image by what it was opened with. */
static void json_names(void)
{
    static const char *const names[] = {
        "json:{\\'driver\\':\\'qcow2\\',\\'file\\':{\\'driver\\':\\'file\\',\\'filename\\':\\'@/a\\'}}",
        "json:{\\'driver\\':\\'qcow2\\',\\'backing\\':null,\\'file.driver\\':\\'file\\',\\'file.filename\\':\\'@/a\\'}",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        _cleanup_(world_remove) struct world world;
        _cleanup_(freep) char *devices = NULL, *under = NULL, *all = NULL;
        struct node node;

        check_row = names[i];
        if (asprintf(&devices, "{ 'return': [ { 'inserted': { 'file': '%s', 'node-name': 'n', 'ro': false, "
                     "'image': { } } } ] }", names[i]) < 0 ||
            asprintf(&under, "{ 'return': [ { 'inserted': { 'file': '@/b', 'node-name': 'top', 'ro': false, "
                     "'image': { 'backing-image': { 'filename': '%s' } } } } ] }", names[i]) < 0 ||
            asprintf(&all, "{ 'return': [ { 'file': '%s', 'node-name': 'n', 'drv': 'qcow2' } ] }", names[i]) < 0)
            abort();
        world_make(&world, devices, all);
        node = find(&world, "a", NULL);
        check_node(&node, NODE_TOP, "n", "n", "a");
        world_remove(&world);
        world_make(&world, under, all);
        node = find(&world, "a", NULL);
        check_node(&node, NODE_BELOW, "n", "top", "b");
    }
}

static void names_that_tell_nothing(void)
{
    static const char *const names[] = {
        "''", "7", "null", "{ }", "'json:'", "'json:{'", "'json:7'", "'json:{}'", "'json:{\\'file\\':7}'",
        "'json:{\\'file\\':{\\'filename\\':7}}'", "'nbd://localhost/a'", "'a'",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        _cleanup_(world_remove) struct world world;
        _cleanup_(freep) char *devices = NULL, *all = NULL;
        struct node node;

        check_row = names[i];
        if (asprintf(&devices, "{ 'return': [ { 'inserted': { 'file': %s, 'node-name': 'n', 'image': "
                     "{ 'backing-image': { 'filename': %s } } } } ] }", names[i], names[i]) < 0 ||
            asprintf(&all, "{ 'return': [ { 'file': %s, 'node-name': 'n', 'drv': 'qcow2' } ] }", names[i]) < 0)
            abort();
        world_make(&world, devices, all);
        node = find(&world, "a", NULL);
        check_node(&node, NODE_ABSENT, "", "", "");
    }
}

/* The paths of a configuration, of QEMU and of the store may lead to the image by different ways. */
static void by_another_path(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    CHECK_INT(symlinkat("a", world.scratch.dir, "link"), 0);
    CHECK_INT(symlinkat(world.scratch.path, world.scratch.dir, "here"), 0);
    node = find(&world, "link", NULL);
    check_node(&node, NODE_BELOW, "xvda-qcow2", "xs-1-xvda", "b");
    node = find(&world, "here/c", NULL);
    check_node(&node, NODE_TOP, "xvdb-qcow2", "xvdb-qcow2", "c");
}

/* An HVM guest without PV drivers: the emulated disk and the PV one are both open on the image. */
static void two_writers(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    world_make(&world, ANSWER(DEVICE("a", "ide0", "false", "") ", " DEVICE("a", "xvda-qcow2", "false", "")),
               ANSWER(NODE("a", "ide0", "qcow2", "") ", " NODE("a", "xvda-qcow2", "qcow2", "")));
    node = find(&world, "a", NULL);
    CHECK_INT(node.role, NODE_TOP);
    CHECK_INT(node.writers, 2);
    CHECK_STR(node.top_file, scratch_path(&world.scratch, "a"));
}

/* Without Xen's platform device there are no PV drivers: the PV disk beside the emulated one is never used, and is
 * still on the image below when the other one has gone on. */
static void emulated_alone(void)
{
    _cleanup_(world_remove) struct world world;
    struct node node;

    answer_pci = without_platform;
    world_make(&world,
               "{ 'return': [ { 'device': 'ide0-hd0', 'inserted': { 'file': '@/a', 'node-name': '#block1', "
               "'ro': false, 'drv': 'qcow2', "
               "'image': { 'filename': '@/a', 'backing-image': { 'filename': '@/b' } } } }, "
               "{ 'device': '', 'qdev': '/machine/x', 'inserted': { 'file': '@/b', 'node-name': 'xvda-qcow2', "
               "'ro': false, 'drv': 'qcow2', 'image': { 'filename': '@/b' } } } ] }",
               ANSWER(NODE("a", "#block1", "qcow2", "") ", " NODE("b", "xvda-qcow2", "qcow2", "") ", "
                      NODE("b", "#block2", "qcow2", "")));
    answer_pci = with_platform;
    node = find(&world, "a", NULL);
    CHECK_INT(node.role, NODE_TOP);
    CHECK_INT(node.writers, 1);
    CHECK_STR(node.name, "#block1");
    node = find(&world, "b", NULL);
    CHECK_INT(node.role, NODE_BELOW);
    CHECK_STR(node.top, "#block1");
    CHECK(!node.pinned);
}

/* One that was started on the overlay: QEMU locks what the unused PV disk stands on. */
static void emulated_pinned(void)
{
    _cleanup_(world_remove) struct world world;

    answer_pci = without_platform;
    world_make(&world,
               "{ 'return': [ { 'device': 'ide0-hd0', 'inserted': { 'file': '@/a', 'node-name': '#block1', "
               "'ro': false, 'drv': 'qcow2', "
               "'image': { 'filename': '@/a', 'backing-image': { 'filename': '@/b' } } } }, "
               "{ 'device': '', 'qdev': '/machine/x', 'inserted': { 'file': '@/a', 'node-name': 'xvda-qcow2', "
               "'ro': false, 'drv': 'qcow2', "
               "'image': { 'filename': '@/a', 'backing-image': { 'filename': '@/b' } } } } ] }",
               ANSWER(NODE("a", "#block1", "qcow2", "") ", " NODE("b", "#block2", "qcow2", "")));
    answer_pci = with_platform;
    CHECK(find(&world, "b", NULL).pinned);
    CHECK(!find(&world, "a", NULL).pinned);
    CHECK_INT(find(&world, "a", NULL).writers, 1);
}

/* It reads the image that the disk writes to, or is the only one; whichever comes first. */
static void read_only_cdrom(void)
{
    static const char cdrom[] = DEVICE("a", "cd", "true", ""),
                      disk[] = DEVICE("a", "xvda-qcow2", "false", ", 'snapshots': [ { 'name': 't', 'id': '1' } ]");

    for (int order = 0; order < 2; order++) {
        _cleanup_(world_remove) struct world world;
        _cleanup_(freep) char *devices = NULL;
        struct node node;

        if (asprintf(&devices, ANSWER("%s, %s"), order ? disk : cdrom, order ? cdrom : disk) < 0)
            abort();
        check_row = devices;
        world_make(&world, devices, ANSWER(NODE("a", "xvda-qcow2", "qcow2", "") ", " NODE("a", "cd", "qcow2", "")));
        node = find(&world, "a", "t");
        check_node(&node, NODE_TOP, "xvda-qcow2", "xvda-qcow2", "a");
        CHECK_INT(node.writers, 1);
        CHECK(node.tagged);
    }
    {
        _cleanup_(world_remove) struct world world;
        _cleanup_(freep) char *devices = NULL;
        struct node node;

        if (asprintf(&devices, ANSWER("%s"), cdrom) < 0)
            abort();
        check_row = devices;
        world_make(&world, devices, ANSWER(NODE("a", "cd", "raw", "")));
        node = find(&world, "a", NULL);
        check_node(&node, NODE_TOP, "cd", "cd", "a");
        CHECK_INT(node.writers, 0);
        check_row = NULL;
    }
}

/* A clone's overlay stands on what is another disk of the same domain. */
static void top_of_one_and_below_another(void)
{
    static const char on[] = DEVICE("b", "over", "false", ", 'backing-image': { 'filename': '@/a' }"),
                      self[] = DEVICE("a", "self", "false", "");

    for (int order = 0; order < 2; order++) {
        _cleanup_(world_remove) struct world world;
        _cleanup_(freep) char *devices = NULL;
        struct node node;

        if (asprintf(&devices, ANSWER("%s, %s"), order ? on : self, order ? self : on) < 0)
            abort();
        check_row = devices;
        world_make(&world, devices, ANSWER(NODE("b", "over", "qcow2", "") ", " NODE("a", "self", "qcow2", "")));
        node = find(&world, "a", NULL);
        check_node(&node, NODE_TOP, "self", "self", "a");
        CHECK_INT(node.writers, 1);
        check_row = NULL;
    }
}

static void tags(void)
{
    _cleanup_(world_remove) struct world world;

    world_make(&world,
               ANSWER(DEVICE("b", "top", "false",
                             ", 'snapshots': [ { 'name': 'xensnap-2', 'id': '1' },"
                             " { 'name': 'xensnap-3', 'id': '2' } ],"
                             " 'backing-image': { 'filename': '@/a',"
                             " 'snapshots': [ { 'name': 'xensnap-1', 'id': '1' } ] }")),
               ANSWER("{ 'file': '@/b', 'node-name': 'top', 'drv': 'qcow2', 'image': { } }, "
                      "{ 'file': '@/a', 'node-name': 'base', 'drv': 'qcow2', "
                      "'image': { 'snapshots': [ 7, { 'name': 7 }, { 'name': 'xensnap-1' } ] } }"));
    CHECK(find(&world, "b", "xensnap-2").tagged);
    CHECK(find(&world, "b", "xensnap-3").tagged);
    CHECK(!find(&world, "b", "xensnap-1").tagged);
    CHECK(!find(&world, "b", "1").tagged); /* the number that qcow2 gave it */
    CHECK(!find(&world, "b", "xensnap-").tagged);
    CHECK(!find(&world, "b", NULL).tagged);
    CHECK(find(&world, "a", "xensnap-1").tagged);
    CHECK(!find(&world, "a", "xensnap-2").tagged);
    CHECK(!find(&world, "c", "xensnap-1").tagged);
}

static void active_or_not(void)
{
    _cleanup_(world_remove) struct world world;

    world_make(&world,
               ANSWER(DEVICE("a", "n1", "false", "") ", " DEVICE("b", "n2", "false", "") ", "
                      DEVICE("c", "n3", "false", "")),
               ANSWER(NODE("a", "n1", "qcow2", ", 'active': true") ", "
                      NODE("b", "n2", "qcow2", ", 'active': false") ", " NODE("c", "n3", "qcow2", "")));
    CHECK(find(&world, "a", NULL).active);
    CHECK(!find(&world, "b", NULL).active);
    CHECK(find(&world, "c", NULL).active); /* QEMU before 10 does not say */
}

static void odd_answers(void)
{
    static const char *const rows[] = {
        "{ }", "[ ]", "{ 'return': 7 }", "{ 'return': [ 7, [ ], { }, null ] }",
        "{ 'return': [ { 'inserted': 7 }, { 'inserted': { 'file': '@/a' } } ] }",
        "{ 'return': [ { 'file': '@/a' }, { 'file': '@/a', 'drv': 'qcow2' } ] }",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_(world_remove) struct world world;
        struct node node;

        check_row = rows[i];
        world_make(&world, rows[i], rows[i]);
        node = find(&world, "a", "tag");
        CHECK_STR(node.name, "");
        CHECK(!node.tagged);
    }
}

static void cannot_be_asked(void)
{
    _cleanup_(world_remove) struct world world;
    struct err err = { 0 };
    struct node node;

    world_make(&world, two_disks, two_disks_nodes);
    answer_all = NULL; /* and what was known is forgotten */
    CHECK_INT(nodes_load(&world.nodes, NULL, &err), -1);
    CHECK_INT(err.code, ERR_QEMU);
    CHECK_HAS(err.text, "query-named-block-nodes");
    answer_devices = NULL;
    CHECK_INT(nodes_load(&world.nodes, NULL, &err), -1);
    CHECK_HAS(err.text, "query-block");
    node = find(&world, "a", NULL);
    check_node(&node, NODE_ABSENT, "", "", "");
}

static const struct check_test tests[] = {
    { "an image that a device writes to is its top", tops },
    { "what cannot be looked at is not said to be absent", not_to_be_looked_at },
    { "an image under an overlay is below, with the overlay's name and file", below },
    { "an image far below is found too", far_below },
    { "an image that is not open is absent", absent },
    { "an image that no device has is absent, and its node is named", open_for_no_device },
    { "an image is found by a name in JSON, nested or flat", json_names },
    { "a name that tells no path finds nothing", names_that_tell_nothing },
    { "an image is found by any path that leads to it", by_another_path },
    { "two devices that write to one image are counted", two_writers },
    { "a guest without PV drivers has its emulated disks alone", emulated_alone },
    { "what an unused PV disk stands on is pinned", emulated_pinned },
    { "a read-only device is no writer, and never stands for one", read_only_cdrom },
    { "an image that is a top and below another is a top", top_of_one_and_below_another },
    { "a tag is found by its name, in the image that has it", tags },
    { "an image that QEMU has let go of is not active", active_or_not },
    { "an odd answer finds nothing", odd_answers },
    { "where QEMU does not answer nothing is known", cannot_be_asked },
};

CHECK_MAIN(tests)
