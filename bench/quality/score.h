/* SPDX-License-Identifier: Apache-2.0
 *
 * score.h - how near a luma plane is to the true one. All planes are width * height samples.
 */
#ifndef BENCH_QUALITY_SCORE_H
#define BENCH_QUALITY_SCORE_H

#include <stdint.h>

struct size {
    int width, height;
};

struct score {                     /* sums over frames; read by the functions below */
    double squares[3], samples[3]; /* of the errors, by enum sight */
    double ssim, siou;
    int frames;
    double flicker, flicker_samples;
};

/* sight: enum sight of each sample. left: the view it was made from. */
void score_add(struct score *s, struct size size, const uint8_t *made, const uint8_t *right,
               const uint8_t *left, const uint8_t *sight);
/* How much the error of a place changed since the frame before, in levels. */
void score_add_flicker(struct score *s, struct size size, const float *error,
                       const float *error_before, const float *before_x, const float *before_y);

double score_psnr_all(const struct score *s); /* dB; 99 without any error */
double score_psnr_seen(const struct score *s);
double score_psnr_hidden(const struct score *s); /* NAN where nothing was hidden */
double score_ssim(const struct score *s);
double score_siou(const struct score *s);
double score_flicker(const struct score *s);

double ssim_of(struct size size, const uint8_t *a, const uint8_t *b); /* 8x8 windows, every 4th */
/* Canny's edges: 3x3 Sobel, L1, thresholds 100 and 200. out: 0 or 1. */
void canny(uint8_t *out, struct size size, const uint8_t *px);
/* .75 of the shared edges over all edges, .25 of the shared changes from left over all of them. */
double siou_of(struct size size, const uint8_t *made, const uint8_t *right, const uint8_t *left);
#endif
