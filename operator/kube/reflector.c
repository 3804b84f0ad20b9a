/* SPDX-License-Identifier: Apache-2.0
 *
 * Does what reflector_core says, one thing at a time: a list, a stream or a wait.
 */
#include "operator/kube/reflector.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/kube/reflector_core.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_MAX_BYTES (8u << 20)

struct kube_reflector {
    struct kube_reflector_opts opts;
    char *space, *selector; /* owned; what opts points to */
    struct core *core;      /* owned */
    struct kube_call *call; /* in flight; NULL: none */
    uint32_t silence_ms;    /* of the stream in flight */
    uv_timer_t timer;       /* the next step, or a look at a silent stream */
    uv_check_t turn;        /* frees what was lent */
    unsigned handles;       /* not yet closed */
};

static void step(struct kube_reflector *reflector);

static void on_timer(uv_timer_t *timer)
{
    struct kube_reflector *reflector = timer->data;

    if (!reflector->call) {
        step(reflector);
    } else if (core_is_silent(reflector->core, clock_mono_us())) {
        kube_call_cancel(TAKE(reflector->call));
        step(reflector);
    } else {
        (void)uv_timer_start(timer, on_timer, reflector->silence_ms, 0);
    }
}

/* From a callback of the client: not from within it. */
static void step_soon(struct kube_reflector *reflector)
{
    reflector->call = NULL;
    (void)uv_timer_start(&reflector->timer, on_timer, 0, 0);
}

static void on_list(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct kube_reflector *reflector = ctx;

    step_soon(reflector);
    core_listed(reflector->core, clock_mono_us(), status, doc);
}

static void on_opened(void *ctx)
{
    struct kube_reflector *reflector = ctx;

    core_opened(reflector->core, clock_mono_us());
}

/* A callback of the owner may have closed us: then the client has already been told. */
static bool on_line(void *ctx, const char *text, size_t len)
{
    struct kube_reflector *reflector = ctx;

    if (core_line(reflector->core, clock_mono_us(), text, len))
        return true;
    if (reflector->call)
        step_soon(reflector);
    return false;
}

static void on_end(void *ctx, const struct kube_status *status)
{
    struct kube_reflector *reflector = ctx;

    step_soon(reflector);
    core_ended(reflector->core, clock_mono_us(), status);
}

static void start_list(struct kube_reflector *reflector, const char *path,
                       const struct json_pick *wanted)
{
    const struct kube_request request = {
        .method = "GET", .path = path, .wanted = wanted, .done = on_list, .ctx = reflector
    };

    kube_call_start(reflector->opts.client, &request, &reflector->call);
}

static void start_watch(struct kube_reflector *reflector, const char *path,
                        const struct core_todo *todo)
{
    const struct kube_stream stream = { .path = path,
                                        .deadline_ms = todo->deadline_ms,
                                        .line_max = EVENT_MAX_BYTES,
                                        .line = on_line,
                                        .opened = on_opened,
                                        .end = on_end,
                                        .ctx = reflector };

    reflector->silence_ms = todo->silence_ms;
    kube_stream_start(reflector->opts.client, &stream, &reflector->call);
    if (todo->silence_ms)
        (void)uv_timer_start(&reflector->timer, on_timer, todo->silence_ms, 0);
}

static void step(struct kube_reflector *reflector)
{
    AUTO_FREE char *path = NULL;
    struct core_todo todo;

    core_next(reflector->core, clock_mono_us(), &todo);
    if (todo.act == CORE_WAIT) {
        (void)uv_timer_start(&reflector->timer, on_timer, todo.wait_ms, 0);
        return;
    }
    path = kube_path(&reflector->opts.resource, reflector->opts.space, NULL, NULL, todo.query);
    if (todo.act == CORE_LIST)
        start_list(reflector, path, todo.wanted);
    else
        start_watch(reflector, path, &todo);
}

/* --- life --- */

static void on_turn(uv_check_t *turn)
{
    struct kube_reflector *reflector = turn->data;

    store_lent_free(core_store(reflector->core));
    (void)uv_check_stop(turn);
}

int kube_reflector_open(struct kube_reflector **out, const struct kube_reflector_opts *opts,
                        struct err *err)
{
    struct kube_reflector *reflector;
    struct core_opts core_opts;
    uv_loop_t *loop = kube_client_loop(opts->client);

    if (!*opts->resource.version || !*opts->resource.plural || !*opts->resource.kind)
        return err_set(err, ERR_INTERNAL, "a reflector needs version, plural and kind");
    reflector = xcalloc(1, sizeof(*reflector));
    reflector->opts = *opts;
    reflector->space = opts->space ? xstrdup(opts->space) : NULL;
    reflector->selector = opts->selector ? xstrdup(opts->selector) : NULL;
    reflector->opts.space = reflector->space;
    reflector->opts.selector = reflector->selector;
    core_opts = (struct core_opts){ .user = &reflector->opts, .now_us = clock_mono_us() };
    reflector->core = core_new(&core_opts);
    (void)uv_timer_init(loop, &reflector->timer);
    (void)uv_check_init(loop, &reflector->turn);
    reflector->timer.data = reflector->turn.data = reflector;
    reflector->handles = 2;
    uv_unref((uv_handle_t *)&reflector->turn);
    (void)uv_timer_start(&reflector->timer, on_timer, 0, 0);
    *out = reflector;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct kube_reflector *reflector = handle->data;

    if (--reflector->handles)
        return;
    core_free(reflector->core);
    free(reflector->space);
    free(reflector->selector);
    free(reflector);
}

void kube_reflector_close(struct kube_reflector *reflector)
{
    if (!reflector || uv_is_closing((uv_handle_t *)&reflector->timer))
        return;
    core_mute(reflector->core);
    if (reflector->call)
        kube_call_cancel(TAKE(reflector->call));
    uv_close((uv_handle_t *)&reflector->timer, on_closed);
    uv_close((uv_handle_t *)&reflector->turn, on_closed);
}

/* --- the cache --- */

bool kube_reflector_is_synced(const struct kube_reflector *reflector)
{
    return core_is_synced(reflector->core);
}

static const cJSON *lend(const struct kube_reflector *reflector, const char *key)
{
    struct kube_reflector *mine = (struct kube_reflector *)reflector; /* lending changes nothing */

    (void)uv_check_start(&mine->turn, on_turn);
    return store_lend(core_store(mine->core), key);
}

const cJSON *kube_reflector_get(const struct kube_reflector *reflector, const char *space,
                                const char *name)
{
    AUTO_FREE char *key = store_key(space, name);

    return lend(reflector, key);
}

const char *kube_reflector_version_of(const struct kube_reflector *reflector, const char *space,
                                      const char *name)
{
    AUTO_FREE char *key = store_key(space, name);
    const struct store_entry *entry = store_find(core_store(reflector->core), key);

    return entry ? store_entry_version(entry) : NULL;
}

void kube_reflector_each(const struct kube_reflector *reflector,
                         void (*each)(void *ctx, const cJSON *object), void *ctx)
{
    const struct store *store = core_store(reflector->core);
    AUTO(store_keys) char **keys = store_keys(store);

    for (char **key = keys; *key; key++) {
        const struct store_entry *entry = store_find(store, *key);
        AUTO(cJSON) cJSON *object = entry ? store_entry_doc(entry) : NULL;

        if (object)
            each(ctx, object);
    }
}

size_t kube_reflector_count(const struct kube_reflector *reflector)
{
    return store_count(core_store(reflector->core));
}

const char *kube_reflector_version(const struct kube_reflector *reflector)
{
    return core_version(reflector->core);
}

int64_t kube_reflector_heard_us(const struct kube_reflector *reflector)
{
    return core_heard_us(reflector->core);
}

void kube_reflector_put(struct kube_reflector *reflector, const cJSON *object)
{
    core_put(reflector->core, clock_mono_us(), object);
}

void kube_reflector_gone(struct kube_reflector *reflector, const char *space, const char *name,
                         const char *uid)
{
    core_gone(reflector->core, clock_mono_us(), space, name, uid);
}
