/* SPDX-License-Identifier: Apache-2.0
 *
 * ops_avx2.h - the rows compiled once more for x86 with AVX2. Only to be called where the CPU has
 * it: see stereo_ops_best.
 */
#ifndef WORKER_STEREO_OPS_AVX2_H
#define WORKER_STEREO_OPS_AVX2_H

#include "worker/stereo/ops.h"

extern const struct stereo_ops stereo_ops_avx2;
#endif
