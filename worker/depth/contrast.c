/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"
#include "worker/depth/smooth.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_RADIUS   3   /* cells: detail is what differs from the mean around */
#define REGION_RADIUS   6   /* cells: and is then taken as a property of its region */
#define DETAIL_GAIN     128 /* a mean difference of 16 of 255 levels gives half of the range */
#define SATURATION_GAIN 20

/* Saturation, but not of blue: haze and sky are blue. */
static int colour_of(int cb, int cr)
{
    int yellow = cb < LOW_CENTRE ? LOW_CENTRE - cb : 0, red = cr > LOW_CENTRE ? cr - LOW_CENTRE : 0;

    return yellow + red;
}

void cue_contrast(uint16_t *out, const struct low *low, const struct cue_space *space)
{
    int w = low->width, h = low->height, n = w * h;
    uint16_t *mean = space->plane;

    memcpy(mean, low->luma, (size_t)n * sizeof(*mean));
    smooth_box(mean, w, h, DETAIL_RADIUS, space->sums, space->scratch);
    for (int i = 0; i < n; i++) {
        int detail = abs(low->luma[i] - mean[i]) * DETAIL_GAIN;
        int near = detail + colour_of(low->cb[i], low->cr[i]) * SATURATION_GAIN;

        out[i] = (uint16_t)(near > 65535 ? 65535 : near);
    }
    smooth_box(out, w, h, REGION_RADIUS, space->sums, space->scratch);
}
