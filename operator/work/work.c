/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/work/work.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/work/core.h"

#include <stdlib.h>

enum { AT_ONCE = 1000 };
#define BUSY_US INT64_C(20000)

struct work {
    struct work_opts opts;
    struct work_core core;
    uv_timer_t timer;
    int64_t timer_us; /* what it is set to; 0: it is not */
    bool started, turning;
    void (*idle)(void *ctx); /* draining */
    void *idle_ctx;
    bool draining;
};

static void timer_fired(uv_timer_t *timer);

/* Within a turn at least a millisecond, so that libuv does not begin the next one before it has
 * looked at its sockets. */
static void timer_set(struct work *work, int64_t due_us)
{
    int64_t now_us = clock_mono_us();

    if (work->turning && due_us < now_us + 1000)
        due_us = now_us + 1000;
    if (work->timer_us && work->timer_us <= due_us)
        return;
    work->timer_us = due_us;
    uv_update_time(work->opts.loop);
    (void)uv_timer_start(&work->timer, timer_fired,
                         due_us > now_us ? (uint64_t)(due_us - now_us + 999) / 1000 : 0, 0);
}

static void idle_tell(struct work *work)
{
    void (*idle)(void *ctx) = work->idle;

    if (!idle || work->core.under_way > 0)
        return;
    work->idle = NULL;
    idle(work->idle_ctx);
}

static bool may_begin(const struct work *work)
{
    return work->started && !work->draining && work->core.depth > 0 &&
           work->core.under_way < work->opts.at_once;
}

/* One turn of the loop: what came since the last is begun together, each key once; what is too much
 * for it comes in the next, so that leases are renewed and watches are read between. */
static void timer_fired(uv_timer_t *timer)
{
    struct work *work = timer->data;
    int64_t now_us = clock_mono_us(), until_us = now_us + BUSY_US, next_us;

    work->timer_us = 0;
    work->turning = true;
    next_us = work_core_ripen(&work->core, now_us);
    while (may_begin(work) && now_us < until_us) {
        work->opts.run(work->opts.ctx, work_core_take(&work->core, now_us));
        now_us = clock_mono_us();
    }
    if (may_begin(work))
        timer_set(work, now_us);
    else if (next_us && work->started)
        timer_set(work, next_us);
    work->turning = false;
}

static void kick(struct work *work)
{
    if (may_begin(work))
        timer_set(work, clock_mono_us());
}

struct work *work_open(const struct work_opts *opts)
{
    struct work *work = xcalloc(1, sizeof(*work));

    work->opts = *opts;
    if (!work->opts.at_once)
        work->opts.at_once = AT_ONCE;
    work_core_init(&work->core);
    (void)uv_timer_init(opts->loop, &work->timer);
    work->timer.data = work;
    return work;
}

void work_start(struct work *work)
{
    work->started = true;
    timer_set(work, clock_mono_us());
}

static void closed(uv_handle_t *handle)
{
    struct work *work = handle->data;

    work_core_clear(&work->core);
    free(work);
}

void work_close(struct work *work)
{
    if (!work)
        return;
    work->started = false;
    uv_close((uv_handle_t *)&work->timer, closed);
}

void work_drain(struct work *work, void (*idle)(void *ctx), void *ctx)
{
    work->draining = true;
    work->idle = idle;
    work->idle_ctx = ctx;
    idle_tell(work);
}

void work_add(struct work *work, const char *key, bool low)
{
    work_core_add(&work->core, key, low, clock_mono_us());
    kick(work);
}

void work_add_after(struct work *work, const char *key, int64_t delay_ms)
{
    int64_t due_us = clock_mono_us() + (delay_ms > 0 ? delay_ms : 0) * 1000;

    work_core_add_at(&work->core, key, due_us);
    if (work->started)
        timer_set(work, due_us);
}

void work_add_backoff(struct work *work, const char *key)
{
    int64_t due_us = work_core_add_backoff(&work->core, key, clock_mono_us());

    if (work->started)
        timer_set(work, due_us);
}

void work_forget(struct work *work, const char *key)
{
    work_core_forget(&work->core, key);
}

void work_done(struct work *work, const char *key)
{
    work_core_done(&work->core, key, clock_mono_us());
    kick(work);
    if (work->draining)
        idle_tell(work);
}

void work_stats(const struct work *work, struct work_stats *out)
{
    work_core_stats(&work->core, clock_mono_us(), out);
}
