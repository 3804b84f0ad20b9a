/* SPDX-License-Identifier: Apache-2.0
 *
 * methods.h - ways to make the right eye's luma from the left view and its depth. All but ours are
 * written here from what is known of how others do it; ours is worker/stereo through its door, as
 * it is by default and with --edge-dilation.
 */
#ifndef BENCH_QUALITY_METHODS_H
#define BENCH_QUALITY_METHODS_H

#include "bench/quality/film.h"
#include "common/auto.h"
#include "worker/stereo/warp.h"

enum method {
    METHOD_IDENTITY,
    METHOD_BACKWARD,
    METHOD_FIXED_POINT,
    METHOD_FORWARD_LAYERED,
    METHOD_FORWARD,
    METHOD_FORWARD_DILATED,
    METHOD_SOFT_SPLAT,
    METHOD_OURS,
    METHOD_OURS_DILATED,
};
#define METHODS 9
extern const char *const method_names[METHODS];

struct view { /* one frame as the methods get it */
    const struct image *left;
    const struct plane16 *depth;
    const float *parallax; /* px, depth scaled up bilinearly */
    const float *dilated;  /* the same of depth that grew, two cells across and one down */
};

/* px of the film for every sample; out has width * height. */
void parallax_of(float *out, const struct film *film, const struct plane16 *depth);
/* As iw3's --edge-dilation 2 1, plainly: the highest of 5 x 3 cells. Caller frees px. */
struct plane16 depth_dilated(const struct plane16 *depth);

struct maker; /* what a method keeps from frame to frame of a segment: ours its warp */
struct maker *maker_new(const struct film *film);
void maker_free(struct maker *maker);
AUTO_DEFINE(maker, struct maker *, maker_free)
void maker_make(struct maker *maker, uint8_t *out, enum method method, const struct view *view);
#endif
