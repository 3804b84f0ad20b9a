/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - films whose depth is known: textured upright things on a textured plane, seen by a
 * camera that moves. Every sample is found by arithmetic, so its distance is exact.
 */
#ifndef BENCH_DEPTH_SCENE_H
#define BENCH_DEPTH_SCENE_H

#include "worker/image.h"

#include <stdbool.h>

#define SCENE_WIDTH  640
#define SCENE_HEIGHT 360
#define SCENE_FRAMES 48
#define THINGS_MAX   12

enum shape { BOX, DISC, TREE, PERSON };

struct thing { /* metres; z away from the first frame's camera; speeds a frame */
    enum shape shape;
    double x, foot, z, width, height;
    double vx, vz;
    int luma, cb, cr;
    double texture; /* levels */
};

struct scene {
    const char *name;
    double height;      /* of the camera above the ground */
    double horizon;     /* of the picture's height, from the top */
    double vx, vy, vz;  /* of the camera, metres a frame */
    double pan;         /* samples a frame that everything moves by, whatever its distance */
    double shake;       /* samples */
    double wall;        /* distance of a back wall, 0: the sky */
    double ground, sky; /* levels of texture */
    double haze;        /* a metre */
    double focus;       /* distance that is sharp, 0: all is */
    bool bars, subtitles;
    int things, cut_to; /* from the middle on it is this scene of the table; 0: it is not */
    struct thing thing[THINGS_MAX];
};

extern const struct scene scenes[];
extern const int scenes_count;

/* near: 1 / distance of the sample, for SCENE_WIDTH * SCENE_HEIGHT of them, negative where there is
 * no picture (bars, subtitles). image: of this size, 8 bit. */
void scene_render(const struct image *image, float *near, const struct scene *scene, int frame);
#endif
