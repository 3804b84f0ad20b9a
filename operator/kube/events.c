/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/events.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/map.h"
#include "common/mem.h"
#include "operator/kube/microtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 1000,
    KNOWN_MAX = 4096,
    TRIES = 12,
    RETRY_MS = 10000,
    REFRESH_MS = 1800000, /* a series is written again */
    IDLE_MS = 360000,     /* and ends when nothing came for so long */
    NOTE_MAX = 1024,
    REASON_MAX = 128,
};

static const struct kube_resource resource = { "events.k8s.io", "v1", "events", "Event" };

/* One kind of happening to one object. */
struct series {
    struct kube_events *events;
    struct series *next; /* in the queue */
    char *key;           /* owned */
    cJSON *doc;          /* owned: the event as it was made */
    char *space, *name;  /* owned */
    uint32_t count, written_count, tries;
    int64_t last_ms, written_ms, retry_us;
    bool queued, created, sending;
};

struct kube_events {
    struct kube_events_opts opts;
    char *controller, *instance; /* owned */
    struct map known;            /* key -> series, owned */
    struct series *first, **last;
    size_t queued;
    struct kube_call *call;
    struct series *sending;
    uv_timer_t timer;
    uint64_t dropped;
    bool flushing;
    int64_t flush_until_us;
    void (*flushed)(void *ctx);
    void *flushed_ctx;
};

static const char *text_at(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static void pump(struct kube_events *events);

static void series_free(struct series *series)
{
    cJSON_Delete(series->doc);
    free(series->key);
    free(series->space);
    free(series->name);
    free(series);
}

static void series_drop(struct kube_events *events, struct series *series)
{
    (void)map_remove(&events->known, series->key);
    series_free(series);
}

static void enqueue(struct kube_events *events, struct series *series)
{
    if (series->queued || series->sending)
        return;
    series->queued = true;
    series->next = NULL;
    *events->last = series;
    events->last = &series->next;
    events->queued++;
}

static struct series *dequeue(struct kube_events *events)
{
    struct series *series = events->first;

    events->first = series->next;
    if (!events->first)
        events->last = &events->first;
    series->queued = false;
    events->queued--;
    return series;
}

/* What is written ------------------------------------------------------------------------------*/

static cJSON *event_build(const struct kube_events *events, const struct series *series,
                          const cJSON *about)
{
    cJSON *doc = cJSON_CreateObject(), *metadata, *regarding;
    char now[KUBE_MICROTIME_SIZE];

    kube_microtime(now, series->last_ms);
    json_add_str(doc, "apiVersion", "events.k8s.io/v1");
    json_add_str(doc, "kind", "Event");
    metadata = cJSON_AddObjectToObject(doc, "metadata");
    json_add_str(metadata, "name", series->name);
    json_add_str(metadata, "namespace", series->space);
    json_add_str(doc, "eventTime", now);
    json_add_str(doc, "reportingController", events->controller);
    json_add_str(doc, "reportingInstance", events->instance);
    regarding = cJSON_AddObjectToObject(doc, "regarding");
    json_add_str(regarding, "apiVersion", text_at(about, "apiVersion"));
    json_add_str(regarding, "kind", text_at(about, "kind"));
    json_add_str(regarding, "namespace", text_at(about, "metadata.namespace"));
    json_add_str(regarding, "name", text_at(about, "metadata.name"));
    json_add_str(regarding, "uid", text_at(about, "metadata.uid"));
    json_add_str(regarding, "resourceVersion", text_at(about, "metadata.resourceVersion"));
    return doc;
}

static cJSON *series_patch(const struct series *series)
{
    cJSON *doc = cJSON_CreateObject(), *part = cJSON_AddObjectToObject(doc, "series");
    char last[KUBE_MICROTIME_SIZE];

    kube_microtime(last, series->last_ms);
    json_add_i64(part, "count", series->count);
    json_add_str(part, "lastObservedTime", last);
    return doc;
}

/* Sending, one at a time
 * -------------------------------------------------------------------------*/

static void flush_end(struct kube_events *events)
{
    void (*flushed)(void *ctx) = events->flushed;

    events->flushed = NULL;
    if (flushed)
        flushed(events->flushed_ctx);
}

/* An event that nobody takes is not worth more than twelve tries. */
static void sent_badly(struct kube_events *events, struct series *series, int code)
{
    bool refused = code >= 400 && code < 500 && code != 429 && code != 404;

    if (code == 404 && series->created) {
        series->created = false; /* it has expired: made anew */
        enqueue(events, series);
        return;
    }
    if (refused || code == 404 || ++series->tries >= TRIES || events->flushing) {
        events->dropped++;
        series_drop(events, series);
        return;
    }
    series->retry_us = clock_mono_us() + RETRY_MS * INT64_C(1000);
}

static void sent(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_events *events = ctx;
    struct series *series = events->sending;

    (void)doc;
    events->call = NULL;
    events->sending = NULL;
    series->sending = false;
    if (status->code / 100 == 2 || (status->code == 409 && !series->created)) {
        series->created = true;
        series->tries = 0;
        series->written_ms = clock_unix_ms();
        if (series->written_count < 2 && series->count > series->written_count)
            enqueue(events, series); /* its second came meanwhile */
    } else {
        sent_badly(events, series, status->code);
    }
    pump(events);
}

static void series_send(struct kube_events *events, struct series *series)
{
    AUTO(cJSON) cJSON *patch = series->created ? series_patch(series) : NULL;
    AUTO_FREE char *path =
        kube_path(&resource, series->space, series->created ? series->name : NULL, NULL, NULL);
    const struct kube_request request = { .method = series->created ? "PATCH" : "POST",
                                          .path = path,
                                          .body = patch ? patch : series->doc,
                                          .patch = patch ? KUBE_PATCH_MERGE : KUBE_PATCH_NONE,
                                          .done = sent,
                                          .ctx = events };

    events->sending = series;
    series->sending = true;
    series->written_count = patch ? series->count : 1;
    kube_call_start(events->opts.client, &request, &events->call);
}

static void pump(struct kube_events *events)
{
    if (events->call)
        return;
    if (events->first)
        series_send(events, dequeue(events));
    else if (events->flushing)
        flush_end(events);
}

/* Series that go on are refreshed, those that ended are told a last time and forgotten. */
struct sweep {
    struct kube_events *events;
    int64_t now_ms, now_us;
};

static void series_sweep(void *ctx, const char *key, void *value)
{
    const struct sweep *sweep = ctx;
    struct series *series = value;
    bool unwritten = series->count > series->written_count;

    (void)key;
    if (series->queued || series->sending)
        return;
    if (series->retry_us) {
        if (sweep->now_us >= series->retry_us) {
            series->retry_us = 0;
            enqueue(sweep->events, series);
        }
    } else if (sweep->now_ms - series->last_ms > IDLE_MS) {
        if (unwritten)
            enqueue(sweep->events, series);
        else
            series_drop(sweep->events, series);
    } else if (unwritten && sweep->now_ms - series->written_ms > REFRESH_MS) {
        enqueue(sweep->events, series);
    }
}

static void timer_fired(uv_timer_t *timer)
{
    struct kube_events *events = timer->data;
    struct sweep sweep = { events, clock_unix_ms(), clock_mono_us() };

    if (events->flushing && sweep.now_us > events->flush_until_us) {
        if (events->call)
            kube_call_cancel(events->call);
        events->call = NULL;
        flush_end(events);
        return;
    }
    if (!events->flushing)
        map_each(&events->known, series_sweep, &sweep);
    pump(events);
}

/* The door --------------------------------------------------------------------------------------*/

int kube_events_open(struct kube_events **out, const struct kube_events_opts *opts, struct err *err)
{
    struct kube_events *events = xcalloc(1, sizeof(*events));

    (void)err;
    events->opts = *opts;
    events->controller = xstrdup(opts->controller);
    events->instance = xstrdup(opts->instance);
    events->last = &events->first;
    (void)uv_timer_init(kube_client_loop(opts->client), &events->timer);
    events->timer.data = events;
    (void)uv_timer_start(&events->timer, timer_fired, RETRY_MS, RETRY_MS);
    *out = events;
    return 0;
}

static struct series *series_new(struct kube_events *events, const char *key, const cJSON *about)
{
    const char *space = text_at(about, "metadata.namespace");
    struct series *series = xcalloc(1, sizeof(*series));
    unsigned char draw[8];

    hash_random(draw, sizeof(draw));
    series->events = events;
    series->key = xstrdup(key);
    series->space = xstrdup(space[0] ? space : "default");
    series->name =
        xasprintf("%.200s.%02x%02x%02x%02x%02x%02x%02x%02x", text_at(about, "metadata.name"),
                  draw[0], draw[1], draw[2], draw[3], draw[4], draw[5], draw[6], draw[7]);
    series->last_ms = clock_unix_ms();
    series->count = 1;
    series->doc = event_build(events, series, about);
    map_put(&events->known, series->key, series);
    return series;
}

static void add_cut(cJSON *doc, const char *key, const char *text, int max)
{
    AUTO_FREE char *cut = xstrndup(text, strnlen(text, (size_t)max));
    size_t len = strlen(cut);

    while (len > 0 && text[len] && ((unsigned char)text[len] & 0xC0) == 0x80)
        cut[--len] = '\0'; /* not in the middle of a character */
    json_add_str(doc, key, cut);
}

void kube_events_emit(struct kube_events *events, const cJSON *about, bool warning,
                      const char *reason, const char *action, const char *note)
{
    AUTO_FREE char *key =
        xasprintf("%s|%d|%s|%s|%s", text_at(about, "metadata.uid"), warning, reason, action, note);
    struct series *series = map_get(&events->known, key);

    if (series) {
        series->count++;
        series->last_ms = clock_unix_ms();
        if (series->count == 2 && !series->retry_us)
            enqueue(events, series);
        pump(events);
        return;
    }
    if (events->queued >= QUEUE_MAX || events->known.count >= KNOWN_MAX || events->flushing) {
        events->dropped++;
        return;
    }
    series = series_new(events, key, about);
    json_add_str(series->doc, "type", warning ? "Warning" : "Normal");
    add_cut(series->doc, "reason", reason, REASON_MAX);
    add_cut(series->doc, "action", action, REASON_MAX);
    add_cut(series->doc, "note", note, NOTE_MAX);
    enqueue(events, series);
    pump(events);
}

void kube_events_flush(struct kube_events *events, uint32_t timeout_ms, void (*done)(void *ctx),
                       void *ctx)
{
    events->flushing = true;
    events->flush_until_us = clock_mono_us() + timeout_ms * INT64_C(1000);
    events->flushed = done;
    events->flushed_ctx = ctx;
    (void)uv_timer_start(&events->timer, timer_fired, timeout_ms, RETRY_MS);
    pump(events);
}

static void series_free_each(void *ctx, const char *key, void *value)
{
    (void)ctx;
    (void)key;
    series_free(value);
}

static void closed(uv_handle_t *handle)
{
    struct kube_events *events = handle->data;

    map_each(&events->known, series_free_each, NULL);
    map_clear(&events->known);
    free(events->controller);
    free(events->instance);
    free(events);
}

void kube_events_close(struct kube_events *events)
{
    if (!events)
        return;
    if (events->call)
        kube_call_cancel(events->call);
    events->call = NULL;
    uv_close((uv_handle_t *)&events->timer, closed);
}

uint64_t kube_events_dropped(const struct kube_events *events)
{
    return events->dropped;
}
