/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/cues.h"

#define WIDE_PERCENT   80 /* of the picture's width: wider is ground, or sky, that does not stand */
#define NARROW_PERCENT 50
#define ALOFT          48 /* sureness of what stands nowhere */

struct standing {
    uint16_t near;
    uint8_t sure;
};

static struct standing stand(const struct region *region, const struct cue_view *view, int width)
{
    int wide = (region->right - region->left + 1) * 100 / width;
    int foot = 2 * region->lowest + 1;
    struct standing out = { cue_ground(view, foot), CUE_SURE };

    if (foot <= view->horizon)
        out.sure = ALOFT;
    else if (wide >= WIDE_PERCENT)
        out.sure = 0;
    else if (wide > NARROW_PERCENT)
        out.sure = (uint8_t)(CUE_SURE * (WIDE_PERCENT - wide) / (WIDE_PERCENT - NARROW_PERCENT));
    return out;
}

void cue_contact(uint16_t *out, uint8_t *sure, const struct cue_view *view)
{
    struct regions *regions = view->space->regions;
    int w = view->half->width, h = view->half->height, small = regions->small->width;

    regions_find(regions, view->half, view->top, view->bottom);
    for (int y = 0; y < h; y += 2)
        for (int x = 0; x < w; x += 2) {
            const struct region *region = regions_at(regions, y / 2 * small + x / 2);
            struct standing s = stand(region, view, small);

            for (int k = 0; k < 4; k++)
                if (x + k % 2 < w && y + k / 2 < h) {
                    out[(y + k / 2) * w + x + k % 2] = s.near;
                    sure[(y + k / 2) * w + x + k % 2] = s.sure;
                }
        }
}
