/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"
#include "worker/depth/smooth.h"

#include <stdlib.h>
#include <string.h>

#define COARSE_RADIUS 1  /* cells: detail a size larger than the fine one */
#define REGION_RADIUS 5  /* cells */
#define NOISE         24 /* of 4080, times the four samples: less is no detail */
#define SURE_SHIFT    1  /* detail of 510 of 4080 is as sure as it gets */

/* Blur takes fine detail before coarse: their ratio is sharpness, whatever the contrast. */
void cue_focus(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    const struct cue_space *space = view->space;
    int w = view->half->width, h = view->half->height, n = w * h;
    uint16_t *coarse = space->plane;

    memcpy(coarse, view->half->luma, (size_t)n * sizeof(*coarse));
    smooth_box(coarse, w, h, COARSE_RADIUS, space->sums, space->scratch);
    for (int i = 0; i < n; i++)
        coarse[i] = (uint16_t)(4 * abs(view->half->luma[i] - coarse[i]));
    memcpy(out, view->fine, (size_t)n * sizeof(*out));
    smooth_box(coarse, w, h, REGION_RADIUS, space->sums, space->scratch);
    smooth_box(out, w, h, REGION_RADIUS, space->sums, space->scratch);
    for (int i = 0; i < n; i++) {
        int fine = out[i] > NOISE ? out[i] - NOISE : 0, all = fine + coarse[i] + NOISE;
        int s = (fine + coarse[i]) >> SURE_SHIFT;

        out[i] = (uint16_t)((uint32_t)fine * 65535u / (uint32_t)all);
        sure[i] = (uint8_t)(s > CUE_SURE ? CUE_SURE : s);
    }
}
