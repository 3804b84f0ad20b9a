/* SPDX-License-Identifier: Apache-2.0
 *
 * volumes.h - inside pods: what is mounted into a worker: scratch, and in a cluster the volume
 * claims that its URIs name (pvc://CLAIM/...) and the operator's CA. Pure.
 */
#ifndef OPERATOR_PODS_VOLUMES_H
#define OPERATOR_PODS_VOLUMES_H

#include "operator/pods/pods.h"

/* Caller owns both. limit: a quantity, of scratch; or NULL. */
cJSON *volumes_build(const struct pods_context *context, enum stage stage, const char *limit);
cJSON *mounts_build(const struct pods_context *context, enum stage stage);
#endif
