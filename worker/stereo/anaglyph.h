/* SPDX-License-Identifier: Apache-2.0
 *
 * anaglyph.h - both eyes in one picture for red (left) and cyan glasses. Dubois's least-squares
 * matrices work on linear light, by the sRGB curve whatever the film's: of an HDR film the colours
 * come out as if its samples were gamma-coded. The others choose among the gamma-coded R'G'B' of
 * the eyes, as such films always did. Integer throughout.
 */
#ifndef WORKER_STEREO_ANAGLYPH_H
#define WORKER_STEREO_ANAGLYPH_H

#include "common/auto.h"
#include "common/contract/spec.h"
#include "common/err.h"
#include "worker/image.h"

struct anaglyph;

struct anaglyph_opts {
    enum layout layout;
    int width, height, bit_depth;
    int color_space; /* H.273 matrix; 2 (not said): BT.709 from 720 rows on, BT.601 below */
    int color_range; /* 2: full; else limited */
};

/* ERR_NOMEM. Caller owns *out. */
int anaglyph_new(struct anaglyph **out, const struct anaglyph_opts *opts, struct err *err);
void anaglyph_free(struct anaglyph *a);
AUTO_DEFINE(anaglyph, struct anaglyph *, anaglyph_free)
/* The eyes are 4:2:0 of opts' size; out is as large, 4:2:0 or with full_chroma. */
void anaglyph_frame(struct anaglyph *a, struct image *out, const struct image *left,
                    const struct image *right);
#endif
