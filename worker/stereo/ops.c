/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/ops.h"

#include "worker/stereo/ops_avx2.h"
#include "worker/stereo/rows.h"

#include <stdlib.h>
#include <string.h>

static const struct stereo_ops ops_c = ROWS_TABLE("c");

const struct stereo_ops *stereo_ops_c(void)
{
    return &ops_c;
}

const struct stereo_ops *stereo_ops_best(void)
{
#ifdef STEREO_WITH_AVX2
    const char *plain = getenv("STEREO_PLAIN_ROWS");

    if (__builtin_cpu_supports("avx2") && (!plain || strcmp(plain, "1") != 0))
        return &stereo_ops_avx2;
#endif
    return &ops_c;
}
