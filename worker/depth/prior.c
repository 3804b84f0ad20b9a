/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#include <string.h>

#define NEAR      65535
#define GROUND_Q8 205 /* .8 for the place above or below the horizon, the rest for the middle */

static int64_t square(int64_t v)
{
    return v * v;
}

uint16_t cue_ground(const struct cue_view *view, int y)
{
    int64_t below = y - view->horizon, depth = view->bottom - 1 - view->horizon;

    if (below <= 0 || depth <= 0)
        return 0;
    return (uint16_t)(below > depth ? NEAR : below * NEAR / depth);
}

void cue_prior(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    int w = view->half->width, h = view->half->height, rows = view->bottom - view->top;
    int64_t corner = square(w) + square(rows); /* in half cells from the centre */

    memset(sure, CUE_SURE, (size_t)w * (size_t)h);
    for (int y = 0; y < h; y++) {
        int64_t ground = cue_ground(view, y);

        for (int x = 0; x < w; x++) {
            int64_t away = square(2 * x + 1 - w) + square(2 * (y - view->top) + 1 - rows);
            int64_t middle = away < corner ? NEAR - away * NEAR / corner : 0;

            out[y * w + x] = (uint16_t)((ground * GROUND_Q8 + middle * (256 - GROUND_Q8)) >> 8);
        }
    }
}
