/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - scenes of which everything is known. Surfaces whose parallax is linear in the place,
 * seen by two eyes: where a sample of an eye lies on a surface has a closed form, so both views,
 * what is hidden, and where everything was a frame before are exact.
 */
#ifndef BENCH_QUALITY_WORLD_H
#define BENCH_QUALITY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define WORLD_FRAMES   56
#define WORLD_JOINT    28 /* the film's second segment begins here: a window from both ends */
#define WORLD_CUT      26 /* of a scene with a cut, the first frame of the second shot */
#define WORLD_SURFACES 96
#define WORLD_FAR      .015 /* parts of the width by which the horizon lies behind the screen */

enum eye_at { EYE_AT_LEFT = 1, EYE_AT_RIGHT = -1 };
enum shape { SHAPE_ALL, SHAPE_BELOW, SHAPE_BOX, SHAPE_ELLIPSE, SHAPE_HAIR };

/* Places are parts of the width and height, parallax parts of the width (+ in front of the screen),
 * both at the first frame. */
struct surface {
    enum shape shape;
    double x, y, rx, ry;
    double parallax, tilt_x, tilt_y; /* tilts: change over the whole width or height */
    double vx, vy;                   /* its own motion a frame */
    int luma, texture;               /* levels */
    uint32_t seed;
};

struct world {
    const char *name, *says;
    double pan, travel, dolly; /* of the camera, a frame: all alike; the nearer the more; forward */
    bool fades, bars, cuts;
    int count;
    struct surface surfaces[WORLD_SURFACES];
};

#define WORLDS 12
/* Caller's memory; at 0..WORLDS-1. shot 1 is what a world that cuts shows afterwards. */
void world_make(struct world *out, int at, int shot);

struct place {   /* what an eye sees at a sample */
    int surface; /* -1: a bar */
    double a, b; /* px on the surface */
    double parallax;
};

/* A world at one frame and one size: a view of it is cheap by rows. */
struct row_surface { /* x of the eye to place on the surface: a = x * scale + shift */
    int surface;
    double scale, shift, low, high, b, p0, p1;
};
struct row {
    struct row_surface surfaces[WORLD_SURFACES];
    int count;
    bool bar;
};
struct pose {
    const struct world *world;
    int frame, width, height;
};
void pose_row(struct row *out, const struct pose *pose, double y, enum eye_at eye);
struct place row_look(const struct row *row, const struct pose *pose, double x);
/* Where a place of the surface is in an eye: *x, *y in samples. Not for bars. */
void pose_find(const struct pose *pose, const struct place *place, enum eye_at eye, double *x,
               double *y);
double pose_luma(const struct pose *pose, const struct place *place); /* 16..235 */
int world_chroma(const struct place *place, int plane);
#endif
