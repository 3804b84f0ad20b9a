/* SPDX-License-Identifier: Apache-2.0
 *
 * A server made of a few objects, their history and bad luck: compaction, resets, stale first
 * lists, pages, late answers to our own writes. Whatever happens, what the owner is told must add
 * up, never go back, and end in what the server has.
 */
#include "tests/common/check.h"

#include "common/buf.h"
#include "common/mem.h"
#include "operator/kube/reflector_core.h"

#include <stdlib.h>

enum { NAMES = 6, HISTORY = 4000, PENDING = 16, STEPS = 600, SEEDS = 400, PAGE = 2, TEXT = 512 };

struct object {
    unsigned uid, version; /* uid 0: there is none */
};

struct event {
    enum kube_event event;
    int name;
    struct object object; /* deleted: version of the end */
    struct object after[NAMES];
};

struct model {
    struct core *core;
    struct kube_reflector_opts user;
    uint64_t seed;
    int64_t now_us;
    /* the server */
    struct object now[NAMES];
    struct event *history; /* by version; [0] is nothing */
    unsigned version, uids, compacted;
    /* what is under way */
    struct core_todo todo;
    char query[TEXT];
    bool open;             /* a stream */
    unsigned sent;         /* in the stream: up to this version */
    unsigned page_version; /* of a list in pages */
    int page_at;           /* the next name */
    struct {
        int name;
        struct object object;
    } pending[PENDING];
    int pendings;
    /* what the owner believes */
    struct object told[NAMES];
    bool dead[HISTORY]; /* by uid */
    bool synced;
};

static unsigned draw(struct model *model, unsigned below)
{
    model->seed = model->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(model->seed >> 33) % below;
}

static double chance(void *ctx)
{
    return draw(ctx, 1000) / 1000.0;
}

/* --- the owner --- */

static unsigned number_at(const cJSON *object, const char *key)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");

    return (unsigned)strtoul(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, key)),
                             NULL, 10);
}

static void on_changed(void *ctx, enum kube_event event, const cJSON *object)
{
    struct model *model = ctx;
    const struct object is = { number_at(object, "uid"), number_at(object, "resourceVersion") };
    struct object *was = &model->told[number_at(object, "name")];

    switch (event) {
    case KUBE_ADDED:
        assert_int_equal(was->uid, 0);
        assert_false(model->dead[is.uid]); /* nobody rises */
        *was = is;
        break;
    case KUBE_MODIFIED:
        assert_int_equal(was->uid, is.uid);
        assert_true(is.version > was->version); /* nobody grows younger */
        *was = is;
        break;
    case KUBE_DELETED:
        assert_int_equal(was->uid, is.uid);
        assert_true(is.version >= was->version);
        model->dead[is.uid] = true;
        was->uid = 0;
        break;
    }
}

static void on_synced(void *ctx)
{
    struct model *model = ctx;

    assert_false(model->synced);
    model->synced = true;
}

/* --- the server --- */

static void record(struct model *model, enum kube_event event, int name)
{
    struct event *new = &model->history[++model->version];

    assert_true(model->version < HISTORY - 1);
    model->now[name].version = model->version;
    *new = (struct event){ .event = event, .name = name, .object = model->now[name] };
    if (event == KUBE_DELETED)
        model->now[name].uid = 0;
    memcpy(new->after, model->now, sizeof(new->after));
}

static void mutate(struct model *model)
{
    int name = (int)draw(model, NAMES);

    if (!model->now[name].uid) {
        model->now[name].uid = ++model->uids;
        record(model, KUBE_ADDED, name);
    } else {
        record(model, draw(model, 3) ? KUBE_MODIFIED : KUBE_DELETED, name);
    }
}

/* One of ours: its answer is on its way. */
static void write_own(struct model *model)
{
    int name = (int)draw(model, NAMES);

    if (model->pendings == PENDING)
        return;
    if (!model->now[name].uid) {
        model->now[name].uid = ++model->uids;
        record(model, KUBE_ADDED, name);
    } else {
        record(model, KUBE_MODIFIED, name);
    }
    model->pending[model->pendings].name = name;
    model->pending[model->pendings++].object = model->now[name];
}

static void object_text(char out[TEXT], int name, struct object object)
{
    (void)snprintf(out, TEXT,
                   "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%d\",\"uid\":"
                   "\"%u\",\"resourceVersion\":\"%u\"}}",
                   name, object.uid, object.version);
}

static void answer_own(struct model *model)
{
    AUTO(cJSON) cJSON *doc = NULL;
    char text[TEXT];
    struct err err;
    int at;

    if (!model->pendings)
        return;
    at = (int)draw(model, (unsigned)model->pendings);
    object_text(text, model->pending[at].name, model->pending[at].object);
    CHECK_OK(json_parse(&doc, text, strlen(text), &err), err);
    model->pending[at] = model->pending[--model->pendings];
    core_put(model->core, model->now_us, doc);
}

/* --- the conversation --- */

static unsigned asked(const struct model *model, const char *key, bool *has)
{
    const char *found = strstr(model->query, key);

    *has = found;
    return found ? (unsigned)strtoul(found + strlen(key), NULL, 10) : 0;
}

static void next(struct model *model)
{
    bool has;

    model->open = false;
    for (;;) {
        core_next(model->core, model->now_us, &model->todo);
        if (model->todo.act != CORE_WAIT)
            break;
        model->now_us += model->todo.wait_ms * INT64_C(1000);
    }
    (void)snprintf(model->query, sizeof(model->query), "%s", model->todo.query);
    if (!strstr(model->query, "continue="))
        model->page_version = 0;
    if (model->todo.act == CORE_WATCH)
        model->sent = asked(model, "resourceVersion=", &has);
}

static void refuse(struct model *model, int code, const char *reason)
{
    struct kube_status status = { .code = code, .message = "no" };

    (void)snprintf(status.reason, sizeof(status.reason), "%s", reason);
    if (model->todo.act == CORE_LIST)
        core_listed(model->core, model->now_us, &status, NULL);
    else
        core_ended(model->core, model->now_us, &status);
    next(model);
}

/* Which state a list shows: the first may be old, later ones no older than what was asked for. */
static unsigned state_for(struct model *model)
{
    bool has;
    unsigned least = asked(model, "resourceVersion=", &has);

    return has ? least + draw(model, model->version - least + 1) : model->version;
}

static void list(struct model *model)
{
    static const struct kube_status good = { .code = 200 };
    AUTO(cJSON) cJSON *doc = NULL;
    struct buf text;
    struct err err;
    bool paged = strstr(model->query, "limit=");
    int count = 0;

    if (!model->page_version) {
        model->page_version = state_for(model);
        model->page_at = 0;
    } else if (model->page_version < model->compacted) {
        refuse(model, 410, "Expired");
        return;
    }
    buf_init(&text, 65536);
    (void)buf_printf(&text, &err, "{\"kind\":\"PodList\",\"items\":[");
    for (; model->page_at < NAMES && !(paged && count == PAGE); model->page_at++) {
        struct object object = model->history[model->page_version].after[model->page_at];
        char item[TEXT];

        if (!object.uid)
            continue;
        object_text(item, model->page_at, object);
        (void)buf_printf(&text, &err, "%s%s", count++ ? "," : "", item);
    }
    (void)buf_printf(&text, &err,
                     "],\"metadata\":{\"resourceVersion\":\"%u\",\"continue\":\"%s\"}}",
                     model->page_version, model->page_at < NAMES ? "more" : "");
    CHECK_OK(json_parse(&doc, text.data, text.len, &err), err);
    buf_clear(&text);
    core_listed(model->core, model->now_us, &good, doc);
    next(model);
}

/* False: that was the stream's end. */
static bool send_line(struct model *model, const char *type, const char *object)
{
    AUTO_FREE char *line = xasprintf("{\"type\":\"%s\",\"object\":%s}", type, object);

    if (core_line(model->core, model->now_us, line, strlen(line)))
        return true;
    next(model);
    return false;
}

static void send_bookmark(struct model *model, bool initial)
{
    AUTO_FREE char *object = xasprintf(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%u\","
        "\"annotations\":{\"k8s.io/initial-events-end\":\"%s\"}}}",
        model->sent, initial ? "true" : "false");

    (void)send_line(model, "BOOKMARK", object);
}

static void send_initial(struct model *model)
{
    model->sent = state_for(model);
    for (int i = 0; i < NAMES; i++) {
        struct object object = model->history[model->sent].after[i];
        char text[TEXT];

        if (draw(model, 20) == 0) {
            refuse(model, 0, "");
            return;
        }
        object_text(text, i, object);
        if (object.uid)
            (void)send_line(model, "ADDED", text);
    }
    if (draw(model, 4))
        send_bookmark(model, true);
    else
        refuse(model, 0, "");
}

static void open_stream(struct model *model)
{
    if (draw(model, 40) == 0 && strstr(model->query, "sendInitialEvents")) {
        refuse(model, 422, "Invalid");
    } else if (!strstr(model->query, "sendInitialEvents") && model->sent < model->compacted) {
        if (draw(model, 2)) {
            refuse(model, 410, "Gone");
        } else {
            core_opened(model->core, model->now_us);
            (void)send_line(model, "ERROR",
                            "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}");
        }
    } else {
        model->open = true;
        core_opened(model->core, model->now_us);
        if (strstr(model->query, "sendInitialEvents"))
            send_initial(model);
    }
}

static void send_event(struct model *model)
{
    static const char *const types[] = { "ADDED", "MODIFIED", "DELETED" };
    const struct event *event;
    char text[TEXT];

    if (model->sent == model->version)
        return;
    event = &model->history[++model->sent];
    object_text(text, event->name, event->object);
    (void)send_line(model, types[event->event], text);
}

static void end_stream(struct model *model)
{
    static const struct kube_status clean = { .code = 200 };

    core_ended(model->core, model->now_us, &clean);
    next(model);
}

static void converse(struct model *model, bool luck)
{
    unsigned dice = luck ? 2 : draw(model, 40);

    model->now_us += draw(model, 3000) * INT64_C(1000);
    if (dice == 0)
        refuse(model, draw(model, 2) ? 0 : 500, "");
    else if (model->todo.act == CORE_LIST)
        list(model);
    else if (!model->open)
        open_stream(model);
    else if (dice == 1)
        end_stream(model);
    else if (dice < 6 && !luck)
        send_bookmark(model, false);
    else
        send_event(model);
}

static void step(struct model *model)
{
    unsigned dice = draw(model, 100);

    if (dice < 20)
        mutate(model);
    else if (dice < 35)
        write_own(model);
    else if (dice < 50)
        answer_own(model);
    else if (dice < 52)
        model->compacted = model->version;
    else
        converse(model, false);
}

static void compare(const struct model *model, unsigned seed)
{
    for (int i = 0; i < NAMES; i++) {
        AUTO_FREE char *row = xasprintf("seed %u, name %d", seed, i);
        AUTO_FREE char *key = xasprintf("/%d", i);
        const struct store_entry *entry = store_find(core_store(model->core), key);

        CHECK_INT(row, model->told[i].uid, model->now[i].uid);
        CHECK_INT(row, entry != NULL, model->now[i].uid != 0);
        if (!entry)
            continue;
        CHECK_INT(row, model->told[i].version, model->now[i].version);
        CHECK_INT(row, strtoul(store_entry_version(entry), NULL, 10), model->now[i].version);
    }
}

static void live(unsigned seed, bool streaming)
{
    struct model *model = xcalloc(1, sizeof(*model));
    struct core_opts opts = { .user = &model->user, .random = chance, .ctx = model };

    model->history = xcalloc(HISTORY, sizeof(model->history[0]));
    model->seed = seed * UINT64_C(7919) + 1;
    model->user = (struct kube_reflector_opts){ .resource = { "", "v1", "pods", "Pod" },
                                                .changed = on_changed,
                                                .synced = on_synced,
                                                .ctx = model,
                                                .no_streaming_list = !streaming };
    model->core = core_new(&opts);
    for (int i = 0; i < 5; i++)
        mutate(model);
    next(model);
    for (int i = 0; i < STEPS; i++)
        step(model);
    while (model->pendings)
        answer_own(model);
    for (int i = 0; i < 5 * STEPS; i++)
        converse(model, true);
    assert_true(model->synced);
    compare(model, seed);
    core_free(model->core);
    free(model->history);
    free(model);
}

static void test_pages(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++)
        live(seed, false);
}

static void test_streams(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++)
        live(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pages),
                                        cmocka_unit_test(test_streams) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
