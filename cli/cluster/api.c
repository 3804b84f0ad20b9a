/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/api.h"

#include "common/mem.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

struct api {
    uv_loop_t loop;
    struct kube_config *config; /* owned */
    struct kube_client *client; /* owned */
    char *space;                /* owned */
};

/* One request that is waited for. */
struct wait {
    bool over, early;
    struct kube_status status;
    cJSON *doc; /* owned */
    bool (*line)(void *ctx, const char *text, size_t len);
    void *ctx;
};

int api_open(struct api **out, const struct flags *flags, struct err *err)
{
    AUTO(kube_config) struct kube_config *config = NULL;
    struct api *api;
    struct kube_client_opts opts = { .user_agent = "stereo/" STEREO_VERSION };

    if (kube_config_load(&config, flags->kubeconfig, flags->context, err) < 0)
        return -1;
    api = xcalloc(1, sizeof(*api));
    if (uv_loop_init(&api->loop) < 0) {
        free(api);
        return err_set(err, ERR_INTERNAL, "no event loop");
    }
    api->space = xstrdup(flags->space ? flags->space : config->space);
    api->config = TAKE(config);
    opts.loop = &api->loop;
    opts.config = api->config;
    if (kube_client_open(&api->client, &opts, err) < 0) {
        api_free(api);
        return -1;
    }
    *out = api;
    return 0;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    kube_client_close(api->client);
    (void)uv_run(&api->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&api->loop);
    kube_config_free(api->config);
    free(api->space);
    free(api);
}

const char *api_space(const struct api *api)
{
    return api->space;
}

static void call_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct wait *wait = ctx;

    wait->over = true;
    wait->status = *status;
    wait->doc = doc ? cJSON_Duplicate(doc, true) : NULL;
}

static void wait_for(struct api *api, const struct wait *wait)
{
    while (!wait->over)
        (void)uv_run(&api->loop, UV_RUN_ONCE);
}

int api_call(struct api *api, const char *method, const char *path, const cJSON *body,
             enum kube_patch patch, cJSON **doc, struct err *err)
{
    struct wait wait = { .over = false };
    const struct kube_request request = { .method = method,
                                          .path = path,
                                          .body = body,
                                          .patch = patch,
                                          .done = call_done,
                                          .ctx = &wait };

    kube_call_start(api->client, &request, NULL);
    wait_for(api, &wait);
    if (wait.status.code / 100 != 2) {
        cJSON_Delete(wait.doc);
        return kube_status_err(err, &wait.status, api->config->server);
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

int api_lines(struct api *api, const char *path, uint32_t deadline_ms,
              bool (*line)(void *ctx, const char *text, size_t len), void *ctx, bool *ended_early,
              struct err *err)
{
    struct wait wait = { .line = line, .ctx = ctx };
    const struct kube_stream stream = { .path = path,
                                        .deadline_ms = deadline_ms ? deadline_ms : UINT32_MAX,
                                        .line = stream_line,
                                        .end = stream_end,
                                        .ctx = &wait };

    kube_stream_start(api->client, &stream, NULL);
    wait_for(api, &wait);
    if (ended_early)
        *ended_early = wait.early;
    if (!wait.early && wait.status.code / 100 != 2)
        return kube_status_err(err, &wait.status, api->config->server);
    return 0;
}
