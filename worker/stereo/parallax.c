/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/parallax.h"

#include <math.h>

#define DEPTH_ONE 65535.0
#define BITS_MAX  24
#define TAPER     .0075 /* of the width for each percent: gentle enough that nothing folds over */

struct parallax parallax_from(const struct warp_opts *opts)
{
    double eyes = opts->synthetic == SYNTHETIC_BOTH ? 2 : 1;
    double range_q8 = opts->divergence * opts->width * 256 / 100 / eyes;
    double offset_q8 = opts->ipd_offset * opts->width * 256 / 100 / eyes;
    struct parallax p = { .bits = BITS_MAX };

    while (p.bits > 1 && range_q8 * (1 << p.bits) / DEPTH_ONE > PARALLAX_GAIN_MAX)
        p.bits--;
    p.gain = (uint32_t)lround(range_q8 * (1 << p.bits) / DEPTH_ONE);
    p.zero = (int32_t)lround(range_q8 * opts->convergence - offset_q8);
    p.reach_px = (int32_t)((range_q8 + fabs(offset_q8)) / 256) + 1;
    if (range_q8 < 1) /* under 1/256 px even at the ends */
        p.gain = 0, p.zero = fabs(offset_q8) < 1 ? 0 : (int32_t)-lround(offset_q8);
    return p;
}

int parallax_taper_px(const struct warp_opts *opts)
{
    double most = opts->divergence + fabs(opts->ipd_offset);
    long px = lround(TAPER * most * opts->width);

    if (!opts->preserve_border)
        return 0;
    return px > opts->width / 2 ? opts->width / 2 : (int)px;
}
