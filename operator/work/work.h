/* SPDX-License-Identifier: Apache-2.0
 *
 * work.h - the work queue of a controller: keys, each at most once in it, one worker a key. A key
 * that is added while it is being worked on is dirty and comes again after work_done. Failures wait
 * 5 ms x 2^n, at most 1000 s, until work_forget. Low keys (of the first list) yield to others, but
 * for one in seventeen. run() comes from the loop, never from within a call here, and keys are
 * begun for at most 20 ms in one of its turns. Loop thread only.
 *
 * This is the door for the operator (libuv); the core below it is pure, with time passed in.
 */
#ifndef OPERATOR_WORK_H
#define OPERATOR_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct work;

struct work_opts {
    uv_loop_t *loop;  /* borrowed */
    uint32_t at_once; /* keys under way at a time; 0 = 1000 */
    /* Begin with this key (borrowed for the call); work_done(key) ends it, now or later. */
    void (*run)(void *ctx, const char *key);
    void *ctx;
};
/* Keys are taken in at once; none is run before work_start. */
struct work *work_open(const struct work_opts *opts);
void work_start(struct work *work);
/* No run comes any more; freed when libuv has closed its timer. NULL is fine. */
void work_close(struct work *work);
/* Begins no key any more (shutdown); idle is called once when none is under way. */
void work_drain(struct work *work, void (*idle)(void *ctx), void *ctx);

void work_add(struct work *work, const char *key, bool low);
/* At the earliest in delay_ms; an earlier time that is set already stays, a later one is replaced.
 */
void work_add_after(struct work *work, const char *key, int64_t delay_ms);
/* After a failure: with the key's own backoff. */
void work_add_backoff(struct work *work, const char *key);
void work_forget(struct work *work, const char *key); /* success: its backoff begins anew */
void work_done(struct work *work, const char *key);

/* How long something took, how often: a count for each bound (not above it), and one for more. */
enum { WORK_BOUNDS = 12 };
extern const double
    work_bounds_s[WORK_BOUNDS]; /* 10 ns to 1000 s, by tens, as client-go has them */
struct work_times {
    uint64_t buckets[WORK_BOUNDS + 1];
    double sum_s;
};

/* For /metrics, with the names of client-go's workqueue. */
struct work_stats {
    size_t depth, under_way;
    uint64_t adds, retries; /* adds: of keys that were not in it */
    double longest_running_s, unfinished_s;
    struct work_times waited, worked;
};
void work_stats(const struct work *work, struct work_stats *out);
#endif
