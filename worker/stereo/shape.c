/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/shape.h"

#include "worker/stereo/ops.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define STEEP     12.
#define DEPTH_MAX 65535.
#define BLOCK     32 /* columns looked at together; most rows have few edges */

static double softplus(double x, double knee)
{
    return log1p(exp(STEEP * (x - knee)));
}

/* A whole level 0..3, or its inverse. */
static double level(double x, int n, int inverse)
{
    static const double knees[] = { 0, .34, .52, .69 };
    double low, high;

    if (n == 0)
        return x;
    low = softplus(0, knees[n]);
    high = softplus(1, knees[n]);
    if (!inverse)
        return (softplus(x, knees[n]) - low) / (high - low);
    return knees[n] + log(expm1(x * (high - low) + low)) / STEEP;
}

uint16_t shape_bend(double scale, uint16_t depth)
{
    double size = fmin(fabs(scale), 3), part = size - floor(size), x = depth / DEPTH_MAX;
    int below = (int)floor(size), above = below < 3 ? below + 1 : 3;
    double y = (1 - part) * level(x, below, scale < 0) + part * level(x, above, scale < 0);

    return (uint16_t)lround(fmin(fmax(y, 0), 1) * DEPTH_MAX);
}

uint16_t shape_unbend(double scale, uint16_t depth)
{
    int low = 0, high = UINT16_MAX;

    while (low < high) {
        int middle = (low + high) / 2;

        if (shape_bend(scale, (uint16_t)middle) < depth)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint16_t)low;
}

void shape_curve(uint16_t curve[65536], double scale)
{
    for (int i = 0; i < 65536; i++)
        curve[i] = shape_bend(scale, (uint16_t)i);
}

/* The highest of the samples at most radius steps away; from and to are n samples, step apart. */
static void highest(uint16_t *to, const uint16_t *from, int n, int step, int radius)
{
    for (int i = 0; i < n; i++) {
        int first = i < radius ? 0 : i - radius, last = i + radius < n ? i + radius : n - 1;
        uint16_t most = 0;

        for (int k = first; k <= last; k++)
            most = from[k * step] > most ? from[k * step] : most;
        to[i * step] = most;
    }
}

struct plane16 shape_dilate(uint16_t *out, uint16_t *scratch, const struct plane16 *in, int radius)
{
    int w = in->width, h = in->height;

    for (int y = 0; y < h; y++)
        highest(scratch + y * w, in->px + y * (in->stride / 2), w, 1, radius);
    for (int x = 0; x < w; x++)
        highest(out + x, scratch + x, h, w, radius);
    return (struct plane16){ out, w, h, (ptrdiff_t)w * 2 };
}

static bool has_edge(const int32_t *shift)
{
    uint32_t found = 0;

    for (int i = 0; i < BLOCK; i++)
        found |= abs(shift[i + 1] - shift[i]) > SURFACE_STEP_Q8;
    return found;
}

/* The pairs from x to end; own is what shift[x] was. Returns what shift[end] was. */
static int32_t edge_pairs(int32_t *shift, int x, int end, int32_t own)
{
    for (; x < end; x++) {
        int32_t next = shift[x + 1];

        if (next - own > SURFACE_STEP_Q8 && next > shift[x])
            shift[x] = next;
        else if (own - next > SURFACE_STEP_Q8)
            shift[x + 1] = own;
        own = next;
    }
    return own;
}

void shape_edges(int32_t *shift, int n)
{
    int32_t own = shift[0]; /* what shift[x] was */
    int x = 0;

    for (; x + BLOCK < n; x += BLOCK)
        if (own != shift[x] || has_edge(shift + x))
            own = edge_pairs(shift, x, x + BLOCK, own);
        else
            own = shift[x + BLOCK];
    (void)edge_pairs(shift, x, n - 1, own);
}
