/* SPDX-License-Identifier: Apache-2.0
 *
 * core.h - inside work: the queue without a clock and without a loop. Times are monotonic us.
 */
#ifndef OPERATOR_WORK_CORE_H
#define OPERATOR_WORK_CORE_H

#include "common/map.h"
#include "operator/work/due.h"
#include "operator/work/work.h"

struct work_item {
    struct due due; /* first: when a key that waits is to be run */
    char *key;      /* owned */
    struct work_item *before, *after;
    bool queued, low, running, dirty, dirty_low;
    int64_t ready_us, begun_us; /* since it is queued, or dirty; of the run under way */
    uint32_t failures;
};

struct work_list {
    struct work_item *first, *last;
};

struct work_core {
    struct map items;           /* key -> work_item, owned */
    struct work_list high, low; /* ready */
    struct due_heap waiting;    /* of items */
    size_t depth, under_way;
    unsigned streak; /* high ones taken in a row while low ones wait */
    uint64_t adds, retries;
    struct work_times waited, worked;
};

void work_core_init(struct work_core *core);
void work_core_clear(struct work_core *core);
void work_core_add(struct work_core *core, const char *key, bool low, int64_t now_us);
void work_core_add_at(struct work_core *core, const char *key, int64_t due_us);
/* Returns when it will be due. */
int64_t work_core_add_backoff(struct work_core *core, const char *key, int64_t now_us);
void work_core_forget(struct work_core *core, const char *key);
/* Moves what is due to the ready lists; when the next one will be, 0: none waits. */
int64_t work_core_ripen(struct work_core *core, int64_t now_us);
/* The next key to run, borrowed until its work_core_done; NULL: none is ready. */
const char *work_core_take(struct work_core *core, int64_t now_us);
void work_core_done(struct work_core *core, const char *key, int64_t now_us);
void work_core_stats(const struct work_core *core, int64_t now_us, struct work_stats *out);
#endif
