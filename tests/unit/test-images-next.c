/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images_next.h"

#include <stdlib.h>

#include "check.h"

/* A VM in words: first whether it "runs" or is "stopped", and whether it is "unknown" what else there is.  Then its
 * images, each behind a semicolon: NAME ours|theirs|foreign and what is to be said of it; "foreign" is in no ledger.
 *
 *   made head content merged replaced deleted unused released    the role; the last five are why it is retired
 *   waits leaving apart into NAME arrived now untag flagged    the rest of its entry
 *   on NAME                                              what it stands on
 *   active below named                                   how QEMU has it, or that a configuration names it
 *   frozen inside tagged                                 a record's content; our snapshots in it, somebody else's
 *   gone empty xvdb */
enum { IMAGES = 8 };

struct world {
    struct images images;
    struct chain chain;
    struct image image[IMAGES];
    struct link link[IMAGES];
    const char *on[IMAGES]; /* by link */
};

static const char *const whys[] = { "merged", "replaced", "deleted", "unused", "released" };

static void parse_role(struct image *image, const char *word)
{
    if (strcmp(word, "made") == 0)
        image->role = IMAGE_MADE;
    if (strcmp(word, "head") == 0)
        image_head(image, "xvda");
    if (strcmp(word, "content") == 0)
        image_content(image, "snapshot");
    for (int i = 0; i < 5; i++)
        if (strcmp(word, whys[i]) == 0)
            image_retire(image, (enum image_why)i, false);
    if (strcmp(word, "waits") == 0)
        image->waits = true;
    if (strcmp(word, "leaving") == 0)
        image->leaving = true;
    if (strcmp(word, "apart") == 0)
        image->apart = true;
    if (strcmp(word, "arrived") == 0)
        image->arrived = true;
    if (strcmp(word, "now") == 0)
        image->this_boot = true;
    if (strcmp(word, "flagged") == 0)
        image->guard = GUARD_OURS;
    if (strcmp(word, "untag") == 0)
        image->tag_count = 1;
    if (strcmp(word, "xvdb") == 0)
        image_head(image, "xvdb");
}

static void parse_sight(struct link *link, const char *word, bool runs)
{
    link->active |= strcmp(word, "active") == 0;
    link->named |= strcmp(word, "named") == 0 || (strcmp(word, "active") == 0 && !runs);
    link->writable = link->named;
    if (strcmp(word, "active") == 0 && runs)
        link->node = NODE_TOP;
    if (strcmp(word, "below") == 0)
        link->node = NODE_BELOW;
    if (strcmp(word, "frozen") == 0) {
        link->frozen = true;
        snprintf(link->snapshot, sizeof link->snapshot, "snapshot");
    }
    link->snapshots += strcmp(word, "inside") == 0;
    link->tags += strcmp(word, "inside") == 0 || strcmp(word, "tagged") == 0;
    link->there &= strcmp(word, "gone") != 0;
    link->empty |= strcmp(word, "empty") == 0;
}

static void parse_image(struct world *world, char *text)
{
    size_t n = world->chain.count++;
    struct link *link = &world->link[n];
    struct image *image = NULL, nobody = { .made = false };
    char *word = strsep(&text, " ");

    *link = (struct link){ .below = -1, .entry = -1, .there = true, .looked = true, .vdev = "xvda", .format = "qcow2" };
    snprintf(link->path, sizeof link->path, "%s", word);
    while ((word = strsep(&text, " "))) {
        if (strcmp(word, "ours") == 0 || strcmp(word, "theirs") == 0) {
            link->entry = (int)world->images.count++;
            image = &world->image[link->entry];
            *image = (struct image){ .made = *word == 'o', .format = "qcow2" };
            memcpy(image->path, link->path, sizeof image->path);
        } else if (strcmp(word, "on") == 0)
            world->on[n] = strsep(&text, " ");
        else if (strcmp(word, "into") == 0)
            snprintf(image->merging, sizeof image->merging, "%s", strsep(&text, " "));
        else {
            parse_role(image ? image : &nobody, word);
            parse_sight(link, word, world->chain.runs);
        }
    }
}

static struct world parse(char *text)
{
    struct world world = { .chain = { .count = 0 } };
    char *part = strsep(&text, ";");

    world.chain.runs = strstr(part, "runs") != NULL;
    if (strstr(part, "unknown"))
        world.chain.unknown.code = ERR_CORRUPT;
    while ((part = strsep(&text, ";")))
        parse_image(&world, part + strspn(part, " "));
    for (size_t i = 0; i < world.chain.count; i++)
        for (size_t j = 0; j < world.chain.count && world.on[i]; j++)
            if (strcmp(world.link[j].path, world.on[i]) == 0)
                world.link[i].below = (int)j;
    return world;
}

static const char *told(const struct world *world, struct images_step step)
{
    static const char *const acts[] = { "nothing", "untag", "head", "retire", "unlink", "forget", "merge" };
    static char text[64];

    snprintf(text, sizeof text, "%s", acts[step.act]);
    if (step.act == IMAGES_MERGE)
        snprintf(text + strlen(text), 24, " %.20s", world->image[step.upper].path);
    if (step.act != IMAGES_NOTHING)
        snprintf(text + strlen(text), 24, " %.20s", world->image[step.image].path);
    return text;
}

struct row {
    const char *what, *world, *next;
};

static void look(const struct row *rows, size_t count, bool merges)
{
    for (size_t i = 0; i < count; i++) {
        char text[512];
        struct world world;

        check_row = rows[i].what;
        snprintf(text, sizeof text, "%s ", rows[i].world);
        text[strlen(text) - 1] = '\0';
        for (char *at; (at = strstr(text, " ;"));)
            memmove(at, at + 1, strlen(at));
        world = parse(text);
        world.images.item = world.image;
        world.chain.item = world.link;
        CHECK_STR(told(&world, images_next(&world.images, &world.chain, merges)), rows[i].next);
    }
}

#define ROWS(rows) rows, sizeof(rows) / sizeof *(rows)

/* What nobody needs and everybody has given up. */
static void removed(void)
{
    static const struct row rows[] = {
        { "nothing", "runs", "nothing" },
        { "the leaf that was deleted after a revert",
          "runs; b theirs content frozen below; o ours deleted on b; n ours head on b active", "unlink o" },
        { "the same with an orphan on it",
          "runs; b theirs content frozen below; o ours deleted on b; c ours head on o;"
          " n ours head on b active", "nothing" },
        { "the same with somebody else's overlay on it",
          "runs; b theirs content frozen below; o ours deleted on b; c foreign on o;"
          " n ours head on b active", "nothing" },
        { "the same with another snapshot's content on it, which takes its place",
          "runs; b theirs content frozen below; o ours deleted on b; c ours content frozen on o;"
          " n ours head on b active",
          "merge c o" },
        { "what forget has given up", "runs; o ours released; n ours head active", "unlink o" },
        { "the same with a snapshot inside that nobody knows", "runs; o ours released tagged; n ours head active",
          "nothing" },
        { "the same with one that is in the list", "runs; o ours released inside; n ours head active", "nothing" },
        { "the same that is the VM's disk after all", "runs; o ours released active", "head o" },
        { "the same with the VM's disk on it", "runs; o ours released below; n ours head on o active", "nothing" },
        { "what release has handed over", "runs; o theirs released; n ours head active", "nothing" },
        { "the same, gone", "runs; o theirs released gone; n ours head active", "forget o" },
        { "what it stands on stays as long as it is there",
          "runs; b ours deleted; o theirs released on b; n ours head active", "nothing" },
        { "and goes with it", "runs; o theirs released gone; b ours deleted; n ours head active", "forget o" },
        { "nothing is merged into it", "runs; o theirs released below; n ours head on o active", "nothing" },
        { "nor is it merged", "stopped; b ours deleted; o theirs released on b active", "nothing" },
        { "what a revert replaced", "runs; o ours replaced; n ours head active", "unlink o" },
        { "it holds a snapshot of ours", "runs; o ours replaced inside; n ours head active", "nothing" },
        { "it holds somebody else's snapshot", "runs; o ours replaced tagged; n ours head active", "nothing" },
        { "a record names it", "runs; o ours deleted frozen; n ours head active", "nothing" },
        { "a configuration names it", "runs; o ours merged named; b theirs content frozen active", "nothing" },
        { "QEMU has it below another", "runs; o ours merged below; n ours head active", "nothing" },
        { "given up while the VM did not run, which it does not yet",
          "stopped; o ours merged waits; b theirs content frozen",
          "nothing" },
        { "and now it has run without it", "runs; o ours merged waits; b ours head active", "unlink o" },
        { "and now it was started from it after all", "runs; o ours merged waits active; b theirs head", "head o" },
        { "the same on what it was merged into",
          "runs; b theirs head below; o ours merged waits on b active", "head o" },
        { "never a disk, so that it has not to wait",
          "stopped; o ours unused; b theirs content frozen active", "unlink o" },
        { "the file is gone", "runs; o ours deleted gone; n ours head active", "forget o" },
        { "the same, and something stands on it",
          "runs; b ours deleted gone; o ours head on b active", "nothing" },
        { "the same, and somebody else's does", "runs; b ours deleted gone; c foreign on b; n ours head active",
          "nothing" },
        { "the same with our flag on it, when it is there again",
          "runs; o ours deleted gone flagged; n ours head active",
          "nothing" },
        { "the VM's own image with our flag on it, which is not there",
          "runs; b theirs deleted gone flagged; n ours head active", "nothing" },
        { "and now it is there again", "runs; b theirs deleted flagged; n ours head active", "forget b" },
        { "it was claimed, and made never", "stopped; o ours made gone", "forget o" },
        { "a head is kept in mind though its file is gone", "runs; o ours head gone", "nothing" },
        { "a snapshot's content as well", "runs; o ours content frozen gone", "nothing" },
    };

    look(ROWS(rows), true);
    look(ROWS(((const struct row[]){
        { "an image is removed where nothing may be merged",
          "runs; b theirs deleted below; o ours head on b active; r ours replaced", "unlink r" },
        { "and nothing is merged there", "runs; b theirs deleted below; o ours head on b active", "nothing" },
        { "nor is a merge finished there", "runs; b theirs deleted below into o; o ours head on b active", "nothing" },
    })), false);
}

/* An image in which a disk went on stays unless it is proved that none did. */
static void heads(void)
{
    static const struct row rows[] = {
        { "a detached disk", "runs; b theirs content frozen; o ours head on b; x ours head xvdb active", "nothing" },
        { "a detached disk, stopped", "stopped; b theirs content frozen; o ours head on b", "nothing" },
        { "a detached disk in which nothing was ever written", "runs; b theirs content frozen; o ours head empty on b",
          "nothing" },
        { "the same, and the snapshot was deleted", "runs; b ours deleted; o ours head empty on b", "nothing" },
        { "the same on the VM's own image", "stopped; b theirs deleted; o ours head empty on b", "nothing" },
        { "the same on what is in no ledger", "runs; b foreign; o ours head empty on b", "nothing" },
        { "the same on another's disk", "runs; b theirs head xvdb active; o ours head empty on b", "nothing" },
        { "the same on nothing", "runs; o ours head empty; n ours head active", "nothing" },
        { "the same that is another snapshot's content", "runs; b theirs content frozen; o ours head empty frozen on b",
          "nothing" },
        { "the same with something on it",
          "runs; b theirs content frozen; o ours head empty on b; c foreign on o", "nothing" },
        { "a disk that was attached after the snapshot that was gone back to",
          "runs; c theirs content frozen; o ours head xvdb on c; n ours head active", "nothing" },
        { "one that was set apart, and the disk goes on above it",
          "runs; b theirs content frozen below; o ours head apart on b below; n ours head on o active", "nothing" },
        { "the same that holds nothing", "runs; b theirs content frozen; o ours head apart empty on b", "nothing" },
        { "one that is not ours, by which the VM was accepted", "runs; o theirs head apart active named", "nothing" },
        { "the same that is its disk no more", "runs; o theirs head apart; n ours head active", "forget o" },
        { "two heads of one disk",
          "runs; b theirs content frozen below; o ours head on b; n ours head on b active", "nothing" },
        { "two heads of one disk on an image that was given up",
          "runs; b theirs deleted below; o ours head on b; n ours head on b active", "nothing" },
        { "the VM was started from the base",
          "runs; b theirs content frozen active; o ours head on b", "nothing" },
        { "the VM was started from the base after its snapshot was deleted",
          "runs; b theirs deleted active; o ours head on b", "nothing" },
        { "the same, stopped", "stopped; b theirs deleted active; o ours head on b", "nothing" },
        { "a revert is under way", "runs; o ours head leaving active; n ours made", "retire n" },
        { "a disk that is where it belongs",
          "runs; b theirs content frozen below; o ours head on b active", "nothing" },
        { "the VM's own image again", "runs; b theirs head active", "forget b" },
        { "the VM's own image on which nothing stands any more",
          "runs; b theirs deleted; x ours head active", "forget b" },
        { "the VM's own image, with somebody else's on it",
          "runs; b theirs deleted; c foreign on b active", "forget b" },
        { "the VM's own image that is a snapshot", "runs; b theirs content frozen; n ours head active", "nothing" },
    };

    look(ROWS(rows), true);
}

static void made(void)
{
    static const struct row rows[] = {
        { "killed while it was made", "runs; x ours head active; o ours made empty", "retire o" },
        { "killed behind that", "runs; b theirs head active below; o ours made on b", "retire o" },
        { "killed behind that, stopped", "stopped; b theirs head active; o ours made on b", "retire o" },
        { "a disk goes on in it all the same", "runs; b theirs head below; o ours made on b active", "head o" },
        { "a copy that a revert made and that was given up",
          "runs; b theirs content frozen; o ours head on b active; c ours made",
          "retire c" },
        { "something stands on it", "runs; o ours made; c foreign on o", "nothing" },
        { "QEMU has it", "runs; o ours made below", "nothing" },
    };

    look(ROWS(rows), true);
}

static void undone(void)
{
    static const struct row rows[] = {
        { "the domain died between ledger and transaction",
          "stopped; b theirs head active; o ours head empty on b", "retire o" },
        { "the same on a snapshot's content, which no create leaves",
          "stopped; b ours content frozen active; o ours head empty on b", "nothing" },
        { "the same, and the guest had written", "stopped; b theirs head active; o ours head on b", "nothing" },
        { "the guest rebooted into the overlay before recovery",
          "runs; b theirs head below; o ours head on b active", "merge o b" },
        { "the same, stopped since", "stopped; b theirs head; o ours head on b active", "merge o b" },
        { "the same, and a snapshot was made since",
          "runs; b theirs head below; o ours content frozen on b below; n ours head on o active", "merge o b" },
        { "the same with a snapshot inside", "runs; b theirs head below; o ours head on b active inside", "nothing" },
        { "the same, with another's disk on it",
          "runs; b theirs head xvdb below; o ours head on b active", "nothing" },
        { "the same, with a clone of somebody else's",
          "runs; b theirs head below; o ours head on b active; c foreign on b", "nothing" },
        { "it was proved that nothing went on in it", "runs; b theirs head active; o ours unused on b", "unlink o" },
        { "behind that the base is nobody's business", "runs; b theirs head active", "forget b" },
    };

    look(ROWS(rows), true);
}

static void merged(void)
{
    static const struct row rows[] = {
        { "the tip", "runs; b theirs deleted below; o ours head on b active", "merge o b" },
        { "the tip, stopped", "stopped; b theirs deleted; o ours head on b active", "merge o b" },
        { "the tip, deleted while the VM did not run", "stopped; b theirs deleted waits; o ours head on b active",
          "merge o b" },
        { "the middle",
          "runs; b theirs content frozen below; o ours deleted on b below; p ours content frozen on o below;"
          " q ours head on p active", "merge p o" },
        { "a configuration that is ahead of QEMU",
          "runs; b theirs deleted below named; o ours head on b active", "merge o b" },
        { "a snapshot inside the upper one",
          "runs; b theirs deleted below; o ours head on b active inside", "nothing" },
        { "somebody else's inside the upper one",
          "runs; b theirs deleted below; o ours head on b active tagged", "nothing" },
        { "a snapshot inside the lower one",
          "runs; b theirs deleted below inside; o ours head on b active", "merge o b" },
        { "a deleted one inside the lower one waits",
          "runs; b theirs deleted below tagged untag; o ours head on b active",
          "merge o b" },
        { "two above", "runs; b theirs deleted below; o ours head on b active; p ours content frozen on b", "nothing" },
        { "the lower one is a snapshot", "runs; b theirs content frozen below; o ours head on b active", "nothing" },
        { "the upper one is not ours",
          "runs; b theirs deleted below; c foreign on b active; x ours head active", "forget b" },
        { "the upper one is not ours, and known",
          "runs; b theirs deleted below; o theirs head on b active; x ours head on o",
          "nothing" },
        { "the upper one is an orphan", "runs; b theirs deleted; o ours head on b; n ours head active", "nothing" },
        { "the lower one was merged itself",
          "runs; b ours merged; o ours content frozen on b; n ours head active", "nothing" },
        { "the lower one never came into use",
          "runs; b ours unused; o ours content frozen on b; n ours head active", "nothing" },
        { "the lower one was replaced",
          "runs; b ours replaced; o ours content frozen on b; n ours head active", "merge o b" },
        { "not all is known", "runs unknown; b theirs deleted below; o ours head on b active", "nothing" },
        { "not all is known, and something could be removed",
          "runs unknown; o ours replaced; n ours head active", "nothing" },
        { "not all is known, and something was never used", "runs unknown; o ours made", "nothing" },
    };

    look(ROWS(rows), true);
}

static void begun(void)
{
    static const struct row rows[] = {
        { "broken off half-way", "runs; b theirs deleted below into o; o ours head on b active", "merge o b" },
        { "with a snapshot inside since",
          "runs; b theirs deleted below into o; o ours head on b active inside", "nothing" },
        { "with somebody else's inside since",
          "runs; b theirs deleted below into o; o ours head on b active tagged", "nothing" },
        { "with an overlay on it since",
          "runs; b theirs deleted below into o; o ours content frozen on b below;"
          " n ours head on o active", "merge o b" },
        { "QEMU has pivoted", "runs; b theirs deleted active into o arrived; o ours head on b", "merge o b" },
        { "the VM was started from the lower one",
          "runs; b theirs deleted active into o; o ours head on b", "nothing" },
        { "the same with the upper one a snapshot's content",
          "runs; b theirs deleted active into o; o ours content frozen on b", "nothing" },
        { "the same, stopped", "stopped; b theirs deleted active into o; o ours head on b", "nothing" },
        { "the same with the upper one a snapshot's content, stopped",
          "stopped; b theirs deleted active into o; o ours content frozen on b", "nothing" },
        { "the same, and it stands on one that was given up, too",
          "runs; a theirs deleted below; b ours deleted on a active into o arrived; o ours head on b", "merge o b" },
        { "the same, and QEMU has not pivoted",
          "runs; a theirs deleted below; b ours deleted on a below into o; o ours head on b active", "merge o b" },
        { "the same, and what was above it is gone",
          "runs; a theirs deleted; b ours deleted on a active into o; n ours head xvdb active", "nothing" },
        { "the disk was detached", "runs; b theirs deleted into o; o ours head on b; x ours head xvdb active",
          "nothing" },
        { "the disk was detached, and all has arrived",
          "runs; b theirs deleted into o arrived; o ours head on b; x ours head xvdb active", "merge o b" },
        { "the disk was detached, and an overlay stands on it since",
          "runs; b theirs deleted into o; o ours content frozen on b; n ours head on o", "merge o b" },
        { "QEMU has done it in the middle",
          "runs; b theirs deleted below into o now; o ours content frozen on b; n ours head on b active", "merge o b" },
        { "the same, and the host has ended since",
          "runs; b theirs deleted below into o; o ours content frozen on b; n ours head on b active", "nothing" },
        { "the same, and all had arrived",
          "runs; b theirs deleted below into o arrived; o ours content frozen on b; n ours head on b active",
          "merge o b" },
        { "the same, and the VM is stopped",
          "stopped; b theirs deleted into o; o ours content frozen on b; n ours head on b active", "merge o b" },
        { "the configuration is ahead",
          "runs; b theirs deleted below named into o; o ours head on b active", "merge o b" },
        { "the domain has ended behind that",
          "stopped; b theirs deleted active into o arrived; o ours head on b", "merge o b" },
        { "records have been moved",
          "runs; b theirs content frozen into o arrived; o ours content on b; n ours head on b active", "merge o b" },
        { "a revert has replaced the upper one",
          "runs; b ours deleted into o; o ours replaced on b; n ours head active",
          "unlink o" },
        { "behind that the lower one is of no use", "runs; b ours deleted into o; n ours head active", "unlink b" },
        { "the same, and all has arrived, so that it may be what the disk is",
          "runs; b ours deleted into o arrived; n ours head active", "nothing" },
        { "half merged, and it was given up while the VM did not run",
          "stopped; b ours deleted waits into o; n ours head active", "nothing" },
        { "half merged, and a configuration names it", "stopped; b ours deleted into o named; n ours head active",
          "nothing" },
        { "half merged, and the domain writes to it", "runs; b ours deleted into o active", "nothing" },
        { "half merged, and a snapshot is in it", "runs; b ours deleted into o inside; n ours head active", "nothing" },
        { "half merged, and a snapshot stands on it",
          "runs; b ours deleted into o; c ours content frozen on b; n ours head on c active", "nothing" },
        { "the VM's own image, which somebody may start it from, stays known as of no use",
          "runs; b theirs deleted into o; n ours head active", "nothing" },
        { "the upper one is not there", "runs; b ours deleted into o; o ours head on b gone; n ours head active",
          "nothing" },
        { "the lower one is not forgotten meanwhile", "runs; b theirs deleted into o; o foreign", "nothing" },
        { "nor is the upper one unlinked", "runs; b ours deleted into o arrived active; o ours head", "merge o b" },
    };

    look(ROWS(rows), true);
}

static void tags(void)
{
    static const struct row rows[] = {
        { "nobody has the image", "stopped; b theirs head untag tagged", "untag b" },
        { "QEMU writes to it", "runs; b theirs head active untag tagged", "untag b" },
        { "the domain stands on it",
          "runs; b theirs head below untag tagged; o ours head on b active xvdb", "nothing" },
        { "the image is gone", "runs; b theirs head untag gone", "untag b" },
        { "not all is known", "runs unknown; b theirs head active untag tagged", "nothing" },
    };

    look(ROWS(rows), true);
    look(ROWS(rows), false);
}

/* ---- protecting ------------------------------------------------------------------------------------------ */

/* NEXT is of the first image. */
static void protect(const struct row *rows, size_t count)
{
    static const char *const says[] = { "keep", "set", "clear" };

    for (size_t i = 0; i < count; i++) {
        char text[512];
        struct world world;

        check_row = rows[i].what;
        snprintf(text, sizeof text, "%s", rows[i].world);
        world = parse(text);
        world.images.item = world.image;
        world.chain.item = world.link;
        CHECK_STR(says[images_guard(&world.images, &world.chain, 0)], rows[i].next);
    }
}

static void guarded(void)
{
    static const struct row rows[] = {
        { "a snapshot, and a disk on it", "runs;b theirs content frozen below;o ours head on b active", "set" },
        { "the same, stopped", "stopped;b theirs content frozen;o ours head on b active", "set" },
        { "a snapshot alone", "stopped;b theirs content frozen", "set" },
        { "a snapshot whose record is missing", "stopped unknown;b theirs content", "set" },
        { "a disk", "runs;o ours head active;b theirs content frozen below", "clear" },
        { "a disk, stopped", "stopped;o ours head active", "clear" },
        { "a snapshot that the domain writes to", "runs;b theirs content frozen active;o ours head on b", "clear" },
        { "the same by its configuration", "runs;b theirs content frozen named;o ours head on b", "clear" },
        { "the same, stopped: it is not to be started like that",
          "stopped;b theirs content frozen named;o ours head on b", "set" },
        { "an orphan", "runs;o ours head;b theirs content frozen below", "clear" },
        { "what an orphan stands on", "runs;b theirs deleted;o ours head on b;n ours head active", "set" },
        { "the same, and the domain is in it", "runs;b theirs deleted active;o ours head on b", "clear" },
        { "the same, and its configuration names it, stopped", "stopped;b theirs deleted named;o ours head on b",
          "clear" },
        { "what was prepared stands on it", "runs;b theirs deleted;o ours made on b", "set" },
        { "somebody else's stands on it", "runs;b theirs deleted;c foreign on b", "set" },
        { "what was given up stands on it", "runs;b theirs deleted;o ours replaced on b;n ours head active", "clear" },
        { "the same, with a snapshot inside", "runs;b theirs deleted;o ours replaced on b inside", "set" },
        { "the same, with a disk on it", "runs;b theirs deleted;o ours replaced on b;n ours head on o active", "set" },
        { "what was merged into it waits", "stopped;b theirs head;o ours merged waits on b", "clear" },
        { "a part of a merge is in it", "stopped;b theirs deleted into o named;o ours head on b", "set" },
        { "not all is known, and nothing seems to stand on it", "stopped unknown;b theirs deleted", "keep" },
        { "not all is known, and a disk stands on it", "runs unknown;b theirs deleted;o ours head on b active", "set" },
        { "not all is known, and it is a disk", "runs unknown;b theirs deleted active", "clear" },
    };

    protect(rows, sizeof rows / sizeof *rows);
}

/* ---- learning -------------------------------------------------------------------------------------------- */

static void learnt(void)
{
    char text[] = "runs;b theirs deleted frozen;o ours head active;p ours made frozen;q foreign frozen;"
                  "r foreign active";
    struct world world = parse(text);

    world.chain.item = world.link;
    world.images.item = calloc(IMAGES, sizeof *world.images.item);
    memcpy(world.images.item, world.image, sizeof world.image);
    world.images.old = true;
    *world.images.item[1].vdev = *world.images.item[1].format = '\0';
    snprintf(world.link[1].backing, sizeof world.link[1].backing, "/b");
    CHECK(images_learn(&world.images, &world.chain));
    CHECK_STR(world.images.item[0].backing, IMAGE_ON_NONE);
    CHECK_STR(world.images.item[1].backing, "/b");
    CHECK_INT((long long)world.images.count, 4);
    CHECK_INT(world.images.item[0].role, IMAGE_CONTENT);
    CHECK_STR(world.images.item[0].snapshot, "snapshot");
    CHECK_INT(world.images.item[1].role, IMAGE_HEAD);
    CHECK_STR(world.images.item[1].vdev, "xvda");
    CHECK_STR(world.images.item[1].format, "qcow2");
    CHECK_INT(world.images.item[2].role, IMAGE_CONTENT);
    CHECK_STR(world.images.item[3].path, "q");
    CHECK_INT(world.images.item[3].role, IMAGE_CONTENT);
    CHECK(!world.images.item[3].made && !world.images.old);
    world.link[3].entry = 3;
    CHECK(images_learn(&world.images, &world.chain));
    CHECK_STR(world.images.item[3].backing, IMAGE_ON_NONE);
    world.link[0].there = world.link[1].there = false; /* what is not there has lost nothing */
    *world.link[1].backing = '\0';
    CHECK(!images_learn(&world.images, &world.chain)); /* once */
    images_deinit(&world.images);
}

static const struct check_test tests[] = {
    { "what was given up goes, when nothing needs it any more", removed },
    { "an image in which a disk went on stays", heads },
    { "what was made and never used goes", made },
    { "a create that was undone loses nothing", undone },
    { "data goes down into what was given up, and nowhere else", merged },
    { "what was begun is finished, unless a snapshot would go with it", begun },
    { "internal snapshots go when they can", tags },
    { "what is needed is protected, and no disk is", guarded },
    { "roles are learnt from records and configurations", learnt },
};

CHECK_MAIN(tests)
