/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/events_core.h"

#include "common/mem.h"
#include "common/utf8.h"
#include "operator/kube/microtime.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 1000,
    KNOWN_MAX = 4096,
    TRIES = 12,
    NOTE_MAX = 1024,
    WORD_MAX = 128, /* reason, action, instance */
    NAME_MAX_BYTES = 200,
};
#define SWEEP_US   INT64_C(1000000)
#define EARN_US    INT64_C(300000000)
#define RETRY_US   INT64_C(10000000)
#define REFRESH_US INT64_C(1800000000) /* a series is written again */
#define IDLE_US    INT64_C(360000000)  /* and ends when nothing came for so long */

/* What an object may still say that is new. */
struct bucket {
    uint32_t left;
    int64_t since_us; /* the next is earned from here */
};

struct events_series {
    struct events_series *next; /* in the queue */
    char *key;                  /* owned */
    cJSON *doc;                 /* owned: the event as it was first made */
    char *space, *name;         /* owned */
    uint32_t count, written_count, tries;
    int64_t seen_us, seen_unix_ms, written_us;
    int64_t retry_us; /* waits until then; 0: it does not */
    bool queued, created;
};

static void series_free(void *ctx, const char *key, void *value)
{
    struct events_series *series = value;

    (void)ctx;
    (void)key;
    cJSON_Delete(series->doc);
    free(series->key);
    free(series->space);
    free(series->name);
    free(series);
}

static void series_drop(struct events_core *core, struct events_series *series)
{
    (void)map_remove(&core->known, series->key);
    series_free(NULL, NULL, series);
}

static void bucket_free(void *ctx, const char *key, void *value)
{
    (void)ctx;
    (void)key;
    free(value);
}

void events_core_init(struct events_core *core, const char *controller, const char *instance)
{
    *core = (struct events_core){ .controller = controller, .instance = instance };
    core->last = &core->first;
}

void events_core_clear(struct events_core *core)
{
    map_each(&core->known, series_free, NULL);
    map_clear(&core->known);
    map_each(&core->buckets, bucket_free, NULL);
    map_clear(&core->buckets);
}

static void enqueue(struct events_core *core, struct events_series *series)
{
    if (series->queued || series == core->sending)
        return;
    series->queued = true;
    series->retry_us = 0;
    series->next = NULL;
    *core->last = series;
    core->last = &series->next;
    core->queued++;
}

static struct events_series *dequeue(struct events_core *core)
{
    struct events_series *series = core->first;

    if (!series)
        return NULL;
    core->first = series->next;
    if (!core->first)
        core->last = &core->first;
    series->queued = false;
    core->queued--;
    return series;
}

/* What is written ------------------------------------------------------------------------------*/

/* At most max bytes, of whole characters: the server counts, and refuses what is longer. */
static void add_cut(cJSON *doc, const char *key, const char *text, size_t max)
{
    AUTO_FREE char *cut = xmalloc(max + 1);
    size_t len = 0;

    while (*text) {
        size_t n = utf8_bytes(text);

        if (len + (n ? n : 1) > max)
            break;
        if (n)
            memcpy(cut + len, text, n);
        else
            cut[len] = '?';
        len += n ? n : 1;
        text += n ? n : 1;
    }
    cut[len] = '\0';
    json_add_str(doc, key, cut);
}

static char *name_make(const char *object, uint64_t draw)
{
    AUTO_FREE char *stem = xstrndup(object, NAME_MAX_BYTES);
    size_t len = strlen(stem);

    while (len > 0 && !isalnum((unsigned char)stem[len - 1]))
        stem[--len] = '\0'; /* a cut name must not end in a dot or a dash */
    return xasprintf("%s.%016" PRIx64, stem, draw);
}

static cJSON *event_build(const struct events_core *core, const struct events_series *series,
                          const struct events_what *what)
{
    cJSON *doc = cJSON_CreateObject(), *metadata, *regarding;
    char now[KUBE_MICROTIME_SIZE];

    kube_microtime(now, series->seen_unix_ms);
    json_add_str(doc, "apiVersion", "events.k8s.io/v1");
    json_add_str(doc, "kind", "Event");
    metadata = cJSON_AddObjectToObject(doc, "metadata");
    json_add_str(metadata, "name", series->name);
    json_add_str(metadata, "namespace", series->space);
    json_add_str(doc, "eventTime", now);
    json_add_str(doc, "reportingController", core->controller);
    add_cut(doc, "reportingInstance", core->instance, WORD_MAX);
    regarding = cJSON_AddObjectToObject(doc, "regarding");
    json_add_str(regarding, "apiVersion", json_text(what->about, "apiVersion"));
    json_add_str(regarding, "kind", json_text(what->about, "kind"));
    json_add_str(regarding, "namespace", json_text(what->about, "metadata.namespace"));
    json_add_str(regarding, "name", json_text(what->about, "metadata.name"));
    json_add_str(regarding, "uid", json_text(what->about, "metadata.uid"));
    json_add_str(regarding, "resourceVersion", json_text(what->about, "metadata.resourceVersion"));
    json_add_str(doc, "type", what->warning ? "Warning" : "Normal");
    add_cut(doc, "reason", what->reason, WORD_MAX);
    add_cut(doc, "action", what->action, WORD_MAX);
    add_cut(doc, "note", what->note, NOTE_MAX);
    return doc;
}

/* The whole event, or what changes of it when it is there. */
static cJSON *body_build(const struct events_series *series)
{
    cJSON *doc = series->created ? cJSON_CreateObject() : cJSON_Duplicate(series->doc, true);
    char last[KUBE_MICROTIME_SIZE];
    cJSON *part;

    if (series->count < 2)
        return doc;
    part = cJSON_AddObjectToObject(doc, "series");
    kube_microtime(last, series->seen_unix_ms);
    json_add_i64(part, "count", series->count);
    json_add_str(part, "lastObservedTime", last);
    return doc;
}

/* Emitting -------------------------------------------------------------------------------------*/

static bool is_quiet(const struct events_core *core, const struct events_series *series)
{
    return !series->queued && !series->retry_us && series != core->sending &&
           series->count == series->written_count;
}

static void quiet_drop(void *ctx, const char *key, void *value)
{
    (void)key;
    if (is_quiet(ctx, value))
        series_drop(ctx, value);
}

/* What is written is forgotten rather than that a new one is not: its next comes as a new event. */
static bool room_make(struct events_core *core)
{
    if (core->queued >= QUEUE_MAX)
        return false;
    if (core->known.count >= KNOWN_MAX)
        map_each(&core->known, quiet_drop, core);
    return core->known.count < KNOWN_MAX;
}

static void bucket_fill(const struct events_core *core, struct bucket *bucket, int64_t now_us)
{
    int64_t earned = (now_us - bucket->since_us) / EARN_US;

    if (earned <= 0)
        return;
    bucket->since_us += earned * EARN_US;
    bucket->left =
        earned < core->burst - bucket->left ? bucket->left + (uint32_t)earned : core->burst;
}

struct sweep {
    struct events_core *core;
    int64_t now_us;
};

/* Who has been quiet for long enough is as good as new. */
static void bucket_sweep(void *ctx, const char *key, void *value)
{
    const struct sweep *sweep = ctx;
    struct bucket *bucket = value;

    bucket_fill(sweep->core, bucket, sweep->now_us);
    if (bucket->left < sweep->core->burst)
        return;
    (void)map_remove(&sweep->core->buckets, key);
    free(bucket);
}

/* One object that has something new to say at every turn must not fill the server's store. */
static bool may_say(struct events_core *core, int64_t now_us, const char *uid)
{
    struct bucket *bucket = map_get(&core->buckets, uid);
    struct sweep sweep = { core, now_us };

    if (!core->burst)
        return true;
    if (!bucket) {
        if (core->buckets.count >= KNOWN_MAX)
            map_each(&core->buckets, bucket_sweep, &sweep);
        bucket = xcalloc(1, sizeof(*bucket));
        *bucket = (struct bucket){ core->burst, now_us };
        map_put(&core->buckets, uid, bucket);
    }
    bucket_fill(core, bucket, now_us);
    if (!bucket->left)
        return false;
    if (bucket->left == core->burst)
        bucket->since_us = now_us;
    bucket->left--;
    return true;
}

static void series_new(struct events_core *core, const char *key, int64_t now_us, int64_t unix_ms,
                       const struct events_what *what)
{
    const char *space = json_text(what->about, "metadata.namespace");
    struct events_series *series = xcalloc(1, sizeof(*series));

    series->key = xstrdup(key);
    series->space = xstrdup(space[0] ? space : "default");
    series->name = name_make(json_text(what->about, "metadata.name"), core->draw);
    series->count = 1;
    series->seen_us = now_us;
    series->seen_unix_ms = unix_ms;
    series->doc = event_build(core, series, what);
    map_put(&core->known, series->key, series);
    enqueue(core, series);
}

void events_core_emit(struct events_core *core, int64_t now_us, int64_t unix_ms,
                      const struct events_what *what)
{
    AUTO_FREE char *key = xasprintf("%s|%d|%s|%s|%s", json_text(what->about, "metadata.uid"),
                                    what->warning, what->reason, what->action, what->note);
    struct events_series *series = map_get(&core->known, key);

    if (!core->sweep_us)
        core->sweep_us = now_us + SWEEP_US;
    if (series) {
        series->count++;
        series->seen_us = now_us;
        series->seen_unix_ms = unix_ms;
        if (series->count == 2 && !series->retry_us)
            enqueue(core, series);
        return;
    }
    if (core->flushing || !room_make(core) ||
        !may_say(core, now_us, json_text(what->about, "metadata.uid")))
        core->dropped++;
    else
        series_new(core, key, now_us, unix_ms, what);
}

/* Sending --------------------------------------------------------------------------------------*/

/* Series that go on are refreshed, those that ended are told a last time and forgotten. */
static void series_sweep(void *ctx, const char *key, void *value)
{
    const struct sweep *sweep = ctx;
    struct events_series *series = value;
    bool unwritten = series->count > series->written_count;

    (void)key;
    if (series->queued || series == sweep->core->sending)
        return;
    if (series->retry_us) {
        if (sweep->now_us >= series->retry_us)
            enqueue(sweep->core, series);
    } else if (sweep->now_us >= series->seen_us + IDLE_US) {
        if (unwritten)
            enqueue(sweep->core, series);
        else
            series_drop(sweep->core, series);
    } else if (unwritten && sweep->now_us >= series->written_us + REFRESH_US) {
        enqueue(sweep->core, series);
    }
}

enum events_ask events_core_next(struct events_core *core, int64_t now_us, cJSON **body,
                                 const char **space, const char **name)
{
    struct sweep sweep = { core, now_us };
    struct events_series *series;

    *body = NULL;
    if (core->sweep_us && now_us >= core->sweep_us) {
        if (!core->flushing)
            map_each(&core->known, series_sweep, &sweep);
        core->sweep_us = core->known.count ? now_us + SWEEP_US : 0;
    }
    if (core->sending || !(series = dequeue(core)))
        return EVENTS_NOTHING;
    core->sending = series;
    series->written_count = series->count;
    *body = body_build(series);
    *space = series->space;
    *name = series->name;
    return series->created ? EVENTS_PATCH : EVENTS_POST;
}

/* The first wait is drawn, so that operators that were refused together do not come together. */
static void retry_plan(struct events_core *core, struct events_series *series, int64_t now_us)
{
    series->retry_us = now_us + (series->tries == 1 ? (int64_t)(core->draw % RETRY_US) : RETRY_US);
}

static void refused(struct events_core *core, struct events_series *series, int64_t now_us,
                    int code)
{
    bool is_final = code >= 400 && code < 500 && code != 429;

    if (code == 404 && series->created) {
        series->created = false; /* it has expired: made anew */
        enqueue(core, series);
        return;
    }
    if (is_final || ++series->tries >= TRIES || core->flushing) {
        core->dropped++;
        series_drop(core, series);
        return;
    }
    series->written_count = series->created ? series->written_count : 0;
    retry_plan(core, series, now_us);
}

void events_core_answer(struct events_core *core, int64_t now_us, int code)
{
    struct events_series *series = core->sending;
    bool was_second = series->written_count >= 2;

    core->sending = NULL;
    if (code / 100 != 2 && !(code == 409 && !series->created)) {
        refused(core, series, now_us, code);
        return;
    }
    series->created = true; /* 409: by a try whose answer was lost */
    series->tries = 0;
    series->written_us = now_us;
    if (series->count > series->written_count && !was_second)
        enqueue(core, series); /* its second came meanwhile */
}

int64_t events_core_wake_us(const struct events_core *core)
{
    return core->sweep_us;
}

static void series_flush(void *ctx, const char *key, void *value)
{
    const struct events_series *series = value;

    (void)key;
    if (series->count > series->written_count || series->retry_us)
        enqueue(ctx, value);
}

void events_core_flush(struct events_core *core)
{
    map_each(&core->known, series_flush, core);
    core->flushing = true;
}

bool events_core_is_empty(const struct events_core *core)
{
    return !core->first && !core->sending;
}
