/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/normalise.h"

#define BINS      1024
#define BIN_BITS  6   /* 65536 / BINS as a shift */
#define RANGE_MIN 512 /* less than this is noise, not depth */
#define MIDDLE    32768

struct depth_range normalise_percentiles(const uint16_t *plane, int n)
{
    uint32_t bins[BINS] = { 0 }, below = 0, cut = (uint32_t)n / 100;
    struct depth_range range = { 0, 65535 };
    int b;

    for (int i = 0; i < n; i++)
        bins[plane[i] >> BIN_BITS]++;
    for (b = 0; b < BINS - 1 && below + bins[b] <= cut; b++)
        below += bins[b];
    range.low = b << BIN_BITS;
    for (b = BINS - 1, below = 0; b > 0 && below + bins[b] <= cut; b--)
        below += bins[b];
    range.high = (b << BIN_BITS) + (1 << BIN_BITS) - 1;
    return range;
}

static int first_of(int at)
{
    return at > NORMALISE_REACH ? at - NORMALISE_REACH : 0;
}

static int last_of(int at, int count)
{
    return at + NORMALISE_REACH < count ? at + NORMALISE_REACH : count - 1;
}

static struct depth_range extremes(const struct depth_range *ranges, int count, int at)
{
    struct depth_range out = ranges[at];

    for (int i = first_of(at); i <= last_of(at, count); i++) {
        out.low = ranges[i].low < out.low ? ranges[i].low : out.low;
        out.high = ranges[i].high > out.high ? ranges[i].high : out.high;
    }
    return out;
}

struct depth_range normalise_window(const struct depth_range *ranges, int count, int at)
{
    struct depth_range sum = { 0, 0 };
    int n = last_of(at, count) - first_of(at) + 1;

    for (int i = first_of(at); i <= last_of(at, count); i++) {
        struct depth_range one = extremes(ranges, count, i);

        sum.low += one.low;
        sum.high += one.high;
    }
    return (struct depth_range){ sum.low / n, sum.high / n };
}

void normalise_row(uint16_t *out, const uint16_t *in, int n, struct depth_range range)
{
    int span = range.high - range.low;
    int64_t gain = span < RANGE_MIN ? 0 : ((int64_t)65535 << 16) / span;

    for (int i = 0; i < n; i++) {
        int64_t v = (in[i] - range.low) * gain >> 16;

        out[i] = gain == 0 ? MIDDLE : (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
    }
}
