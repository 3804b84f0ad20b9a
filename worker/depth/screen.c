/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/screen.h"

#define BINS     1024
#define BIN_BITS 6 /* 65536 / BINS as a shift */

static uint64_t weight(int at, int n)
{
    return (uint64_t)(at < n - 1 - at ? at + 1 : n - at);
}

uint16_t screen_middle(const uint16_t *plane, int width, int height, int stride)
{
    uint64_t bins[BINS] = { 0 }, sum = 0, below = 0;
    int b = 0;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint64_t w = weight(x, width) * weight(y, height);

            bins[plane[y * stride + x] >> BIN_BITS] += w;
            sum += w;
        }
    while (b < BINS - 1 && 2 * (below + bins[b]) < sum)
        below += bins[b++];
    return (uint16_t)((b << BIN_BITS) + (1 << (BIN_BITS - 1)));
}

uint16_t screen_mean(const uint16_t *middles, int count)
{
    uint64_t sum = 0;

    for (int i = 0; i < count; i++)
        sum += middles[i];
    return (uint16_t)(sum / (uint64_t)count);
}

uint16_t screen_follow(const struct depth *depth, uint16_t middle)
{
    if (middle < depth->screen_low)
        return depth->screen_low;
    return middle > depth->screen_high ? depth->screen_high : middle;
}
