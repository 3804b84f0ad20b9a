/* SPDX-License-Identifier: Apache-2.0
 *
 * done.h - assemble.json in the work store: what the output will be, written just before it is
 * published. An attempt that finds that very file at the output's place has nothing left to do. A
 * job that makes two films has one for each; the right eye's is published first, so that the left
 * eye's being there says that all is done.
 */
#ifndef WORKER_ASSEMBLE_DONE_H
#define WORKER_ASSEMBLE_DONE_H

#include "common/contract/names.h"
#include "common/hash.h"
#include "worker/store/store.h"

#include <stdint.h>

#define DONE_KEY       "assemble.json"
#define DONE_RIGHT_KEY "assemble-right.json"

struct done {
    uint64_t bytes;
    char digest[HASH_HEX_SIZE]; /* of its first 8 MiB, an MP4's index among them, and its last */
    int64_t frames, damaged, scaled, duration_ms;
    uint64_t total_bytes;         /* with the files that it names; 0: it is all */
    char replaces[NAME_UID_SIZE]; /* HLS: the job whose files the output named before; or "" */
};

/* Fills bytes and digest from a file that is finished and not committed. */
int done_note_file(struct done *done, struct store_writer *writer, struct err *err);
/* ERR_NOT_FOUND: there is none. */
int done_load(struct done *out, struct store *store, const char *key, struct err *err);
int done_save(const struct done *done, struct store *store, const char *key, struct err *err);
/* 1: the file at uri is that output; 0: it is another, or there is none; -1. */
int done_is_published(const struct done *done, const char *uri, struct err *err);
#endif
