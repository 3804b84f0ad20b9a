/* SPDX-License-Identifier: Apache-2.0
 *
 * normalise.h - the range of depth that is stretched to the whole, without flicker: percentiles of
 * each frame, their extremes over a window of frames, and the mean of those over the same window.
 */
#ifndef WORKER_DEPTH_NORMALISE_H
#define WORKER_DEPTH_NORMALISE_H

#include <stdint.h>

#define NORMALISE_REACH 7 /* frames on each side, used twice */

struct depth_range {
    int low, high;
};

/* The 1st and 99th percentile of n samples, from 1024 bins. */
struct depth_range normalise_percentiles(const uint16_t *plane, int n);
/* ranges: of the count frames of one shot that lie within 2 * NORMALISE_REACH of frame at. */
struct depth_range normalise_window(const struct depth_range *ranges, int count, int at);
/* 0..65535 over the range; without a range all is in the middle. */
void normalise_row(uint16_t *out, const uint16_t *in, int n, struct depth_range range);
#endif
