/* SPDX-License-Identifier: Apache-2.0
 *
 * sheet.h - a still picture in RGB that others are laid out on, and PNG of it. Starts out black.
 * One thread.
 */
#ifndef WORKER_MEDIA_SHEET_H
#define WORKER_MEDIA_SHEET_H

#include "common/auto.h"
#include "common/err.h"
#include "worker/image.h"

#include <stddef.h>
#include <stdint.h>

#define MEDIA_SHEET_MAX 30000 /* samples a side */

struct media_sheet;

/* ERR_NOMEM; ERR_CONFIG when a side is longer than MEDIA_SHEET_MAX. Caller owns *out. */
int media_sheet_new(struct media_sheet **out, int width, int height, struct err *err);
void media_sheet_free(struct media_sheet *sheet);
AUTO_DEFINE(media_sheet, struct media_sheet *, media_sheet_free)

struct media_place { /* within the sheet; width and height >= 1 */
    int x, y, width, height;
};
struct media_colour {
    int space, range; /* H.273, as libav has them; 2 and 0: by size, limited */
};
/* picture scaled to the place, both sides apart. */
int media_sheet_put(struct media_sheet *sheet, const struct image *picture,
                    struct media_colour colour, struct media_place place, struct err *err);

struct media_pixels { /* borrowed; R, G, B in turn */
    uint8_t *px;
    ptrdiff_t stride;
    int width, height;
};
struct media_pixels media_sheet_pixels(struct media_sheet *sheet);

/* The same for the same pixels and libav. Caller frees *png. */
int media_sheet_png(uint8_t **png, size_t *len, const struct media_sheet *sheet, struct err *err);
#endif
