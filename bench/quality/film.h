/* SPDX-License-Identifier: Apache-2.0
 *
 * film.h - a world as a film of both eyes, and the depths that a warp may be given of it.
 */
#ifndef BENCH_QUALITY_FILM_H
#define BENCH_QUALITY_FILM_H

#include "bench/quality/world.h"
#include "worker/image.h"

/* Frames of which everything is made and scored; of the others there is only the left view. */
#define FILM_FIRST  (WORLD_JOINT - 4)
#define FILM_SCORED 8

enum sight {
    SIGHT_SEEN,
    SIGHT_HIDDEN,
    SIGHT_OUTSIDE
}; /* by the left eye, of the right's samples */

struct truth {
    uint8_t *right;  /* luma */
    float *parallax; /* px, of the left view's samples */
    uint8_t *sight;
    float *before_x, *before_y; /* where the right's sample was a frame ago; NAN: nowhere */
};

struct film {
    const char *name, *says;
    int width, height;
    struct image left[WORLD_FRAMES];
    struct truth truth[FILM_SCORED];
    double low, high; /* parallax px over the scored frames: depth 0 and 65535 */
    double divergence, convergence;
};

/* Caller owns *out. */
void film_make(struct film *out, int at, int width, int height);
void film_clear(struct film *film);

enum given { GIVEN_EXACT, GIVEN_HALF, GIVEN_QUARTER, GIVEN_NOISY, GIVEN_CLASSICAL };
#define GIVEN_KINDS 5
extern const char *const given_names[GIVEN_KINDS];

struct depths { /* of the scored frames */
    struct plane16 plane[FILM_SCORED];
    /* Classical only: samples in which the depth of two segments is not that of the whole. */
    long joint_differs;
};
void depths_make(struct depths *out, const struct film *film, enum given kind);
void depths_clear(struct depths *depths);
#endif
