/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a watch. A line that begins with '!' is what else may happen: '!e' a clean end, '!b' a
 * broken connection, '!p' and the rest an answer to one of our writes, '!l' and the rest a list.
 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"
#include "operator/kube/reflector_core.h"

#include <string.h>

struct owner {
    struct core *core;
    int64_t count; /* of objects, by what we were told */
    int64_t now_us;
    enum core_act act;
};

/* What is told adds up to what is there. */
static void on_changed(void *ctx, enum kube_event event, const cJSON *object)
{
    struct owner *owner = ctx;

    FUZZ_CHECK(cJSON_IsObject(object));
    owner->count += event == KUBE_ADDED ? 1 : event == KUBE_DELETED ? -1 : 0;
    FUZZ_CHECK(owner->count >= 0);
}

static double half(void *ctx)
{
    (void)ctx;
    return 0.5;
}

static void advance(struct owner *owner)
{
    struct core_todo todo;

    for (;;) {
        core_next(owner->core, owner->now_us, &todo);
        if (todo.act != CORE_WAIT)
            break;
        FUZZ_CHECK(todo.wait_ms && todo.wait_ms <= 600001);
        owner->now_us += todo.wait_ms * INT64_C(1000);
    }
    FUZZ_CHECK(todo.query && !strpbrk(todo.query, " \r\n#"));
    owner->act = todo.act;
}

static void happen(struct owner *owner, const char *text, size_t len)
{
    struct kube_status status = { .code = *text == 'b' ? 0 : 200 };
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    if (len > 1 && json_parse(&doc, text + 1, len - 1, &err) < 0)
        return;
    if (*text == 'p' && doc) {
        core_put(owner->core, owner->now_us, doc);
        return;
    }
    if (owner->act == CORE_LIST)
        core_listed(owner->core, owner->now_us, &status, doc);
    else
        core_ended(owner->core, owner->now_us, &status);
    advance(owner);
}

static void line(struct owner *owner, const char *text, size_t len)
{
    if (len > 1 && *text == '!') {
        happen(owner, text + 1, len - 1);
    } else if (owner->act == CORE_WATCH && !core_line(owner->core, owner->now_us, text, len)) {
        advance(owner);
    }
    owner->now_us += 1000;
    FUZZ_CHECK(owner->count == (int64_t)store_count(core_store(owner->core)));
    FUZZ_CHECK(core_version(owner->core));
    FUZZ_CHECK(!core_is_synced(owner->core) || *core_version(owner->core));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct owner owner = { .now_us = INT64_C(1000000000) };
    const struct kube_reflector_opts user = { .resource = { "", "v1", "pods", "Pod" },
                                              .changed = on_changed,
                                              .ctx = &owner,
                                              .no_streaming_list = size && data[0] == '\n' };
    const struct core_opts opts = { .user = &user, .random = half, .now_us = owner.now_us };
    const char *at = (const char *)data, *end = at + size;

    owner.core = core_new(&opts);
    advance(&owner);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);

        line(&owner, at, len);
        at += len + 1;
    }
    core_free(owner.core);
    return 0;
}
