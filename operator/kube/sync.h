/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.h - the API server for programs that do one thing after the other: requests that are waited
 * for, on a loop of their own. One thread.
 */
#ifndef OPERATOR_KUBE_SYNC_H
#define OPERATOR_KUBE_SYNC_H

#include "operator/kube/client.h"

struct kube_sync;

/* As kube_config_load. Strings are copied. */
int kube_sync_open(struct kube_sync **out, const char *kubeconfig, const char *context,
                   const char *user_agent, struct err *err);
void kube_sync_free(struct kube_sync *sync);
AUTO_DEFINE(kube_sync, struct kube_sync *, kube_sync_free)
const char *kube_sync_space(const struct kube_sync *sync); /* the context's; borrowed */

/* *doc (may be NULL) is the caller's. ERR_NOT_FOUND, ERR_CONFLICT, ERR_CONFIG, ERR_DEPENDENCY with
 * the server's words. */
int kube_sync_call(struct kube_sync *sync, const char *method, const char *path, const cJSON *body,
                   enum kube_patch patch, cJSON **doc, struct err *err);
/* Line by line until the server ends it, line() returns false, or deadline_ms (0: none) has passed;
 * *ended_early (may be NULL) tells that line() ended it. */
int kube_sync_lines(struct kube_sync *sync, const char *path, uint32_t deadline_ms,
                    bool (*line)(void *ctx, const char *text, size_t len), void *ctx,
                    bool *ended_early, struct err *err);
#endif
