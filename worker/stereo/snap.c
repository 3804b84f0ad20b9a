/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/snap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define AROUND     2  /* cells looked at on each side: 25 samples for a line through them */
#define LUMA_NOISE 16 /* 10-bit steps: contrast below this tells nothing about depth */
#define SLOPE_MAX  (1 << 18)
/* An edge has this part of the window's range in one step, a ramp has less: snapped, it would
 * become stairs. */
#define STEP_Q8 77

static const uint16_t *depth_row(const struct plane16 *p, int y)
{
    return (const uint16_t *)((const char *)p->px + y * p->stride);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static void least(uint16_t *restrict out, const uint16_t *restrict in, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = in[i] < out[i] ? in[i] : out[i];
}

static void most(uint16_t *restrict out, const uint16_t *restrict in, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = in[i] > out[i] ? in[i] : out[i];
}

/* Least and greatest of 2 * radius + 1 rows around each. */
static void extremes_down(uint16_t *low, uint16_t *high, const struct plane16 *depth, int radius)
{
    int w = depth->width, h = depth->height;

    for (int y = 0; y < h; y++, low += w, high += w) {
        int from = y - radius < 0 ? 0 : y - radius, to = y + radius >= h ? h - 1 : y + radius;
        const uint16_t *row = depth_row(depth, from);

        memcpy(low, row, (size_t)w * sizeof(*low));
        memcpy(high, row, (size_t)w * sizeof(*high));
        for (int k = from + 1; k <= to; k++) {
            least(low, depth_row(depth, k), w);
            most(high, depth_row(depth, k), w);
        }
    }
}

/* The same across one row, from low and high to wide[0] and wide[1]. */
static void extremes_across(uint16_t *const wide[2], const uint16_t *low, const uint16_t *high,
                            int w, int radius)
{
    memcpy(wide[0], low, (size_t)w * sizeof(*low));
    memcpy(wide[1], high, (size_t)w * sizeof(*high));
    for (int k = 1; k <= radius && k < w; k++) {
        least(wide[0] + k, low, w - k);
        least(wide[0], low + k, w - k);
        most(wide[1] + k, high, w - k);
        most(wide[1], high + k, w - k);
    }
}

/* The largest step of depth from a cell to the next one right or down, around cx, cy. */
static int steepest_at(const struct plane16 *depth, int cx, int cy)
{
    int x0 = clamp(cx - AROUND, 0, depth->width - 1), x1 = clamp(cx + AROUND, 0, depth->width - 1);
    int y1 = clamp(cy + AROUND, 0, depth->height - 1), most = 0;

    for (int y = clamp(cy - AROUND, 0, depth->height - 1); y <= y1; y++) {
        const uint16_t *row = depth_row(depth, y), *below = depth_row(depth, y < y1 ? y + 1 : y);

        for (int x = x0; x <= x1; x++) {
            int right = abs(row[x < x1 ? x + 1 : x] - row[x]), down = abs(below[x] - row[x]);

            most = right > most ? right : most;
            most = down > most ? down : most;
        }
    }
    return most;
}

/* The slope of the line depth = slope * luma + c through the cells around: covariance over
 * variance, damped where luma hardly varies. */
static int32_t slope_at(const struct plane16 *depth, const uint16_t *luma, int cx, int cy)
{
    int64_t n = 0, sum_d = 0, sum_l = 0, sum_dl = 0, sum_ll = 0, cov, var;
    int w = depth->width, h = depth->height;

    for (int dy = -AROUND; dy <= AROUND; dy++) {
        int y = clamp(cy + dy, 0, h - 1);
        const uint16_t *d = depth_row(depth, y), *l = luma + (size_t)y * (size_t)w;

        for (int dx = -AROUND; dx <= AROUND; dx++) {
            int x = clamp(cx + dx, 0, w - 1);

            n++;
            sum_d += d[x];
            sum_l += l[x];
            sum_dl += d[x] * l[x];
            sum_ll += l[x] * l[x];
        }
    }
    cov = n * sum_dl - sum_d * sum_l;
    var = n * sum_ll - sum_l * sum_l + n * n * LUMA_NOISE * LUMA_NOISE;
    return clamp((int)(cov * 256 / var), -SLOPE_MAX, SLOPE_MAX);
}

void snap_cells(struct snap_cell *cells, const struct plane16 *depth, const uint16_t *luma,
                int radius, int edge_min, uint16_t *scratch)
{
    int w = depth->width, h = depth->height;
    size_t n = (size_t)w * (size_t)h;
    uint16_t *low = scratch, *high = low + n, *const wide[2] = { high + n, high + n + w };

    extremes_down(low, high, depth, radius);
    for (int y = 0; y < h; y++, cells += w, low += w, high += w) {
        extremes_across(wide, low, high, w, radius);
        for (int x = 0; x < w; x++) {
            int range = wide[1][x] - wide[0][x];

            cells[x] = (struct snap_cell){ 0, 0, 0 };
            if (range < edge_min || steepest_at(depth, x, y) < range * STEP_Q8 >> 8)
                continue;
            cells[x] = (struct snap_cell){ wide[0][x], wide[1][x], slope_at(depth, luma, x, y) };
        }
    }
}
