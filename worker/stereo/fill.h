/* SPDX-License-Identifier: Apache-2.0
 *
 * fill.h - what stands where nothing was seen: the surface behind, continued.
 */
#ifndef WORKER_STEREO_FILL_H
#define WORKER_STEREO_FILL_H

#include "worker/image.h"

#include <stdint.h>

struct gap {
    int x0, x1;     /* target columns x0 <= x < x1 were holes */
    int32_t source; /* Q8: where their background was taken from */
};

/* Closes the holes of one map row of n >= 1 that mesh_row made of shift. A gap between two near
 * things goes on showing what it shows in the view, moved with them; every other hole takes the
 * background beside it and is one of gaps, which has room for (n + 1) / 2. Returns their number.
 */
int fill_row(int32_t *map, const int32_t *shift, int n, int sign, struct gap *gaps);
/* The luma of the gaps of row y, from view; the chroma follows the map. */
void fill_luma(const struct image *out, const struct image *view, int y, const struct gap *gaps,
               int count);
#endif
