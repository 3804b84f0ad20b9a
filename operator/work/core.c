/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/work/core.h"

#include "common/mem.h"

#include <stdlib.h>

enum { BACKOFF_DOUBLINGS = 18 }; /* 5 ms x 2^18 > 1000 s */
#define BACKOFF_FIRST_US INT64_C(5000)
#define BACKOFF_MAX_US   INT64_C(1000000000)

static void list_push(struct work_list *list, struct work_item *item)
{
    item->next = NULL;
    *list->last = item;
    list->last = &item->next;
}

static struct work_item *list_pop(struct work_list *list)
{
    struct work_item *item = list->first;

    if (!item)
        return NULL;
    list->first = item->next;
    if (!list->first)
        list->last = &list->first;
    return item;
}

static void list_remove(struct work_list *list, const struct work_item *item)
{
    struct work_item **at = &list->first;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (list->last == &item->next)
        list->last = at;
}

void work_core_init(struct work_core *core)
{
    *core = (struct work_core){ .depth = 0 };
    core->high.last = &core->high.first;
    core->low.last = &core->low.first;
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
    if (item->queued || item->running || item->due_us || item->failures)
        return;
    (void)map_remove(&core->items, item->key);
    item_free(NULL, NULL, item);
}

static void item_ready(struct work_core *core, struct work_item *item, bool low)
{
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

void work_core_add(struct work_core *core, const char *key, bool low)
{
    struct work_item *item = item_get(core, key);

    core->adds++;
    item->due_us = 0; /* what was waited for comes now */
    item_ready(core, item, low);
}

void work_core_add_at(struct work_core *core, const char *key, int64_t due_us)
{
    struct work_item *item = item_get(core, key);

    if (item->queued)
        return;
    if (!item->due_us || due_us < item->due_us)
        item->due_us = due_us;
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

struct ripen {
    struct work_core *core;
    int64_t now_us, next_us;
};

static void item_ripen(void *ctx, const char *key, void *value)
{
    struct ripen *ripen = ctx;
    struct work_item *item = value;

    (void)key;
    if (!item->due_us)
        return;
    if (item->due_us <= ripen->now_us) {
        item->due_us = 0;
        ripen->core->adds++;
        item_ready(ripen->core, item, false);
    } else if (!ripen->next_us || item->due_us < ripen->next_us) {
        ripen->next_us = item->due_us;
    }
}

int64_t work_core_ripen(struct work_core *core, int64_t now_us)
{
    struct ripen ripen = { core, now_us, 0 };

    map_each(&core->items, item_ripen, &ripen);
    return ripen.next_us;
}

const char *work_core_take(struct work_core *core, int64_t now_us)
{
    struct work_item *item = list_pop(&core->high);

    if (!item)
        item = list_pop(&core->low);
    if (!item)
        return NULL;
    core->depth--;
    core->under_way++;
    item->queued = false;
    item->running = true;
    item->begun_us = now_us;
    return item->key;
}

void work_core_done(struct work_core *core, const char *key)
{
    struct work_item *item = map_get(&core->items, key);
    bool dirty;

    if (!item || !item->running)
        return;
    core->under_way--;
    dirty = item->dirty;
    item->running = item->dirty = false;
    if (dirty)
        item_ready(core, item, item->dirty_low);
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
                                .retries = core->retries };
    map_each(&core->items, item_age, &age);
}
