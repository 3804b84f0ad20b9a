/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/depth.h"

void depth_free(struct depth *depth)
{
    if (depth)
        depth->ops->free(depth);
}
