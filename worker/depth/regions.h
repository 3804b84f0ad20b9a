/* SPDX-License-Identifier: Apache-2.0
 *
 * regions.h - a picture in regions of one look: neighbours are joined in the order of how little
 * they differ, as long as that is little beside what the regions differ within. Works on cells
 * twice the size of its picture's. Integer; ties in the order of places.
 */
#ifndef WORKER_DEPTH_REGIONS_H
#define WORKER_DEPTH_REGIONS_H

#include "worker/depth/low.h"

#include <stdbool.h>

struct region_edge {
    int32_t a, b;
};
struct region { /* of the cell that stands for it */
    int32_t size, lowest, left, right;
};

struct regions {
    struct low *small; /* of half the size */
    int32_t *parent;   /* of each cell; that of one that stands for a region is itself */
    int32_t *inner;    /* largest difference within a region */
    struct region *of;
    struct region_edge *edges, *ordered;
    uint8_t *difference; /* of edges */
};

/* ERR_NOMEM. Caller owns *out. For pictures of the size of half. */
int regions_new(struct regions **out, const struct low *half, struct err *err);
void regions_free(struct regions *regions);
AUTO_DEFINE(regions, struct regions *, regions_free)
/* Rows top..bottom-1 of half; the others are regions of one cell. */
void regions_find(struct regions *regions, const struct low *half, int top, int bottom);
/* The region of a cell of small; its lowest row leaves out a 16th of its cells. */
const struct region *regions_at(struct regions *regions, int cell);
#endif
