/* SPDX-License-Identifier: Apache-2.0
 *
 * api.h - the cluster as a command line sees it: one request at a time, waited for. The client of
 * operator/kube on a loop of its own.
 */
#ifndef CLI_CLUSTER_API_H
#define CLI_CLUSTER_API_H

#include "cli/cluster/flags.h"
#include "common/auto.h"
#include "operator/kube/client.h"

struct api;

/* By --kubeconfig, KUBECONFIG, the pod's account, ~/.kube/config. ERR_CONFIG says what was wrong.
 */
int api_open(struct api **out, const struct flags *flags, struct err *err);
void api_free(struct api *api);
AUTO_DEFINE(api, struct api *, api_free)
/* --namespace, else the context's; borrowed. */
const char *api_space(const struct api *api);

/* *doc (may be NULL) is the caller's. ERR_NOT_FOUND, ERR_CONFLICT, ERR_CONFIG, ERR_DEPENDENCY with
 * the server's words. */
int api_call(struct api *api, const char *method, const char *path, const cJSON *body,
             enum kube_patch patch, cJSON **doc, struct err *err);
/* Line by line until the server ends it, line() returns false, or deadline_ms (0: none) has passed;
 * *ended_early (may be NULL) tells that line() ended it. */
int api_lines(struct api *api, const char *path, uint32_t deadline_ms,
              bool (*line)(void *ctx, const char *text, size_t len), void *ctx, bool *ended_early,
              struct err *err);
#endif
