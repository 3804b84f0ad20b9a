/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/api.h"

#include "common/mem.h"
#include "version.h"

#include <stdlib.h>

int api_open(struct api **out, const struct flags *flags, struct err *err)
{
    AUTO(api) struct api *api = xcalloc(1, sizeof(*api));

    if (kube_sync_open(&api->sync, flags->kubeconfig, flags->context, "stereo/" STEREO_VERSION,
                       err) < 0)
        return -1;
    api->space = xstrdup(flags->space ? flags->space : kube_sync_space(api->sync));
    *out = TAKE(api);
    return 0;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    kube_sync_free(api->sync);
    free(api->space);
    free(api);
}

const char *api_space(const struct api *api)
{
    return api->space;
}

int api_call(struct api *api, const char *method, const char *path, const cJSON *body,
             enum kube_patch patch, cJSON **doc, struct err *err)
{
    return kube_sync_call(api->sync, method, path, body, patch, doc, err);
}

int api_lines(struct api *api, const char *path, uint32_t deadline_ms,
              bool (*line)(void *ctx, const char *text, size_t len), void *ctx, bool *ended_early,
              struct err *err)
{
    return kube_sync_lines(api->sync, path, deadline_ms, line, ctx, ended_early, err);
}
