/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DRAFT_H
#define DRAFT_H

/* The write side of the store: a snapshot on its way in (VM/.draft) and on its way out (VM/.trash).  There is
 * one of each at most, for there is one operation per VM.  Only files that we make are ever unlinked. */

#include <stdbool.h>

#include "record.h"

struct store;

/* Begins an empty draft and returns its directory's descriptor. */
int draft_begin(struct store *store, const char *vm, struct err *err);
/* A new file in it, for reading and writing. */
int draft_create(int draft, const char *name, struct err *err);
int draft_write(int draft, const char *name, const char *text, struct err *err);
/* Gives back the space of a file in it, as far as there is one, which stays as an empty file. */
void draft_empty(struct store *store, const char *vm, const char *name);
/* Its record: 1 read, 0 there is none yet, -1 there is one and it cannot be read. */
int draft_record(struct store *store, const char *vm, struct record *record, struct err *err);
/* Makes it a snapshot: everything durable, then one rename.  An error is one before that. */
int draft_commit(struct store *store, const char *vm, const char *id, struct err *err);
/* Removes what is there of it; nothing there is fine. */
int draft_abandon(struct store *store, const char *vm, struct err *err);

/* Takes a snapshot out of the list by one rename, or puts it back. */
int trash_move_in(struct store *store, const char *vm, const char *id, struct err *err);
int trash_move_out(struct store *store, const char *vm, const char *id, struct err *err);
/* As draft_record(). */
int trash_record(struct store *store, const char *vm, struct record *record, struct err *err);
/* Gives back what takes up most space, so that there is room for writing down the rest. */
void trash_give_space(struct store *store, const char *vm);
int trash_empty(struct store *store, const char *vm, struct err *err);

/* What nobody can read is set aside: the snapshot ID, or what is called FROM, is VM/damaged-ID from then on, and in no
 * list.  Nothing of it is removed.  None there is fine. */
int damaged_move_in(struct store *store, const char *vm, const char *from, const char *id, struct err *err);
/* Whether there is a directory of that snapshot, in the list or set aside. */
bool damaged_is_there(struct store *store, const char *vm, const char *id);
/* Both, so that it cannot be set aside once more. */
bool damaged_is_twice(struct store *store, const char *vm, const char *id);

/* Removes every snapshot of the VM, also those that cannot be read or were set aside, the draft and the trash, with the
 * files that are ours.  LEFT: one that something else is in, which stays, set aside. */
int damaged_drop_all(struct store *store, const char *vm, struct err *left, struct err *err);

/* Writes which snapshot the VM's state descends from; "" for none. */
int store_set_current(struct store *store, const char *vm, const char *id, struct err *err);
/* Replaces the record of a snapshot that is in the list. */
int store_rewrite_record(struct store *store, const struct record *record, struct err *err);
/* Opens a file of a snapshot. */
int store_open_file(struct store *store, const char *vm, const char *id, const char *name, struct err *err);
/* The memory image, wherever it is. */
int store_open_memory(struct store *store, const struct record *record, struct err *err);
char *store_read_file(struct store *store, const char *vm, const char *id, const char *name, struct err *err);
/* Removes the VM's directory if nothing is left in it. */
void store_tidy(struct store *store, const char *vm);

#endif
