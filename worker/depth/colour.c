/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#include <stdlib.h>

#define MIDDLE  32768
#define GAIN    16 /* a difference of half the chroma range is as near or far as it gets */
#define UNSURE  96 /* of a grey cell */
#define SURE_Q8 64 /* what chroma adds to that */

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

void cue_colour(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    const struct low *half = view->half;
    int w = half->width, h = half->height;

    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int i = y * w + x, warm = (half->cr[i] - half->cb[i]) * GAIN;
            int vivid = abs(half->cr[i] - LOW_CENTRE) + abs(half->cb[i] - LOW_CENTRE);
            int s = UNSURE + (vivid * SURE_Q8 >> 8);

            out[i] = clamp16(MIDDLE + warm - sky_of(half->cb[i], half->luma[i], y, h));
            sure[i] = (uint8_t)(s > CUE_SURE ? CUE_SURE : s);
        }
    }
}
