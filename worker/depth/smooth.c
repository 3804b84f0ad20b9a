/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/smooth.h"

#include <string.h>

#define FRAMES_BLOCK 1024 /* samples summed at a time: they stay in the nearest cache */

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* sum / count rounded, by a reciprocal in Q32: exact for 16-bit samples and counts below 256. */
static inline uint16_t mean_of(uint32_t sum, uint32_t count, uint64_t inverse)
{
    return (uint16_t)(((uint64_t)(sum + count / 2) * inverse) >> 32);
}

static uint64_t inverse_of(uint32_t count)
{
    return ((1ull << 32) + count - 1) / count;
}

static void smooth_across(uint16_t *out, const uint16_t *in, int width, int radius)
{
    uint32_t count = (uint32_t)(2 * radius + 1), sum = 0;
    uint64_t inverse = inverse_of(count);

    for (int k = -radius; k <= radius; k++)
        sum += in[clamp(k, 0, width - 1)];
    for (int x = 0; x < width; x++) {
        out[x] = mean_of(sum, count, inverse);
        sum += in[clamp(x + radius + 1, 0, width - 1)];
        sum -= in[clamp(x - radius, 0, width - 1)];
    }
}

void smooth_box(uint16_t *plane, int width, int height, int radius, uint32_t *sums,
                uint16_t *scratch)
{
    uint32_t count = (uint32_t)(2 * radius + 1);
    uint64_t inverse = inverse_of(count);

    for (int y = 0; y < height; y++)
        smooth_across(scratch + y * width, plane + y * width, width, radius);
    memset(sums, 0, (size_t)width * sizeof(*sums));
    for (int k = -radius; k <= radius; k++)
        for (int x = 0; x < width; x++)
            sums[x] += scratch[clamp(k, 0, height - 1) * width + x];
    for (int y = 0; y < height; y++) {
        const uint16_t *enters = scratch + clamp(y + radius + 1, 0, height - 1) * width;
        const uint16_t *leaves = scratch + clamp(y - radius, 0, height - 1) * width;

        for (int x = 0; x < width; x++) {
            plane[y * width + x] = mean_of(sums[x], count, inverse);
            sums[x] += enters[x];
            sums[x] -= leaves[x];
        }
    }
}

void smooth_sums(int32_t *plane, int width, int height, int radius, int32_t *scratch)
{
    for (int y = 0; y < height; y++) {
        const int32_t *in = plane + y * width;
        int32_t sum = 0;

        for (int k = -radius; k <= radius; k++)
            sum += in[clamp(k, 0, width - 1)];
        for (int x = 0; x < width; x++) {
            scratch[y * width + x] = sum;
            sum += in[clamp(x + radius + 1, 0, width - 1)] - in[clamp(x - radius, 0, width - 1)];
        }
    }
    memset(plane, 0, (size_t)width * sizeof(*plane));
    for (int k = -radius; k <= radius; k++)
        for (int x = 0; x < width; x++)
            plane[x] += scratch[clamp(k, 0, height - 1) * width + x];
    for (int y = 1; y < height; y++) {
        const int32_t *enters = scratch + clamp(y + radius, 0, height - 1) * width;
        const int32_t *leaves = scratch + clamp(y - 1 - radius, 0, height - 1) * width;
        const int32_t *before = plane + (y - 1) * width;

        for (int x = 0; x < width; x++)
            plane[y * width + x] = before[x] + enters[x] - leaves[x];
    }
}

void smooth_frames(uint16_t *out, const uint16_t *const *planes, int count, int n)
{
    uint64_t inverse = inverse_of((uint32_t)count);

    for (int from = 0; from < n; from += FRAMES_BLOCK) {
        int block = n - from < FRAMES_BLOCK ? n - from : FRAMES_BLOCK;
        uint32_t sums[FRAMES_BLOCK] = { 0 };

        for (int k = 0; k < count; k++)
            for (int i = 0; i < block; i++)
                sums[i] += planes[k][from + i];
        for (int i = 0; i < block; i++)
            out[from + i] = mean_of(sums[i], (uint32_t)count, inverse);
    }
}
