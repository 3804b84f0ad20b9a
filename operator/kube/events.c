/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/events.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/mem.h"
#include "operator/kube/events_core.h"

#include <stdlib.h>

static const struct kube_resource resource = { "events.k8s.io", "v1", "events", "Event" };

struct kube_events {
    struct kube_events_opts opts;
    char *controller, *instance; /* owned */
    struct events_core core;
    struct kube_call *call;
    uv_timer_t timer;
    int64_t flush_until_us; /* 0: no flush */
    void (*flushed)(void *ctx);
    void *flushed_ctx;
};

static void pump(struct kube_events *events);

static void timer_fired(uv_timer_t *timer)
{
    pump(timer->data);
}

static void timer_set(struct kube_events *events, int64_t due_us)
{
    int64_t now_us = clock_mono_us();

    if (!due_us) {
        (void)uv_timer_stop(&events->timer);
        return;
    }
    uv_update_time(kube_client_loop(events->opts.client));
    (void)uv_timer_start(&events->timer, timer_fired,
                         due_us > now_us ? (uint64_t)(due_us - now_us + 999) / 1000 : 0, 0);
}

static void answered(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_events *events = ctx;

    (void)doc;
    events->call = NULL;
    events_core_answer(&events->core, clock_mono_us(), status->code);
    pump(events);
}

static void event_send(struct kube_events *events, enum events_ask ask, const cJSON *body,
                       const char *space, const char *name)
{
    bool is_patch = ask == EVENTS_PATCH;
    AUTO_FREE char *path = kube_path(&resource, space, is_patch ? name : NULL, NULL, NULL);
    const struct kube_request request = { .method = is_patch ? "PATCH" : "POST",
                                          .path = path,
                                          .body = body,
                                          .patch = is_patch ? KUBE_PATCH_MERGE : KUBE_PATCH_NONE,
                                          .done = answered,
                                          .ctx = events };

    kube_call_start(events->opts.client, &request, &events->call);
}

static void cancel(struct kube_events *events)
{
    if (events->call)
        kube_call_cancel(events->call);
    events->call = NULL;
}

/* True: it is over, and the owner was told, who may have closed it. */
static bool flush_end(struct kube_events *events)
{
    void (*flushed)(void *ctx) = events->flushed;

    if (!events->flush_until_us ||
        (!events_core_is_empty(&events->core) && clock_mono_us() < events->flush_until_us))
        return false;
    events->flush_until_us = 0;
    events->flushed = NULL;
    cancel(events);
    (void)uv_timer_stop(&events->timer);
    if (flushed)
        flushed(events->flushed_ctx);
    return true;
}

static void pump(struct kube_events *events)
{
    AUTO(cJSON) cJSON *body = NULL;
    const char *space, *name;
    enum events_ask ask;

    if (flush_end(events))
        return;
    ask = events_core_next(&events->core, clock_mono_us(), &body, &space, &name);
    if (ask)
        event_send(events, ask, body, space, name);
    timer_set(events,
              events->flush_until_us ? events->flush_until_us : events_core_wake_us(&events->core));
}

int kube_events_open(struct kube_events **out, const struct kube_events_opts *opts, struct err *err)
{
    struct kube_events *events = xcalloc(1, sizeof(*events));

    (void)err;
    events->opts = *opts;
    events->controller = xstrdup(opts->controller);
    events->instance = xstrdup(opts->instance);
    events_core_init(&events->core, events->controller, events->instance);
    events->core.burst = opts->burst;
    (void)uv_timer_init(kube_client_loop(opts->client), &events->timer);
    events->timer.data = events;
    *out = events;
    return 0;
}

void kube_events_emit(struct kube_events *events, const cJSON *about, bool warning,
                      const char *reason, const char *action, const char *note)
{
    const struct events_what what = { about, warning, reason, action, note };

    hash_random(&events->core.draw, sizeof(events->core.draw));
    events_core_emit(&events->core, clock_mono_us(), clock_unix_ms(), &what);
    if (!events->flush_until_us)
        pump(events);
}

void kube_events_flush(struct kube_events *events, uint32_t timeout_ms, void (*done)(void *ctx),
                       void *ctx)
{
    events_core_flush(&events->core);
    events->flush_until_us = clock_mono_us() + timeout_ms * INT64_C(1000);
    events->flushed = done;
    events->flushed_ctx = ctx;
    timer_set(events, clock_mono_us()); /* done is not called from within */
}

static void closed(uv_handle_t *handle)
{
    struct kube_events *events = handle->data;

    events_core_clear(&events->core);
    free(events->controller);
    free(events->instance);
    free(events);
}

void kube_events_close(struct kube_events *events)
{
    if (!events)
        return;
    cancel(events);
    uv_close((uv_handle_t *)&events->timer, closed);
}

uint64_t kube_events_dropped(const struct kube_events *events)
{
    return events->core.dropped;
}
