/* SPDX-License-Identifier: Apache-2.0
 *
 * decide_world.h - a very small world for decide to live in: pods, a store, tracking, a user. The
 * world knows the truth (what is committed, how often a chain failed) and checks every decision
 * and every action against it; what it finds broken ends the test with the steps that led there.
 */
#ifndef TESTS_OPERATOR_DECIDE_WORLD_H
#define TESTS_OPERATOR_DECIDE_WORLD_H

#include "operator/decide/decide.h"

#define WORLD_MAX_SEGMENTS 3
#define WORLD_SLOTS        (WORLD_MAX_SEGMENTS + 2)
#define WORLD_MAX_PODS     48
#define WORLD_TRACE        48

struct world_pod {
    struct attempt_id id;
    enum pod_phase phase;
    enum pod_waiting waiting;
    enum attempt_class cls, verdict;
    bool has_verdict, has_record, has_finalizer;
    bool silent; /* its node is away: nothing of it will ever change by itself */
    int64_t created_ms, started_ms, finished_ms, deletion_ms, progress_ms;
    uint32_t failures, interruptions, memory_percent, storage_percent;
};

struct world_trace { /* the last steps, for the message */
    char step[WORLD_TRACE][48];
    unsigned count;
};

struct world {
    int64_t now_ms;
    uint32_t segments;
    struct job_spec spec;
    struct job_status stored; /* owned */
    struct world_pod pods[WORLD_MAX_PODS];
    size_t pod_count;
    struct world_pod old[WORLD_MAX_PODS]; /* as they were at the last pass that saw all */
    size_t old_count;
    uint32_t old_epoch;
    int64_t old_ms;
    bool committed[WORLD_SLOTS]; /* plan, assemble, convert 0, ...: what is true in the store */
    bool tracked[WORLD_SLOTS];   /* the hash in Redis */
    int64_t up_ms, away_ms;
    unsigned retries; /* the retry annotation is "r<retries>"; 0 = none */
    bool discard, deleted;
    int64_t wake_ms;     /* of the last pass */
    struct world_chain { /* what really happened in the slot's newest epoch */
        uint32_t epoch, attempts, failures, interruptions;
    } chains[WORLD_SLOTS];
    bool void_accounts;        /* a pod was taken away by force: its failures are forgotten */
    bool recanted;             /* a pod that was given up for lost spoke: a count may fall, once */
    struct world_trace *trace; /* borrowed */
};

void world_init(struct world *world, uint32_t segments, uint32_t parallelism,
                struct world_trace *trace);
void world_copy(struct world *to, const struct world *from);
void world_clear(struct world *world);
uint64_t world_hash(
    const struct world *world); /* equal states, equal hash; times relative to now */

void world_note(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_broken(const struct world *world, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* One pass. write: the status write gets through; acts: how many actions are then carried out
 * before the operator dies (the last of them a delete: perhaps only its verdict). True when
 * anything changed. */
bool world_pass(struct world *world, bool write, size_t acts);
#define WORLD_ALL SIZE_MAX
/* A whole pass on a cache that has not seen what happened to pods since the last one. Nothing when
 * a new epoch began in between or ten seconds went by: a cache is not that old. */
void world_pass_stale(struct world *world);

/* What happens to a pod by itself. */
void world_pod_start(struct world *world, struct world_pod *pod);
void world_pod_commit(struct world *world,
                      struct world_pod *pod); /* store, and Redis if it is up */
void world_pod_end(struct world *world, struct world_pod *pod, enum attempt_class cls);
void world_pod_remove(struct world *world, struct world_pod *pod);

/* Leaves the job alone with a healthy world until nothing happens any more, then checks that
 * nothing is left behind. */
void world_settle(struct world *world);
bool world_is_terminal(const struct world_pod *pod);
#endif
