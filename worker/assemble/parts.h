/* SPDX-License-Identifier: Apache-2.0
 *
 * parts.h - what is joined: the commit records of all segments, each checked against the plan and
 * against the others. One thread.
 */
#ifndef WORKER_ASSEMBLE_PARTS_H
#define WORKER_ASSEMBLE_PARTS_H

#include "common/contract/plan.h"
#include "common/contract/record.h"
#include "worker/store/store.h"

struct part {
    char object[NAME_KEY_SIZE];
    uint32_t crc32c;
    uint64_t bytes;
};

struct parts {
    struct part *part; /* owned; plan's segment_count of them */
    uint32_t count;
    int reorder;             /* the largest */
    uint64_t bytes;          /* of all */
    int64_t damaged, scaled; /* frames of all */
    char extradata_sha256[HASH_HEX_SIZE];
};

/* Errors: ERR_DEPENDENCY: a record is not there (names the index); ERR_INTERNAL: a record is not
 * what the plan asked for. */
int parts_load(struct parts **out, struct store *store, const struct plan *plan, const char *uid,
               struct err *err);
void parts_free(struct parts *parts);
AUTO_DEFINE(parts, struct parts *, parts_free)
#endif
