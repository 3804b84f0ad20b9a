/* SPDX-License-Identifier: Apache-2.0
 *
 * resources.h - a worker's resources from spec.resources: devices only where a GPU is used, memory
 * and ephemeral storage grown by percent after an attempt that had too little. Pure.
 */
#ifndef OPERATOR_PODS_RESOURCES_H
#define OPERATOR_PODS_RESOURCES_H

#include "common/json.h"

#include <stdint.h>

#define RESOURCES_GPU "nvidia.com/gpu"

struct resources_opts {
    bool devices; /* false: drop gpu, nvidia.com/gpu and the like */
    /* Where spec.resources is silent: */
    uint64_t memory_bytes;  /* 0 = not known */
    uint64_t storage_bytes; /* ephemeral; the limit is twice the request; 0 = nothing */
    const char *cpu;        /* only requested; NULL = nothing */
    uint32_t memory_percent, storage_percent; /* 0 = 100 */
};

/* A StereoJob's resources (requests, limits, gpu{name, count}) or NULL in, the container's out
 * (caller owns; {} when silent). */
cJSON *resources_build(const cJSON *wanted, const struct resources_opts *opts);
/* Of a StereoJob's spec.resources.gpu; 0 without it, which is the CPU. */
int resources_gpus(const cJSON *gpu);
/* "1.5Gi" x 150 % -> "2415919104"; what is not a quantity, and 100 %, stay. Caller frees. */
char *resources_scale(const char *quantity, uint32_t percent);
#endif
