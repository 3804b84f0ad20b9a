/* SPDX-License-Identifier: Apache-2.0
 *
 * ops.h - the rows of the warp as a table of functions, so that a faster twin can replace one entry
 * at a time. Every entry is integer and pure; a twin must give the same bits. Coordinates are Q8
 * source pixels. "sign" is the eye: +1 left (near things move right), -1 right.
 */
#ifndef WORKER_STEREO_OPS_H
#define WORKER_STEREO_OPS_H

#include <stdint.h>

#define ROW_PAD 4 /* samples readable before and after a padded row; they repeat its ends */

struct parallax {     /* how far a pixel moves in one eye, by its depth */
    uint32_t gain;    /* <= PARALLAX_GAIN_MAX, so that a product fits in 32 bits; 0: not at all */
    int bits;         /* 1..24 */
    int32_t zero;     /* Q8 */
    int32_t reach_px; /* no shift is longer */
};
#define PARALLAX_GAIN_MAX 65000

/* Q8 pixels */
static inline int32_t parallax_shift(uint16_t depth, struct parallax p)
{
    return (int32_t)((depth * p.gain + (1u << (p.bits - 1))) >> p.bits) - p.zero;
}

/* What no surface reached. Left of all for the right eye and right of all for the left, so that the
 * z-test needs no other case. */
#define MAP_HOLE(sign) ((sign) > 0 ? INT32_MAX : INT32_MIN)

/* Neighbours that move apart by more than this (Q8 px) lie on two surfaces. Below 256, so that
 * within a surface the target coordinate always grows and nothing folds. */
#define SURFACE_STEP_Q8 192

struct stereo_ops {
    const char *name;
    /* out = a + (b - a) * frac / 256 */
    void (*lerp_row)(uint16_t *out, const uint16_t *a, const uint16_t *b, int n, int frac_q8);
    void (*shift_row)(int32_t *shift, const uint16_t *depth, int n, struct parallax parallax);
    /* map[x], x in 0..n-1: where target x comes from, MAP_HOLE(sign) where nothing does. map is
     * writable from -reach_px - 2 to n + reach_px + 1. */
    void (*mesh_row)(int32_t *map, const int32_t *shift, int n, int sign);
    /* Chroma columns 0..(n+1)/2-1 from two luma maps without holes (the same one twice at an odd
     * last row). */
    void (*chroma_row)(int32_t *out, const int32_t *map0, const int32_t *map1, int n, int sign);
    /* Catmull-Rom, clamped to the range of the samples. src is padded. */
    void (*sample8)(uint8_t *out, const uint16_t *src, const int32_t *map, int n);
    void (*sample10)(uint16_t *out, const uint16_t *src, const int32_t *map, int n);
    /* A row as padded 16-bit samples. */
    void (*widen8)(uint16_t *out, const uint8_t *in, int n);
    void (*widen10)(uint16_t *out, const uint16_t *in, int n);
    /* Every second sample of in, n_out of them, low-passed by [1 3 3 1] / 8; ends repeat. */
    void (*halve8)(uint8_t *out, const uint8_t *in, int n_out, int n_in);
    void (*halve10)(uint16_t *out, const uint16_t *in, int n_out, int n_in);
    /* The same across four rows. */
    void (*mix8)(uint8_t *out, const uint8_t *const in[4], int n);
    void (*mix10)(uint16_t *out, const uint16_t *const in[4], int n);
};

const struct stereo_ops *stereo_ops_c(void);    /* plain C, on any machine */
const struct stereo_ops *stereo_ops_best(void); /* the fastest that runs here */
#endif
