/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/depth.h"

uint32_t depth_classical_support(void)
{
    return 48;
}
