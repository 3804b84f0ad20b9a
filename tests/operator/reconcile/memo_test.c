/* SPDX-License-Identifier: Apache-2.0
 *
 * What a memo shows after any history of pods is what reading all of them shows, and only what has
 * changed is read.
 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/pods/pods.h"
#include "operator/reconcile/memo.h"

#include <stdio.h>
#include <stdlib.h>

enum { PODS = 40, STEPS = 3000 };
#define UID   "6f1c1f5e-0000-4000-8000-00000000abcd"
#define TOKEN "aabbccdd"

struct pods {
    struct cluster base; /* first */
    struct one {
        cJSON *pod; /* NULL: there is none */
        char version[40];
    } all[PODS];
    unsigned reads, changes;
};

static void each_pod(struct cluster *cluster,
                     void (*each)(void *ctx, const char *name, const char *version), void *ctx)
{
    const struct pods *pods = (struct pods *)cluster;

    for (size_t i = 0; i < PODS; i++) {
        if (pods->all[i].pod)
            each(ctx, json_path(pods->all[i].pod, "metadata.name")->valuestring,
                 pods->all[i].version);
    }
}

static const cJSON *pod(struct cluster *cluster, const char *name)
{
    struct pods *pods = (struct pods *)cluster;

    pods->reads++;
    for (size_t i = 0; i < PODS; i++) {
        const cJSON *found = pods->all[i].pod;

        if (found && strcmp(json_path(found, "metadata.name")->valuestring, name) == 0)
            return found;
    }
    return NULL;
}

static const struct cluster_ops ops = { .each_pod = each_pod, .pod = pod };

static void pod_set(struct pods *pods, size_t i, const char *phase, const char *labels)
{
    AUTO_FREE char *text = xasprintf(
        "{\"metadata\":{\"name\":\"film-6f1c1f5e-c%05zu-e0-a0\",\"labels\":{\"" LABEL_UID
        "\":\"" UID "\",\"" LABEL_STAGE "\":\"convert\"%s},\"annotations\":{\"" ANNOTATION_EPOCH
        "\":\"0\",\"" ANNOTATION_ATTEMPT "\":\"0\"},\"creationTimestamp\":"
        "\"2026-11-22T12:00:00Z\"},\"status\":{\"phase\":\"%s\"}}",
        i, labels, phase);
    struct err err;

    cJSON_Delete(pods->all[i].pod);
    CHECK_OK(json_parse(&pods->all[i].pod, text, strlen(text), &err), err);
    (void)snprintf(pods->all[i].version, sizeof(pods->all[i].version), "%u", ++pods->changes);
}

static void pod_drop(struct pods *pods, size_t i)
{
    cJSON_Delete(pods->all[i].pod);
    pods->all[i].pod = NULL;
}

static const struct pod_view *view_find(const struct pod_view *views, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(views[i].name, name) == 0)
            return &views[i];
    }
    return NULL;
}

/* As many as there are, and each as it is. */
static void compare(struct memo *memo, struct pods *pods)
{
    size_t count, want = 0;
    struct pod_view *views = memo_read(memo, &pods->base, TOKEN, &count);

    for (size_t i = 0; i < PODS; i++) {
        const struct pod_view *view;
        struct pod_view fresh;
        struct err err;

        if (!pods->all[i].pod || pods_view(&fresh, pods->all[i].pod, TOKEN, &err) < 0)
            continue;
        want++;
        view = view_find(views, count, fresh.name);
        assert_non_null(view);
        assert_int_equal(view->phase, fresh.phase);
        assert_int_equal(view->id.index, fresh.id.index);
        assert_int_equal(view->progress_ms, 0);
    }
    CHECK_INT("pods", count, want);
    for (size_t i = 0; i < count; i++)
        views[i].progress_ms = 7; /* as a pass does */
}

static void any_history_of_pods_shows_what_is(void **state)
{
    static const char *const phases[] = { "Pending", "Running", "Succeeded", "Failed" };
    struct pods pods = { .base.ops = &ops };
    struct memo *memo = memo_new();

    (void)state;
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        for (int n = rand() % 4; n > 0; n--) {
            size_t i = (size_t)(rand() % PODS);
            char index[64];

            (void)snprintf(index, sizeof(index), ",\"" LABEL_INDEX "\":\"%zu\"", i);
            if (rand() % 3 == 0)
                pod_drop(&pods, i);
            else /* one in eight is none of ours any more */
                pod_set(&pods, i, phases[rand() % 4], rand() % 8 ? index : "");
        }
        compare(memo, &pods);
    }
    for (size_t i = 0; i < PODS; i++)
        pod_drop(&pods, i);
    compare(memo, &pods);
    memo_free(memo);
}

static void what_has_not_changed_is_not_read(void **state)
{
    struct pods pods = { .base.ops = &ops };
    struct memo *memo = memo_new();

    (void)state;
    for (size_t i = 0; i < PODS; i++)
        pod_set(&pods, i, "Running", ",\"" LABEL_INDEX "\":\"1\"");
    compare(memo, &pods);
    CHECK_INT("first", pods.reads, PODS);
    compare(memo, &pods);
    CHECK_INT("again", pods.reads, PODS);
    pod_set(&pods, 3, "Succeeded", ",\"" LABEL_INDEX "\":\"1\"");
    compare(memo, &pods);
    CHECK_INT("one changed", pods.reads, PODS + 1);
    for (size_t i = 0; i < PODS; i++)
        pod_drop(&pods, i);
    memo_free(memo);
}

/* A version that does not fit is never taken for another. */
static void a_long_version_is_read_each_time(void **state)
{
    struct pods pods = { .base.ops = &ops };
    struct memo *memo = memo_new();

    (void)state;
    pod_set(&pods, 0, "Running", ",\"" LABEL_INDEX "\":\"0\"");
    for (int i = 0; i < 3; i++) {
        (void)snprintf(pods.all[0].version, sizeof(pods.all[0].version),
                       "123456789012345678901234567890%d", i);
        compare(memo, &pods);
    }
    CHECK_INT("reads", pods.reads, 3);
    pod_drop(&pods, 0);
    memo_free(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_history_of_pods_shows_what_is),
        cmocka_unit_test(what_has_not_changed_is_not_read),
        cmocka_unit_test(a_long_version_is_read_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
