/* SPDX-License-Identifier: Apache-2.0
 *
 * estimate.h - from what the worker knows of a film (`stereo-worker estimate`) to what a job costs:
 * time of workers, of GPUs, and how long it takes. Pure but for printing.
 */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "common/json.h"

/*
 * Adds "estimate" to doc: framesPerSecond of one worker (speed, or the sample's when 0),
 * parallelism, gpusPerWorker, workerSeconds, gpuSeconds, wallSeconds. In a cluster workers run on
 * their own, in waves; one machine's share it, so that the film takes as long as one worker alone
 * would. Without a speed nothing but parallelism and gpusPerWorker is known. job: with defaults.
 */
void estimate_add(cJSON *doc, const cJSON *job, double speed);
void estimate_print(const cJSON *doc);
#endif
