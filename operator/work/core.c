/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/work/core.h"

#include "common/mem.h"

#include <stdlib.h>

enum {
    BACKOFF_DOUBLINGS = 18, /* 5 ms x 2^18 > 1000 s */
    LOW_EVERY = 16,         /* of so many high ones, a low one comes */
};
#define BACKOFF_FIRST_US INT64_C(5000)
#define BACKOFF_MAX_US   INT64_C(1000000000)

static void list_push(struct work_list *list, struct work_item *item)
{
    item->before = list->last;
    item->after = NULL;
    *(list->last ? &list->last->after : &list->first) = item;
    list->last = item;
}

static void list_remove(struct work_list *list, const struct work_item *item)
{
    *(item->before ? &item->before->after : &list->first) = item->after;
    *(item->after ? &item->after->before : &list->last) = item->before;
}

/* Durations ------------------------------------------------------------------------------------*/

const double work_bounds_s[WORK_BOUNDS] = { 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
                                            1e-2, 0.1,  1,    10,   100,  1000 };

static void times_add(struct work_times *times, int64_t us)
{
    double s = us > 0 ? (double)us / 1e6 : 0;
    size_t bucket = 0;

    while (bucket < WORK_BOUNDS && s > work_bounds_s[bucket])
        bucket++;
    times->buckets[bucket]++;
    times->sum_s += s;
}

/* Items ----------------------------------------------------------------------------------------*/

void work_core_init(struct work_core *core)
{
    *core = (struct work_core){ .depth = 0 };
}

static void item_free(void *ctx, const char *key, void *value)
{
    struct work_item *item = value;

    (void)ctx;
    (void)key;
    free(item->key);
    free(item);
}

void work_core_clear(struct work_core *core)
{
    map_each(&core->items, item_free, NULL);
    map_clear(&core->items);
    due_heap_clear(&core->waiting);
}

static struct work_item *item_get(struct work_core *core, const char *key)
{
    struct work_item *item = map_get(&core->items, key);

    if (item)
        return item;
    item = xcalloc(1, sizeof(*item));
    item->key = xstrdup(key);
    map_put(&core->items, key, item);
    return item;
}

/* Nothing is remembered of a key that does nothing and never failed. */
static void item_settle(struct work_core *core, struct work_item *item)
{
    if (item->queued || item->running || item->due.at_us || item->failures)
        return;
    (void)map_remove(&core->items, item->key);
    item_free(NULL, NULL, item);
}

/* Once, however often it comes before it is run. */
static void item_ready(struct work_core *core, struct work_item *item, bool low, int64_t now_us)
{
    bool is_new = item->running ? !item->dirty : !item->queued;

    if (is_new) {
        core->adds++;
        item->ready_us = now_us;
    }
    if (item->running) {
        item->dirty_low = item->dirty ? item->dirty_low && low : low;
        item->dirty = true;
        return;
    }
    if (item->queued && (!item->low || low))
        return;
    if (item->queued)
        list_remove(&core->low, item); /* somebody waits for it now */
    else
        core->depth++;
    item->queued = true;
    item->low = low;
    list_push(low ? &core->low : &core->high, item);
}

void work_core_add(struct work_core *core, const char *key, bool low, int64_t now_us)
{
    struct work_item *item = item_get(core, key);

    due_remove(&core->waiting, &item->due); /* what was waited for comes now */
    item_ready(core, item, low, now_us);
}

void work_core_add_at(struct work_core *core, const char *key, int64_t due_us)
{
    struct work_item *item = item_get(core, key);

    if (item->queued)
        return;
    if (!item->due.at_us || due_us < item->due.at_us)
        due_set(&core->waiting, &item->due, due_us > 0 ? due_us : 1);
}

int64_t work_core_add_backoff(struct work_core *core, const char *key, int64_t now_us)
{
    struct work_item *item = item_get(core, key);
    int64_t wait_us = BACKOFF_MAX_US;

    if (item->failures < BACKOFF_DOUBLINGS)
        wait_us = BACKOFF_FIRST_US << item->failures;
    if (wait_us > BACKOFF_MAX_US)
        wait_us = BACKOFF_MAX_US;
    item->failures++;
    core->retries++;
    work_core_add_at(core, key, now_us + wait_us);
    return now_us + wait_us;
}

void work_core_forget(struct work_core *core, const char *key)
{
    struct work_item *item = map_get(&core->items, key);

    if (!item)
        return;
    item->failures = 0;
    item_settle(core, item);
}

int64_t work_core_ripen(struct work_core *core, int64_t now_us)
{
    struct due *due;

    while ((due = due_first(&core->waiting)) && due->at_us <= now_us) {
        struct work_item *item = (struct work_item *)due; /* its first member */

        due_remove(&core->waiting, due);
        item_ready(core, item, false, now_us);
    }
    return due ? due->at_us : 0;
}

/* Low ones yield, but not for ever: a stream of events must not hide a job of the first list. */
static struct work_item *pick(struct work_core *core)
{
    bool is_turn = core->streak >= LOW_EVERY;
    struct work_list *list =
        !core->high.first || (is_turn && core->low.first) ? &core->low : &core->high;
    struct work_item *item = list->first;

    if (!item)
        return NULL;
    core->streak = list == &core->high && core->low.first ? core->streak + 1 : 0;
    list_remove(list, item);
    return item;
}

const char *work_core_take(struct work_core *core, int64_t now_us)
{
    struct work_item *item = pick(core);

    if (!item)
        return NULL;
    core->depth--;
    core->under_way++;
    item->queued = false;
    item->running = true;
    item->begun_us = now_us;
    times_add(&core->waited, now_us - item->ready_us);
    return item->key;
}

void work_core_done(struct work_core *core, const char *key, int64_t now_us)
{
    struct work_item *item = map_get(&core->items, key);
    bool dirty;

    if (!item || !item->running)
        return;
    core->under_way--;
    times_add(&core->worked, now_us - item->begun_us);
    dirty = item->dirty;
    item->running = item->dirty = false;
    if (dirty) {
        int64_t ready_us = item->ready_us;

        item_ready(core, item, item->dirty_low, now_us);
        item->ready_us = ready_us; /* it waits since it became dirty, and was counted then */
        core->adds--;
    }
    item_settle(core, item);
}

struct age {
    int64_t now_us;
    struct work_stats *out;
};

static void item_age(void *ctx, const char *key, void *value)
{
    struct age *age = ctx;
    const struct work_item *item = value;
    double s = (double)(age->now_us - item->begun_us) / 1e6;

    (void)key;
    if (!item->running)
        return;
    age->out->unfinished_s += s;
    if (s > age->out->longest_running_s)
        age->out->longest_running_s = s;
}

void work_core_stats(const struct work_core *core, int64_t now_us, struct work_stats *out)
{
    struct age age = { now_us, out };

    *out = (struct work_stats){ .depth = core->depth,
                                .under_way = core->under_way,
                                .adds = core->adds,
                                .retries = core->retries,
                                .waited = core->waited,
                                .worked = core->worked };
    map_each(&core->items, item_age, &age);
}
