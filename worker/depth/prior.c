/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#define HORIZON_PERCENT 35 /* of the height, from the top */
#define NEAR            65535
#define GROUND_Q8       205 /* .8 for the place above or below the horizon, the rest for the middle */

static int64_t square(int64_t v)
{
    return v * v;
}

void cue_prior(uint16_t *out, const struct low *low, const struct cue_space *space)
{
    int w = low->width, h = low->height;
    int64_t corner = square(w) + square(h); /* in half cells from the centre */

    (void)space;
    for (int y = 0; y < h; y++) {
        int64_t below = 100 * y - HORIZON_PERCENT * h;
        int64_t ground = below < 0 ? 0 : below * NEAR / ((100 - HORIZON_PERCENT) * h);

        for (int x = 0; x < w; x++) {
            int64_t away = square(2 * x + 1 - w) + square(2 * y + 1 - h);
            int64_t middle = NEAR - away * NEAR / corner;

            out[y * w + x] = (uint16_t)((ground * GROUND_Q8 + middle * (256 - GROUND_Q8)) >> 8);
        }
    }
}
