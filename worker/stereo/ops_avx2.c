/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/rows.h"

#include "worker/stereo/ops_avx2.h"

const struct stereo_ops stereo_ops_avx2 = ROWS_TABLE("avx2");
