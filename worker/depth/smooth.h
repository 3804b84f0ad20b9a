/* SPDX-License-Identifier: Apache-2.0
 *
 * smooth.h - means over a box in the picture and over a run of frames. Integer, rounded.
 */
#ifndef WORKER_DEPTH_SMOOTH_H
#define WORKER_DEPTH_SMOOTH_H

#include <stdint.h>

/* Mean over (2 * radius + 1)^2 samples; the border repeats. In place; sums has width entries,
 * scratch width * height. */
void smooth_box(uint16_t *plane, int width, int height, int radius, uint32_t *sums,
                uint16_t *scratch);
/* Sums over the same box, in place; |sums| stay below 2^31. scratch: width * height. */
void smooth_sums(int32_t *plane, int width, int height, int radius, int32_t *scratch);
/* out = mean of count >= 1 planes of n samples. */
void smooth_frames(uint16_t *out, const uint16_t *const *planes, int count, int n);
#endif
