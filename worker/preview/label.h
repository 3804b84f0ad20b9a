/* SPDX-License-Identifier: Apache-2.0
 *
 * label.h - text in a picture: letters, digits and . , : + - % ! / in 5x7 dots. Pure.
 */
#ifndef WORKER_PREVIEW_LABEL_H
#define WORKER_PREVIEW_LABEL_H

#include "worker/media/sheet.h"

#define LABEL_HEIGHT 7 /* dots */

/* Samples across, at `scale` samples a dot. */
int label_width(const char *text, int scale);
/* White, its left upper corner at x, y; what lies outside is cut off. Small letters are drawn as
 * capitals, characters without a form as blanks. */
void label_draw(struct media_pixels pixels, int x, int y, int scale, const char *text);
#endif
