/* SPDX-License-Identifier: Apache-2.0
 *
 * size.h - inside pods: what a worker needs of its node in a cluster, before anybody measured it.
 * Pure.
 */
#ifndef OPERATOR_PODS_SIZE_H
#define OPERATOR_PODS_SIZE_H

#include "operator/pods/pods.h"

struct size {
    const char *cpu;        /* static */
    uint64_t memory_bytes;  /* 0 for convert: the plan knows better */
    uint64_t storage_bytes; /* scratch and logs */
};
/* By the plan's record in the job's status, where there is one. */
void size_estimate(struct size *out, const struct pods_context *context, enum stage stage);
#endif
