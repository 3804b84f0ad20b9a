/* SPDX-License-Identifier: Apache-2.0
 *
 * env.h - inside pods: the environment of a worker. Secrets come by reference, never as values.
 * Pure.
 */
#ifndef OPERATOR_PODS_ENV_H
#define OPERATOR_PODS_ENV_H

#include "operator/pods/pods.h"

#define PODS_SCRATCH "/scratch"
#define PODS_CA_DIR  "/etc/stereojob-ca"
#define PODS_CA_FILE "ca.crt"

cJSON *env_build(const struct pods_context *context, const struct attempt_id *id); /* caller owns */
#endif
