/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/frame.h"

#define HIGHEST 15 /* per cent of the height: there is no horizon above, or below the lowest */
#define LOWEST  58
#define STEP    192 /* 12 of 255 levels between the rows above and below count as an edge */
#define SPAN    2   /* rows on each side */
#define CLEAR                                                                                      \
    55 /* per cent of the width that must agree: from there on it counts more and more             \
        */
#define SURE 80

/* Columns where it is brighter above than below, less those where it is darker. */
static int agreement(const struct low *half, int y)
{
    int w = half->width, sum = 0;

    for (int x = 0; x < w; x++) {
        int d = 0;

        for (int k = 1; k <= SPAN; k++)
            d += half->luma[(y - k) * w + x] - half->luma[(y + k - 1) * w + x];
        sum += (d > SPAN * STEP) - (d < -SPAN * STEP);
    }
    return sum < 0 ? -sum : sum;
}

int frame_horizon(const struct low *half, int top, int bottom)
{
    int rows = bottom - top, best = 0, at = 0, share, seen;

    for (int y = top + rows * HIGHEST / 100; y <= top + rows * LOWEST / 100; y++) {
        int agree = y - SPAN < top || y + SPAN > bottom ? 0 : agreement(half, y);

        if (agree > best) {
            best = agree;
            at = y;
        }
    }
    share = best * 100 / half->width;
    if (share <= CLEAR)
        return FRAME_HORIZON_DEFAULT;
    share = share > SURE ? SURE : share;
    seen = (at - top) * FRAME_HORIZON_ONE / rows;
    return FRAME_HORIZON_DEFAULT +
           (seen - FRAME_HORIZON_DEFAULT) * (share - CLEAR) / (SURE - CLEAR);
}
