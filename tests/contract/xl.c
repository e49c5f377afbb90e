/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xl.h promises, as a table of sentences: what is true after each call, also when whoever makes it is killed in
 * its middle.  This program is linked with the double and with libxl, and runs against both; so the double is not wrong
 * where libxl is right, or right where libxl is not.  What a guest's memory holds is not here: only Xen tells.
 *   xl DOMID GUEST    the VM of that domain is destroyed and built anew many times; GUEST is a program: "GUEST poweroff
 *                     DOMID" makes the guest do that */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sentences.h"

static const struct sentence {
    enum need need;
    const char *text;
    bool (*holds)(struct stage *stage);
} sentences[] = {
    { NOTHING, "xl_look, xl_find, xl_is_built: no domain is not there, without an error of Xen's", absent_look },
    { NOTHING, "xl_pause, xl_unpause of no domain: xen", absent_pause },
    { NOTHING, "xl_resume of no domain: xen", absent_resume },
    { NOTHING, "xl_destroy of no domain: domain-gone", absent_destroy },
    { NOTHING, "xl_config_read of no domain: xen; xl_config_store_disk: domain-gone", absent_config },
    { NOTHING, "xl_save of no domain: xen, and nothing was sent or suspended", absent_save },
    { NOTHING, "xl_wait_end of no domain: it is destroyed", absent_end },
    { NOTHING, "a configuration survives its text; a disk's image can be set, one that is not there cannot",
      config_round_trip },
    { NOTHING, "xl_config_parse of what is none: corrupt", config_garbage },
    { NOTHING, "xl_config_action: destroy at poweroff, restart at reboot, unless it says otherwise", config_actions },
    { NOTHING, "xl_config_disk_line names disks and images", config_line },
    { NOTHING, "xl_config_need_memory, xl_free_memory: more than nothing", config_memory },
    { AWAKE, "xl_config_check: an ordinary domain passes, whatever is intended", config_check },
    { AWAKE, "xl_config_store_disk changes what xl_config_read says, and no QEMU", config_store },
    { AWAKE, "xl_pause is counted: as many xl_unpause let the guest run", pause_counts },
    { AWAKE, "xl_pause: QEMU goes on, and takes snapshots", pause_not_qemu },
    { AWAKE, "xl_unpause of a domain that is not paused: xen, and it runs", unpause_running },
    { AWAKE, "xl_resume of a domain that runs: xen, and it runs", resume_running },
    { AWAKE, "xl_wait_end waits as long as it was told to", end_times_out },
    { AWAKE, "a stopped save: suspended, an HVM guest's QEMU stopped, images active; xl_resume lets both go on",
      save_stopped },
    { AWAKE, "a live save: of HVM, images inactive until QEMU goes on; of PV, refused before the first page",
      save_live },
    { AWAKE, "xl_resume makes images active again", save_live_resumed },
    { AWAKE, "a domain that is paused while it is suspended is suspended, and paused when it is resumed",
      save_paused_meanwhile },
    { AWAKE, "a save without space fails; the domain runs or can be resumed", save_no_space },
    { AWAKE, "a save without space for its first bytes fails, or who makes it dies (libxl 4.17); the domain runs",
      save_no_first_byte },
    { AWAKE, "a save killed when the guest is suspended: it stays so until it is resumed", save_killed },
    { AWAKE, "xl_wait_end tells a suspend once, and the next one again", end_tells_suspend_once },
    { AWAKE, "@releaseDomain comes at each suspend and at the end, @introduceDomain at a create", watched },
    { PAUSED, "xl_create: built, paused, named, its QEMU up and running", create_paused },
    { PAUSED, "xl_create while the name is taken: xen, and the domain that has it is as it was", create_name_taken },
    { PAUSED, "xl_destroy frees the name at once; the images are free when QEMU has ended", destroy_frees_name },
    { PAUSED, "xl_destroy: configuration, nodes and monitors are gone; soon the domain and its QEMU", destroy_whole },
    { ABSENT, "xl_create without a disk's image: of HVM, xen, nothing is left; of PV, built, and QEMU has no such disk",
      create_no_image },
    { ABSENT, "xl_create killed: half a domain, paused, not built; xl_destroy ends it and its QEMU", create_killed },
    { PAUSED, "xl_destroy does not wait for QEMU, which ends by itself", destroy_before_qemu },
    { AWAKE, "xl_destroy killed: another one finishes it, and the name is free", destroy_killed },
    { PAUSED, "xl_wait_end tells the end of a domain that was destroyed before it was asked", end_destroyed },
    { AWAKE, "a guest that has powered off stays, with its QEMU, and cannot be resumed", end_poweroff },
    { AWAKE, "xl_restore: another domid, built, paused, QEMU up with active images; it can be saved again",
      restore_whole },
    { AWAKE, "xl_restore killed: half a domain, as xl_create", restore_killed },
    { AWAKE, "xl_restore of a stream that is cut: xen, and nothing is left", restore_cut },
    { ABSENT, "xl_restore of what is no stream fails, or who makes it dies (libxl 4.17); at most half a domain is left",
      restore_garbage },
};

/* All are where no part of one is given. */
static bool is_wanted(const char *text, char **parts)
{
    if (!*parts)
        return true;
    while (*parts && !strstr(text, *parts))
        parts++;
    return *parts;
}

static int try_all(struct stage *stage, char **parts)
{
    size_t count = sizeof sentences / sizeof *sentences;
    int bad = 0, tried = 0;

    for (size_t i = 0; i < count; i++) {
        const struct sentence *sentence = &sentences[i];
        long long began = clock_ms();
        bool holds;

        if (!is_wanted(sentence->text, parts))
            continue;
        tried++;
        *stage->why = '\0';
        stage->err = (struct err){ .code = ERR_NONE };
        holds = stage_reach(stage, sentence->need);
        if (!holds)
            snprintf(stage->why, sizeof stage->why, "cannot be tried: %s", stage->err.text);
        holds = holds && sentence->holds(stage);
        printf("%s %s (%lld ms)%s%s\n", holds ? "ok" : "not ok", sentence->text, clock_ms() - began,
               holds ? "" : "\n    ", holds ? "" : stage->why);
        fflush(stdout);
        bad += !holds;
    }
    printf("%d sentences hold, %d do not\n", tried - bad, bad);
    return bad || !tried;
}

int main(int argc, char **argv)
{
    struct stage stage;
    unsigned domid;
    int rc;

    if (argc > 4 && strcmp(argv[1], "--child") == 0)
        return stage_child(argc - 2, argv + 2);
    if (argc < 3 || !domid_parse(argv[1], &domid)) {
        fprintf(stderr, "usage: xl DOMID GUEST [PART OF A SENTENCE]...\n");
        return 2;
    }
    if (stage_open(&stage, domid, argv[2]) < 0) {
        fprintf(stderr, "xl: %s\n", stage.err.text);
        return 2;
    }
    rc = try_all(&stage, argv + 3);
    stage_reach(&stage, ABSENT);
    stage_close(&stage);
    return rc;
}
