/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/work/work.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/work/core.h"

#include <stdlib.h>

enum { AT_ONCE = 1000 };

struct work {
    struct work_opts opts;
    struct work_core core;
    uv_timer_t timer;
    int64_t timer_us; /* what it is set to; 0: it is not */
    bool started, turning, again;
    void (*idle)(void *ctx); /* draining */
    void *idle_ctx;
    bool draining;
};

static void turn(struct work *work);

static void timer_fired(uv_timer_t *timer)
{
    struct work *work = timer->data;

    work->timer_us = 0;
    turn(work);
}

static void timer_set(struct work *work, int64_t due_us, int64_t now_us)
{
    if (!due_us || (work->timer_us && work->timer_us <= due_us))
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

static void run_ready(struct work *work)
{
    const char *key;

    while (work->started && !work->draining && work->core.under_way < work->opts.at_once &&
           (key = work_core_take(&work->core, clock_mono_us())))
        work->opts.run(work->opts.ctx, key);
}

/* run() may end at once and add keys: those come in this turn, not in a deeper one. */
static void turn(struct work *work)
{
    work->again = true;
    if (work->turning)
        return;
    work->turning = true;
    while (work->again) {
        int64_t now_us = clock_mono_us();

        work->again = false;
        timer_set(work, work_core_ripen(&work->core, now_us), now_us);
        run_ready(work);
    }
    work->turning = false;
    if (work->draining)
        idle_tell(work);
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
    turn(work);
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
    if (!work->turning)
        idle_tell(work);
}

void work_add(struct work *work, const char *key, bool low)
{
    work_core_add(&work->core, key, low);
    turn(work);
}

void work_add_after(struct work *work, const char *key, int64_t delay_ms)
{
    int64_t now_us = clock_mono_us();

    work_core_add_at(&work->core, key, now_us + delay_ms * 1000);
    timer_set(work, now_us + delay_ms * 1000, now_us);
}

void work_add_backoff(struct work *work, const char *key)
{
    int64_t now_us = clock_mono_us();

    timer_set(work, work_core_add_backoff(&work->core, key, now_us), now_us);
}

void work_forget(struct work *work, const char *key)
{
    work_core_forget(&work->core, key);
}

void work_done(struct work *work, const char *key)
{
    work_core_done(&work->core, key);
    turn(work);
}

void work_stats(const struct work *work, struct work_stats *out)
{
    work_core_stats(&work->core, clock_mono_us(), out);
}
