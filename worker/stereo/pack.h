/* SPDX-License-Identifier: Apache-2.0
 *
 * pack.h - where each eye lies in the packed frame. Odd sizes: the left or upper eye has the
 * smaller half, and where luma columns or rows of both eyes share chroma, a full layout keeps the
 * left or upper eye's.
 */
#ifndef WORKER_STEREO_PACK_H
#define WORKER_STEREO_PACK_H

#include "common/contract/spec.h"
#include "worker/image.h"
#include "worker/stereo/ops.h"

#include <stdbool.h>

enum eye { EYE_LEFT, EYE_RIGHT };

static inline int chroma_size(int luma)
{
    return (luma + 1) / 2;
}

bool pack_is_half(enum layout layout); /* eyes are made at full size elsewhere, then packed */
/* Neither half nor anaglyph: an eye is made where it stays. */
bool pack_is_direct(enum layout layout);
bool pack_has_eye(enum layout layout, enum eye eye);
/* The part of packed that shows this eye of a view of width x height; only direct layouts. RGBD's
 * depth is where the right eye would be. */
struct image pack_eye(const struct image *packed, enum layout layout, enum eye eye, int width,
                      int height);
/* A full-size eye into its half of the packed frame. */
void pack_half(struct image *packed, enum layout layout, enum eye eye, const struct image *view,
               const struct stereo_ops *ops);
void pack_copy(struct image *out, const struct image *in); /* same size and depth */
#endif
