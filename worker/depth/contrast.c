/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"
#include "worker/depth/smooth.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_RADIUS   2   /* cells: detail is what differs from the mean around */
#define REGION_RADIUS   4   /* cells: and is then taken as a property of its region */
#define DETAIL_GAIN     128 /* a mean difference of 16 of 255 levels gives half of the range */
#define SATURATION_GAIN 20

/* Saturation, but not of blue: haze and sky are blue. */
static int colour_of(int cb, int cr)
{
    int yellow = cb < LOW_CENTRE ? LOW_CENTRE - cb : 0, red = cr > LOW_CENTRE ? cr - LOW_CENTRE : 0;

    return yellow + red;
}

void cue_contrast(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    const struct low *half = view->half;
    const struct cue_space *space = view->space;
    int w = half->width, h = half->height, n = w * h;
    uint16_t *mean = space->plane;

    memset(sure, CUE_SURE, (size_t)n);
    memcpy(mean, half->luma, (size_t)n * sizeof(*mean));
    smooth_box(mean, w, h, DETAIL_RADIUS, space->sums, space->scratch);
    for (int i = 0; i < n; i++) {
        int detail = abs(half->luma[i] - mean[i]) * DETAIL_GAIN;
        int near = detail + colour_of(half->cb[i], half->cr[i]) * SATURATION_GAIN;

        out[i] = (uint16_t)(near > 65535 ? 65535 : near);
    }
    smooth_box(out, w, h, REGION_RADIUS, space->sums, space->scratch);
}
