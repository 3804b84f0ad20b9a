/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/refine.h"

#include "worker/depth/smooth.h"

#define RADIUS_PART 40  /* of the width */
#define RADIUS_MAX  6   /* sums of 13 x 13 boxes fit in 32 bits */
#define EPSILON     235 /* (.03 of full scale)^2: luma that varies less is flat */
#define LUMA_SHIFT  3   /* 9 bits */
#define NEAR_SHIFT  6   /* 10 bits */
#define SLOPE_BITS  12

struct boxes { /* sums over the box around each cell; later slope and offset */
    int32_t *luma, *near, *luma2, *both, *scratch;
    int width, height, radius;
};

static void sum_up(struct boxes *b, const uint16_t *near, const uint16_t *luma)
{
    for (int i = 0; i < b->width * b->height; i++) {
        int32_t l = luma[i] >> LUMA_SHIFT, d = near[i] >> NEAR_SHIFT;

        b->luma[i] = l;
        b->near[i] = d;
        b->luma2[i] = l * l;
        b->both[i] = l * d;
    }
    smooth_sums(b->luma, b->width, b->height, b->radius, b->scratch);
    smooth_sums(b->near, b->width, b->height, b->radius, b->scratch);
    smooth_sums(b->luma2, b->width, b->height, b->radius, b->scratch);
    smooth_sums(b->both, b->width, b->height, b->radius, b->scratch);
}

/* both: slopes; near: offsets, in 1/65536 of depth as it comes in. */
static void fit_lines(struct boxes *b)
{
    int64_t n = (2 * b->radius + 1) * (2 * b->radius + 1);

    for (int i = 0; i < b->width * b->height; i++) {
        int64_t covary = n * b->both[i] - (int64_t)b->luma[i] * b->near[i];
        int64_t vary = n * b->luma2[i] - (int64_t)b->luma[i] * b->luma[i];
        int64_t slope = covary * (1 << SLOPE_BITS) / (vary + EPSILON * n * n);
        int64_t offset = (int64_t)b->near[i] * (1 << SLOPE_BITS) - slope * b->luma[i];

        b->both[i] = (int32_t)slope;
        b->near[i] = (int32_t)(offset / n / (1 << (SLOPE_BITS - NEAR_SHIFT)));
    }
    smooth_sums(b->both, b->width, b->height, b->radius, b->scratch);
    smooth_sums(b->near, b->width, b->height, b->radius, b->scratch);
    for (int i = 0; i < b->width * b->height; i++) {
        b->both[i] = (int32_t)(b->both[i] / n);
        b->near[i] = (int32_t)(b->near[i] / n);
    }
}

void refine_depth(uint16_t *out, const uint16_t *near, const struct low *half,
                  const uint16_t *low_luma, int low_width, int low_height, int32_t *space)
{
    int w = half->width, h = half->height, n = w * h, radius = w / RADIUS_PART;
    struct boxes b = {
        space, space + n, space + 2 * n, space + 3 * n, space + 4 * n, w, h, radius
    };

    b.radius = radius < 1 ? 1 : radius > RADIUS_MAX ? RADIUS_MAX : radius;
    sum_up(&b, near, half->luma);
    fit_lines(&b);
    for (int y = 0; y < low_height; y++) {
        const int32_t *slope = b.both + y / 2 * w, *offset = b.near + y / 2 * w;

        for (int x = 0; x < low_width; x++, out++, low_luma++) {
            int luma = *low_luma >> LUMA_SHIFT;
            int v = slope[x / 2] * luma / (1 << (SLOPE_BITS - NEAR_SHIFT)) + offset[x / 2];

            *out = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
        }
    }
}
