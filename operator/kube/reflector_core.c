/* SPDX-License-Identifier: Apache-2.0
 *
 * Three ways to be: a list in pages, a list that streams, a watch. A watch that breaks goes on from
 * the last version, whatever broke it, until the server says that this version is gone: going on is
 * never wrong, for a version that is too old is refused.
 */
#include "operator/kube/reflector_core.h"

#include "common/buf.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"
#include "operator/kube/reflector_cache.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS  UINT32_C(800)
#define BACKOFF_MAX_MS    UINT32_C(30000)
#define HEALTHY_US        INT64_C(120000000)
#define SHORT_US          INT64_C(1000000)
#define SILENCE_US        INT64_C(30000000)
#define WATCH_MIN_S       UINT32_C(300)
#define RETRY_AFTER_MAX_S UINT32_C(600)

enum { PAGE_ITEMS = 500, SAME_VERSION_TRIES = 5, QUERY_MAX = 1 << 16 };

enum phase { PHASE_PAGES, PHASE_STREAM, PHASE_WATCH };

struct core {
    struct kube_reflector_opts user;
    struct core_opts opts;
    struct cache cache;
    enum phase phase;
    /* The next list must be the newest there is: the version we have is gone, or too new. */
    bool version_lost;
    bool no_streaming; /* the server does not know it */
    /* pages */
    char *next_page;    /* owned; the token, or NULL */
    char *list_version; /* owned; of the first page; NULL before it */
    bool undivided;     /* the list in one piece: a page was refused */
    /* the stream under way */
    int64_t opened_us, line_us;
    uint32_t lines;
    /* backoff */
    uint32_t backoff_ms;
    int64_t wait_end_us;
    uint32_t tries; /* of the same version, by a server that answers */
    int64_t heard_us;
    bool odd_told;
    int failure_told; /* its code and one; 0: none since all was well */
    char *query;      /* owned; of the todo */
    /* user.wanted, in a line of a watch and in a list. */
    struct json_pick line_wanted[3], list_wanted[5];
};

/* --- life --- */

static double chance(void *ctx)
{
    uint32_t bits;

    (void)ctx;
    hash_random(&bits, sizeof(bits));
    return bits / 4294967296.0;
}

static void list_begin(struct core *core)
{
    core->phase = core->no_streaming ? PHASE_PAGES : PHASE_STREAM;
    core->undivided = false;
    free(TAKE(core->next_page));
    free(TAKE(core->list_version));
    store_clear(core->cache.staged);
}

struct core *core_new(const struct core_opts *opts)
{
    struct core *core = xcalloc(1, sizeof(*core));

    core->user = *opts->user;
    core->opts = *opts;
    core->heard_us = opts->now_us;
    if (!core->opts.random)
        core->opts.random = chance;
    core->no_streaming = core->user.no_streaming_list;
    cache_init(&core->cache, &core->user);
    core->line_wanted[0] = (struct json_pick){ "type", NULL };
    core->line_wanted[1] = (struct json_pick){ "object", core->user.wanted };
    core->list_wanted[0] = (struct json_pick){ "kind", NULL };
    core->list_wanted[1] = (struct json_pick){ "apiVersion", NULL };
    core->list_wanted[2] = (struct json_pick){ "metadata", NULL };
    core->list_wanted[3] = (struct json_pick){ "items", core->user.wanted };
    list_begin(core);
    return core;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    cache_clear(&core->cache);
    free(core->next_page);
    free(core->list_version);
    free(core->query);
    free(core);
}

void core_mute(struct core *core)
{
    core->cache.muted = true;
}

struct store *core_store(struct core *core)
{
    return core->cache.live;
}

bool core_is_synced(const struct core *core)
{
    return core->cache.synced;
}

const char *core_version(const struct core *core)
{
    return core->cache.version;
}

int64_t core_heard_us(const struct core *core)
{
    return core->heard_us;
}

/* --- what to do next --- */

static void add_number(struct buf *query, const char *name, uint32_t value)
{
    AUTO_FREE char *text = xasprintf("%u", value);

    kube_query_add(query, name, text);
}

/* First whatever the server has at hand, then nothing older than we know, and where that cannot be
 * had the newest there is. */
static const char *version_to_list(const struct core *core)
{
    if (core->version_lost)
        return "";
    return *core->cache.version ? core->cache.version : "0";
}

/* Pages are not served from the server's cache: only lists that it cannot serve are cut. */
static void list_query(const struct core *core, struct buf *query)
{
    const char *version = version_to_list(core);

    if (core->next_page) {
        add_number(query, "limit", PAGE_ITEMS);
        kube_query_add(query, "continue", core->next_page);
        return;
    }
    if (!core->undivided && (!*version || strcmp(version, "0") == 0))
        add_number(query, "limit", PAGE_ITEMS);
    if (*version)
        kube_query_add(query, "resourceVersion", version);
}

static uint32_t watch_query(struct core *core, struct buf *query)
{
    uint32_t min_s = core->user.watch_min_s ? core->user.watch_min_s : WATCH_MIN_S;
    uint32_t timeout_s = min_s + (uint32_t)(core->opts.random(core->opts.ctx) * (min_s + 1));

    kube_query_add(query, "watch", "true");
    kube_query_add(query, "allowWatchBookmarks", "true");
    add_number(query, "timeoutSeconds", timeout_s);
    if (core->phase == PHASE_STREAM) {
        kube_query_add(query, "sendInitialEvents", "true");
        kube_query_add(query, "resourceVersionMatch", "NotOlderThan");
    }
    if (*core->cache.version && !(core->phase == PHASE_STREAM && core->version_lost))
        kube_query_add(query, "resourceVersion", core->cache.version);
    /* The server ends the stream; we do when it does not: 5 % and a second later. */
    return timeout_s * 1050 + 1000;
}

void core_next(struct core *core, int64_t now_us, struct core_todo *out)
{
    struct buf query;

    *out = (struct core_todo){ .act = CORE_WAIT };
    if (now_us < core->wait_end_us) {
        out->wait_ms = (uint32_t)((core->wait_end_us - now_us) / 1000 + 1);
        return;
    }
    buf_init(&query, QUERY_MAX);
    if (core->user.selector)
        kube_query_add(&query, "labelSelector", core->user.selector);
    if (core->phase == PHASE_PAGES) {
        out->act = CORE_LIST;
        out->wanted = core->user.wanted ? core->list_wanted : NULL;
        list_query(core, &query);
    } else {
        out->act = CORE_WATCH;
        out->deadline_ms = watch_query(core, &query);
        out->silence_ms = core->phase == PHASE_STREAM ? (uint32_t)(SILENCE_US / 1000) : 0;
        if (core->phase == PHASE_STREAM)
            store_clear(core->cache.staged);
        core->lines = 0;
        core->opened_us = core->line_us = now_us;
    }
    free(core->query);
    out->query = core->query = buf_take(&query);
}

/* --- when it fails --- */

static void heard(struct core *core, int64_t now_us)
{
    core->heard_us = now_us;
}

/* A wait of the backoff, or of the server's wish when that is longer. */
static void back_off(struct core *core, int64_t now_us, uint32_t retry_after_s)
{
    double jitter = 1 + core->opts.random(core->opts.ctx);
    uint32_t wish_s = retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S;
    int64_t wait_us;

    if (!core->backoff_ms || now_us - core->wait_end_us > HEALTHY_US)
        core->backoff_ms = BACKOFF_FIRST_MS;
    wait_us = (int64_t)(core->backoff_ms * jitter * 1000);
    if (wait_us < wish_s * INT64_C(1000000))
        wait_us = wish_s * INT64_C(1000000);
    core->wait_end_us = now_us + wait_us;
    core->backoff_ms *= 2;
    if (core->backoff_ms > BACKOFF_MAX_MS)
        core->backoff_ms = BACKOFF_MAX_MS;
}

static void tell_reconnected(const struct core *core, const char *reason, bool relist)
{
    if (!core->cache.muted && core->user.reconnected)
        core->user.reconnected(core->user.ctx, reason, relist);
}

/* There is nobody to return it to. Once, until it is another or all was well in between. */
static void tell_failure(struct core *core, const struct kube_status *status)
{
    const char *message = *status->message ? status->message : status->reason;

    if (core->failure_told == status->code + 1)
        return;
    core->failure_told = status->code + 1;
    if (status->code)
        log_warn("%s: the API server says %d: %s", core->user.resource.plural, status->code,
                 message);
    else
        log_warn("%s: no answer of the API server: %s", core->user.resource.plural, message);
}

static bool is_gone(const struct kube_status *status)
{
    return status->code == 410 || strcmp(status->reason, "Expired") == 0 ||
           strcmp(status->reason, "Gone") == 0;
}

static bool is_too_new(const struct kube_status *status)
{
    return strcmp(status->cause, "ResourceVersionTooLarge") == 0 ||
           (status->code == 504 && strstr(status->message, "Too large resource version"));
}

static bool is_refused(const struct kube_status *status)
{
    return status->code == 400 || status->code == 422;
}

static bool is_busy(const struct kube_status *status)
{
    return status->code == 429 || status->retry_after_s;
}

static const char *reason_of(const struct kube_status *status)
{
    return is_gone(status) || is_too_new(status) ? "expired" : status->code ? "server" : "network";
}

static void relist(struct core *core, int64_t now_us, const struct kube_status *status,
                   const char *reason)
{
    list_begin(core);
    core->tries = 0;
    back_off(core, now_us, status->retry_after_s);
    tell_reconnected(core, reason, true);
}

static void watch_failed(struct core *core, int64_t now_us, const struct kube_status *status)
{
    if (is_gone(status) || is_too_new(status) || is_refused(status)) {
        core->version_lost = true;
        relist(core, now_us, status, reason_of(status));
        return;
    }
    tell_failure(core, status);
    if (status->code && !is_busy(status) && ++core->tries >= SAME_VERSION_TRIES) {
        relist(core, now_us, status, reason_of(status));
        return;
    }
    back_off(core, now_us, status->retry_after_s);
    tell_reconnected(core, reason_of(status), false);
}

/* A server that refuses the question does not know it; one that fails in the middle may be better
 * at pages, and knows it again the next time. */
static void stream_failed(struct core *core, int64_t now_us, const struct kube_status *status)
{
    store_clear(core->cache.staged);
    if (is_gone(status) || is_too_new(status)) {
        core->version_lost = true;
    } else if (is_refused(status)) {
        core->no_streaming = true;
        core->phase = PHASE_PAGES;
        return; /* no failure, and no reason to wait */
    } else {
        tell_failure(core, status);
        if (core->lines || (status->code && !is_busy(status)))
            core->phase = PHASE_PAGES;
    }
    back_off(core, now_us, status->retry_after_s);
    tell_reconnected(core, reason_of(status), true);
}

static void stream_lacks_end(struct core *core, int64_t now_us)
{
    static const struct kube_status silent = { 0 };

    core->no_streaming = true;
    store_clear(core->cache.staged);
    core->phase = PHASE_PAGES;
    back_off(core, now_us, 0);
    tell_reconnected(core, reason_of(&silent), true);
}

static void fail(struct core *core, int64_t now_us, const struct kube_status *status)
{
    if (core->phase == PHASE_STREAM)
        stream_failed(core, now_us, status);
    else
        watch_failed(core, now_us, status);
}

/* --- lists --- */

static const cJSON *item_at(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Once: a proxy or a table format in between would say it a thousand times. */
static void tell_odd(struct core *core, const char *what, const char *which)
{
    if (!core->odd_told)
        log_warn("watch of %s: %s is ignored: %.80s", core->user.resource.plural, what, which);
    core->odd_told = true;
}

static void list_failed(struct core *core, int64_t now_us, const struct kube_status *status)
{
    if (core->next_page && (is_gone(status) || is_refused(status))) {
        store_clear(core->cache.staged);
        free(TAKE(core->next_page));
        free(TAKE(core->list_version));
        core->undivided = true;
        return; /* at once, and whole */
    }
    if (is_gone(status) || is_too_new(status)) {
        bool was_lost = core->version_lost;

        core->version_lost = true;
        list_begin(core);
        core->phase = PHASE_PAGES;
        if (!was_lost) {
            tell_reconnected(core, "expired", true);
            return; /* at once: the newest list needs no version */
        }
    }
    tell_failure(core, status);
    back_off(core, now_us, status->retry_after_s);
    tell_reconnected(core, reason_of(status), true);
}

static void stage_items(struct core *core, const cJSON *doc)
{
    const cJSON *item; /* borrowed from doc */

    cJSON_ArrayForEach(item, item_at(doc, "items"))
    {
        AUTO(cJSON) cJSON *object = cJSON_Duplicate(item, true);

        if (!object)
            abort();
        if (!cache_stage(&core->cache, KUBE_ADDED, object))
            tell_odd(core, "an item without name, uid or version", json_member(object, "kind"));
    }
}

static void watch_begin(struct core *core)
{
    core->phase = PHASE_WATCH;
    core->version_lost = false;
    core->tries = 0;
    core->failure_told = 0;
}

static void list_complete(struct core *core, int64_t now_us)
{
    AUTO_FREE char *version = TAKE(core->list_version);
    bool newest = core->version_lost;

    watch_begin(core);
    cache_swap(&core->cache, now_us, version, newest);
}

static bool is_list(const struct core *core, const cJSON *doc)
{
    AUTO_FREE char *kind = xasprintf("%sList", core->user.resource.kind);

    return strcmp(json_member(doc, "kind"), kind) == 0 &&
           (cJSON_IsArray(item_at(doc, "items")) || cJSON_IsNull(item_at(doc, "items"))) &&
           *json_member(item_at(doc, "metadata"), "resourceVersion");
}

void core_listed(struct core *core, int64_t now_us, const struct kube_status *status,
                 const cJSON *doc)
{
    static const struct kube_status odd = { .code = 200, .reason = "what is no list" };
    const cJSON *metadata = item_at(doc, "metadata");
    const char *next = json_member(metadata, "continue");

    if (status->code)
        heard(core, now_us);
    if (status->code < 200 || status->code > 299) {
        list_failed(core, now_us, status);
        return;
    }
    if (!is_list(core, doc)) {
        tell_odd(core, "a list of another kind", json_member(doc, "kind"));
        list_failed(core, now_us, &odd);
        return;
    }
    if (!core->list_version) /* a later page may be newer, the first objects are not */
        core->list_version = xstrdup(json_member(metadata, "resourceVersion"));
    stage_items(core, doc);
    free(core->next_page);
    core->next_page = *next ? xstrdup(next) : NULL;
    if (!core->next_page)
        list_complete(core, now_us);
}

/* --- watches --- */

void core_opened(struct core *core, int64_t now_us)
{
    heard(core, now_us);
    core->opened_us = core->line_us = now_us;
}

/* A Status inside the stream. */
static void status_of(struct kube_status *out, const cJSON *object)
{
    const cJSON *details = item_at(object, "details");
    const cJSON *cause = cJSON_GetArrayItem(item_at(details, "causes"), 0);
    const cJSON *code = item_at(object, "code"), *retry = item_at(details, "retryAfterSeconds");

    *out = (struct kube_status){ .code = 500 };
    if (cJSON_IsNumber(code) && code->valuedouble >= 100 && code->valuedouble <= 999)
        out->code = (int)code->valuedouble;
    if (cJSON_IsNumber(retry) && retry->valuedouble > 0)
        out->retry_after_s = retry->valuedouble < RETRY_AFTER_MAX_S ? (uint32_t)retry->valuedouble
                                                                    : RETRY_AFTER_MAX_S;
    (void)snprintf(out->reason, sizeof(out->reason), "%s", json_member(object, "reason"));
    (void)snprintf(out->message, sizeof(out->message), "%s", json_member(object, "message"));
    (void)snprintf(out->cause, sizeof(out->cause), "%s", json_member(cause, "reason"));
}

static bool is_expected(const struct core *core, const cJSON *object)
{
    const struct kube_resource *resource = &core->user.resource;
    AUTO_FREE char *version =
        xasprintf("%s%s%s", resource->group, *resource->group ? "/" : "", resource->version);

    return strcmp(json_member(object, "kind"), resource->kind) == 0 &&
           strcmp(json_member(object, "apiVersion"), version) == 0;
}

static void take_bookmark(struct core *core, int64_t now_us, const cJSON *object)
{
    const cJSON *metadata = item_at(object, "metadata");
    const cJSON *annotations = item_at(metadata, "annotations");
    const char *version = json_member(metadata, "resourceVersion");
    bool newest = core->version_lost;

    if (!*version)
        return;
    if (core->phase == PHASE_WATCH) {
        core->tries = 0;
        core->failure_told = 0;
        cache_set_version(&core->cache, version);
    } else if (strcmp(json_member(annotations, "k8s.io/initial-events-end"), "true") == 0) {
        watch_begin(core); /* on the same stream */
        cache_swap(&core->cache, now_us, version, newest);
    }
}

static void take_event(struct core *core, int64_t now_us, enum kube_event event, cJSON *object)
{
    const char *version = json_member(item_at(object, "metadata"), "resourceVersion");

    if (core->phase == PHASE_STREAM) {
        if (!cache_stage(&core->cache, event, object))
            tell_odd(core, "an object without name, uid or version", json_member(object, "kind"));
        return;
    }
    core->tries = 0;
    core->failure_told = 0;
    /* Before anybody is told: whoever is told may ask how far we are. */
    if (*version)
        cache_set_version(&core->cache, version);
    if (!cache_event(&core->cache, now_us, event, object))
        tell_odd(core, "an object without name, uid or version", json_member(object, "kind"));
}

/* False: the stream is over. */
static bool take_line(struct core *core, int64_t now_us, const char *type, cJSON *object)
{
    static const struct {
        const char *type;
        enum kube_event event;
    } events[] = { { "ADDED", KUBE_ADDED },
                   { "MODIFIED", KUBE_MODIFIED },
                   { "DELETED", KUBE_DELETED } };
    struct kube_status status;

    if (strcmp(type, "ERROR") == 0) {
        status_of(&status, object);
        fail(core, now_us, &status);
        return false;
    }
    if (!is_expected(core, object)) {
        tell_odd(core, "an object of another kind", json_member(object, "kind"));
        return true;
    }
    if (strcmp(type, "BOOKMARK") == 0) {
        take_bookmark(core, now_us, object);
        return true;
    }
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (strcmp(type, events[i].type) == 0) {
            take_event(core, now_us, events[i].event, object);
            return true;
        }
    }
    tell_odd(core, "an event of a type of its own", type);
    return true;
}

/* An error is another object than those of which some is wanted. */
static int line_parse(cJSON **out, const struct core *core, const char *text, size_t len,
                      struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;

    if (!core->user.wanted)
        return json_parse_without(out, text, len, KUBE_UNUSED, err);
    if (json_parse_picked(&doc, text, len, core->line_wanted, err) < 0)
        return -1;
    if (strcmp(json_member(doc, "type"), "ERROR") == 0)
        return json_parse(out, text, len, err);
    *out = TAKE(doc);
    return 0;
}

bool core_line(struct core *core, int64_t now_us, const char *text, size_t len)
{
    static const struct kube_status broken = { .code = 200, .reason = "a line that is no event" };
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    heard(core, now_us);
    core->line_us = now_us;
    if (line_parse(&doc, core, text, len, &err) < 0 || !cJSON_IsObject(item_at(doc, "object"))) {
        core->lines++;
        fail(core, now_us, &broken);
        return false;
    }
    core->lines++;
    return take_line(core, now_us, json_member(doc, "type"),
                     cJSON_GetObjectItemCaseSensitive(doc, "object"));
}

void core_ended(struct core *core, int64_t now_us, const struct kube_status *status)
{
    if (status->code)
        heard(core, now_us);
    if (status->code != 200 || *status->message) {
        struct kube_status why = *status;

        if (why.code == 200)
            why.code = 0; /* it began well, then the connection broke */
        fail(core, now_us, &why);
    } else if (core->phase == PHASE_STREAM) {
        stream_lacks_end(core, now_us);
    } else if (!core->lines && now_us - core->opened_us < SHORT_US) {
        back_off(core, now_us, 0);
        tell_reconnected(core, "short", false);
    } else {
        tell_reconnected(core, "end", false);
    }
}

bool core_is_silent(struct core *core, int64_t now_us)
{
    if (core->phase != PHASE_STREAM || now_us - core->line_us < SILENCE_US)
        return false;
    stream_lacks_end(core, now_us);
    return true;
}

/* --- our own writes --- */

void core_put(struct core *core, int64_t now_us, const cJSON *object)
{
    (void)cache_put(&core->cache, now_us, object); /* a Status after a deletion is no object */
}

void core_gone(struct core *core, int64_t now_us, const char *space, const char *name,
               const char *uid)
{
    cache_gone(&core->cache, now_us, space, name, uid);
}
