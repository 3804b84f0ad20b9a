/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"
#include "worker/depth/smooth.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_RADIUS   3   /* cells: detail is what differs from the mean around */
#define REGION_RADIUS   6   /* cells: and is then taken as a property of its region */
#define DETAIL_GAIN     128 /* a mean difference of 16 of 255 levels gives half of the range */
#define SATURATION_GAIN 20

void cue_contrast(uint16_t *out, const struct low *low, const struct cue_space *space)
{
    int w = low->width, h = low->height, n = w * h;
    uint16_t *mean = space->plane;

    memcpy(mean, low->luma, (size_t)n * sizeof(*mean));
    smooth_box(mean, w, h, DETAIL_RADIUS, space->sums, space->scratch);
    for (int i = 0; i < n; i++) {
        int detail = abs(low->luma[i] - mean[i]) * DETAIL_GAIN;
        int colour = abs(low->cb[i] - LOW_CENTRE) + abs(low->cr[i] - LOW_CENTRE);
        int near = detail + colour * SATURATION_GAIN;

        out[i] = (uint16_t)(near > 65535 ? 65535 : near);
    }
    smooth_box(out, w, h, REGION_RADIUS, space->sums, space->scratch);
}
