/* SPDX-License-Identifier: Apache-2.0
 *
 * api.h - the cluster as a command line sees it: one namespace of it, one request at a time.
 */
#ifndef CLI_CLUSTER_API_H
#define CLI_CLUSTER_API_H

#include "cli/cluster/flags.h"
#include "common/auto.h"
#include "operator/kube/sync.h"

struct api {
    struct kube_sync *sync; /* owned */
    char *space;            /* owned */
};

/* By --kubeconfig, KUBECONFIG, the pod's account, ~/.kube/config. ERR_CONFIG says what was wrong.
 */
int api_open(struct api **out, const struct flags *flags, struct err *err);
void api_free(struct api *api);
AUTO_DEFINE(api, struct api *, api_free)
/* --namespace, else the context's; borrowed. */
const char *api_space(const struct api *api);

/* kube_sync_call and kube_sync_lines. */
int api_call(struct api *api, const char *method, const char *path, const cJSON *body,
             enum kube_patch patch, cJSON **doc, struct err *err);
int api_lines(struct api *api, const char *path, uint32_t deadline_ms,
              bool (*line)(void *ctx, const char *text, size_t len), void *ctx, bool *ended_early,
              struct err *err);
#endif
