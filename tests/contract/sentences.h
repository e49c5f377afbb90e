/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SENTENCES_H
#define SENTENCES_H

/* One function for each sentence in xl.c's table: whether it holds, from where the table says that it begins. */

#include <stdio.h>

#include "stage.h"

#define MUST(condition)                                                                                             \
    do {                                                                                                            \
        if (!(condition)) {                                                                                         \
            snprintf(s->why, sizeof s->why, "%s:%d: %s; the last error is %s: %s", __FILE__, __LINE__, #condition,  \
                     err_word(s->err.code), s->err.text);                                                           \
            return false;                                                                                           \
        }                                                                                                           \
    } while (0)

/* The call fails with that. */
#define REFUSES(error, call) MUST((call) < 0 && s->err.code == (error))

/* absent.c */
bool absent_look(struct stage *s);
bool absent_pause(struct stage *s);
bool absent_resume(struct stage *s);
bool absent_destroy(struct stage *s);
bool absent_config(struct stage *s);
bool absent_save(struct stage *s);
bool absent_end(struct stage *s);
bool config_round_trip(struct stage *s);
bool config_garbage(struct stage *s);
bool config_actions(struct stage *s);
bool config_line(struct stage *s);
bool config_memory(struct stage *s);
bool config_check(struct stage *s);
bool config_store(struct stage *s);

/* life.c */
bool pause_counts(struct stage *s);
bool pause_not_qemu(struct stage *s);
bool unpause_running(struct stage *s);
bool resume_running(struct stage *s);
bool end_times_out(struct stage *s);

/* save.c */
bool save_stopped(struct stage *s);
bool save_live(struct stage *s);
bool save_live_resumed(struct stage *s);
bool save_paused_meanwhile(struct stage *s);
bool save_no_space(struct stage *s);
bool save_no_first_byte(struct stage *s);
bool save_killed(struct stage *s);
bool end_tells_suspend_once(struct stage *s);
bool watched(struct stage *s);

/* life.c */
bool create_paused(struct stage *s);
bool create_name_taken(struct stage *s);
bool create_no_image(struct stage *s);
bool create_killed(struct stage *s);
bool destroy_whole(struct stage *s);
bool destroy_before_qemu(struct stage *s);
bool destroy_frees_name(struct stage *s);
bool destroy_killed(struct stage *s);
bool end_destroyed(struct stage *s);
bool end_poweroff(struct stage *s);
bool restore_whole(struct stage *s);
bool restore_cut(struct stage *s);
bool restore_garbage(struct stage *s);
bool restore_killed(struct stage *s);

#endif
