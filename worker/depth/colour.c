/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#define MIDDLE 32768
#define GAIN   16 /* a difference of half the chroma range is as near or far as it gets */

static uint16_t clamp16(int v)
{
    return (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
}

/* How much of a sky a cell is: blue times bright, fading out to the middle of the picture. */
static int sky_of(int cb, int luma, int y, int h)
{
    int blue = cb > LOW_CENTRE ? cb - LOW_CENTRE : 0;

    return 2 * y < h ? blue * luma / LOW_MAX * GAIN * (h - 2 * y) / h : 0;
}

void cue_colour(uint16_t *out, const struct low *low, const struct cue_space *space)
{
    int w = low->width, h = low->height;

    (void)space;
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int i = y * w + x, warm = (low->cr[i] - low->cb[i]) * GAIN;

            out[i] = clamp16(MIDDLE + warm - sky_of(low->cb[i], low->luma[i], y, h));
        }
    }
}
