/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/sync.h"

#include "common/mem.h"

#include <stdlib.h>

struct kube_sync {
    uv_loop_t loop;
    struct kube_config *config; /* owned */
    struct kube_client *client; /* owned */
};

/* One request that is waited for. */
struct wait {
    bool over, early;
    struct kube_status status;
    cJSON *doc; /* owned */
    bool (*line)(void *ctx, const char *text, size_t len);
    void *ctx;
};

int kube_sync_open(struct kube_sync **out, const char *kubeconfig, const char *context,
                   const char *user_agent, struct err *err)
{
    AUTO(kube_config) struct kube_config *config = NULL;
    struct kube_sync *sync;
    struct kube_client_opts opts = { .user_agent = user_agent };

    if (kube_config_load(&config, kubeconfig, context, err) < 0)
        return -1;
    sync = xcalloc(1, sizeof(*sync));
    if (uv_loop_init(&sync->loop) < 0) {
        free(sync);
        return err_set(err, ERR_INTERNAL, "no event loop");
    }
    sync->config = TAKE(config);
    opts.loop = &sync->loop;
    opts.config = sync->config;
    if (kube_client_open(&sync->client, &opts, err) < 0) {
        kube_sync_free(sync);
        return -1;
    }
    *out = sync;
    return 0;
}

void kube_sync_free(struct kube_sync *sync)
{
    if (!sync)
        return;
    kube_client_close(sync->client);
    (void)uv_run(&sync->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&sync->loop);
    kube_config_free(sync->config);
    free(sync);
}

const char *kube_sync_space(const struct kube_sync *sync)
{
    return sync->config->space;
}

static void call_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct wait *wait = ctx;

    wait->over = true;
    wait->status = *status;
    wait->doc = doc ? cJSON_Duplicate(doc, true) : NULL;
}

static void wait_for(struct kube_sync *sync, const struct wait *wait)
{
    while (!wait->over)
        (void)uv_run(&sync->loop, UV_RUN_ONCE);
}

int kube_sync_call(struct kube_sync *sync, const char *method, const char *path, const cJSON *body,
                   enum kube_patch patch, cJSON **doc, struct err *err)
{
    struct wait wait = { .over = false };
    const struct kube_request request = { .method = method,
                                          .path = path,
                                          .body = body,
                                          .patch = patch,
                                          .done = call_done,
                                          .ctx = &wait };

    kube_call_start(sync->client, &request, NULL);
    wait_for(sync, &wait);
    if (wait.status.code / 100 != 2) {
        cJSON_Delete(wait.doc);
        return kube_status_err(err, &wait.status, sync->config->server);
    }
    if (doc)
        *doc = wait.doc;
    else
        cJSON_Delete(wait.doc);
    return 0;
}

static bool stream_line(void *ctx, const char *text, size_t len)
{
    struct wait *wait = ctx;

    if (wait->line(wait->ctx, text, len))
        return true;
    wait->over = wait->early = true;
    return false;
}

static void stream_end(void *ctx, const struct kube_status *status)
{
    struct wait *wait = ctx;

    wait->over = true;
    wait->status = *status;
}

int kube_sync_lines(struct kube_sync *sync, const char *path, uint32_t deadline_ms,
                    bool (*line)(void *ctx, const char *text, size_t len), void *ctx,
                    bool *ended_early, struct err *err)
{
    struct wait wait = { .line = line, .ctx = ctx };
    const struct kube_stream stream = { .path = path,
                                        .deadline_ms = deadline_ms ? deadline_ms : UINT32_MAX,
                                        .line = stream_line,
                                        .end = stream_end,
                                        .ctx = &wait };

    kube_stream_start(sync->client, &stream, NULL);
    wait_for(sync, &wait);
    if (ended_early)
        *ended_early = wait.early;
    if (!wait.early && wait.status.code / 100 != 2)
        return kube_status_err(err, &wait.status, sync->config->server);
    return 0;
}
