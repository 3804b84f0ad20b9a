/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/parallax.h"

#include <math.h>

#define DEPTH_ONE 65535.0
#define BITS_MAX  24

struct parallax parallax_from(const struct warp_opts *opts)
{
    double eyes = opts->synthetic == SYNTHETIC_BOTH ? 2 : 1;
    double range_q8 = opts->divergence * opts->width * 256 / 100 / eyes;
    struct parallax p = { .bits = BITS_MAX };

    while (p.bits > 1 && range_q8 * (1 << p.bits) / DEPTH_ONE > PARALLAX_GAIN_MAX)
        p.bits--;
    p.gain = (uint32_t)lround(range_q8 * (1 << p.bits) / DEPTH_ONE);
    p.zero = (int32_t)lround(range_q8 * opts->convergence);
    p.reach_px = (int32_t)(range_q8 / 256) + 1;
    if (range_q8 < 1) /* under 1/256 px even at the ends */
        p.gain = 0, p.zero = 0;
    return p;
}
