/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - a layered scene whose both views and depth are exact: every surface has a parallax
 * linear in the place between the eyes, so where it lies in each eye has a closed form. And the
 * images that tests need: with padded strides and guard bytes.
 */
#ifndef TESTS_WORKER_STEREO_SCENE_H
#define TESTS_WORKER_STEREO_SCENE_H

#include "worker/image.h"

#include <stdbool.h>
#include <stdint.h>

/* Planes of one allocation each, rows 16 bytes longer than needed, padding and guards 0xA5. */
struct image *picture_new(int width, int height, int bit_depth);
void picture_free(struct image *picture);
void picture_fill(struct image *picture, int value); /* every sample of every plane */
bool picture_guards_whole(const struct image *picture);
int picture_get(const struct image *picture, int plane, int x, int y);
void picture_set(struct image *picture, int plane, int x, int y, int value);
int picture_width(const struct image *picture, int plane);
int picture_height(const struct image *picture, int plane);
bool picture_same_luma(const struct image *a, const struct image *b); /* of one size */
void picture_flip(struct image *out, const struct image *in);         /* left for right */
/* Random but smooth enough to be film-like. */
void picture_texture(struct image *picture, uint32_t seed);

struct plane16 *depth_new(int width, int height, uint16_t value);
void depth_release(struct plane16 *depth);
uint16_t *depth_at(const struct plane16 *depth, int x, int y);

struct scene {
    struct image *left, *right;
    struct plane16 *depth; /* of the left view, at its size */
    uint8_t *hidden;       /* width * height: 1 where the right view sees what the left does not */
    double divergence, convergence;
};
struct scene *scene_new(int width, int height, uint32_t seed);
void scene_free(struct scene *scene);
/* Depth averaged down by factor. */
struct plane16 *scene_coarse_depth(const struct scene *scene, int factor);

double picture_psnr(const struct image *a, const struct image *b); /* luma, dB */
double picture_ssim(const struct image *a, const struct image *b); /* luma, 8x8 blocks */
/* Edges that are in both pictures over edges that are in either (Sobel), luma. */
double picture_edges(const struct image *a, const struct image *b);
#endif
