/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/ops.h"

#include "worker/stereo/rows.h"

static const struct stereo_ops ops_c = ROWS_TABLE("c");

const struct stereo_ops *stereo_ops_c(void)
{
    return &ops_c;
}

const struct stereo_ops *stereo_ops_best(void)
{
    return &ops_c;
}
