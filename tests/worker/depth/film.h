/* SPDX-License-Identifier: Apache-2.0
 *
 * film.h - films made by arithmetic: any frame by its number alone, in shots.
 */
#ifndef TESTS_WORKER_DEPTH_FILM_H
#define TESTS_WORKER_DEPTH_FILM_H

#include "tests/common/check.h"
#include "worker/depth/depth.h"

#define FILM_MAX 256

struct film {
    int width, height, bit_depth, frames;
    uint32_t seed;
    int shot[FILM_MAX];  /* which shot a frame is of */
    int light[FILM_MAX]; /* added to luma: flashes and fades */
};

/* Shots of random lengths, many of one frame to a few; flashes and fades. */
void film_make(struct film *film, int width, int height, int bit_depth, int frames, uint32_t seed);
/* Steps of light of any size from frame to frame, so that it is often close what is a cut. */
void film_make_nervous(struct film *film, int frames, uint32_t seed);
/* Caller frees by film_frame_free. Rows are padded. */
struct image *film_frame(const struct film *film, int t);
void film_frame_free(struct image *frame);

/* Depths of frames from..to-1 by a provider that sees only these: to - from planes of
 * width x height one after the other; caller frees. Checks order, look-ahead and guard bytes. */
uint16_t *film_depths(const struct film *film, int from, int to, int *width, int *height);
#endif
