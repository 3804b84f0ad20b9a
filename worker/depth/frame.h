/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.h - what the picture is framed by and laid over with: letterbox bars, burnt-in subtitles,
 * and where its horizon lies. Each from one frame alone; who asks takes many frames together.
 */
#ifndef WORKER_DEPTH_FRAME_H
#define WORKER_DEPTH_FRAME_H

#include "worker/depth/low.h"

#include <stdbool.h>

struct frame_bars { /* cells on each side that are black; all 0 when there is no telling */
    int top, bottom, left, right;
};

#define FRAME_HORIZON_ONE     1000 /* of the height of what is between the bars */
#define FRAME_HORIZON_DEFAULT 350

#define TEXT_BLOCK 8 /* cells a side */

static inline int text_blocks(int cells)
{
    return (cells + TEXT_BLOCK - 1) / TEXT_BLOCK;
}

/* True when anything is seen: a black frame says nothing of bars. Subtitles in a bar do not end it
 * if the bar on the other side has none. */
bool frame_bars_find(struct frame_bars *out, const struct low *low);
/* The row where bright turns to dark, or back, over most of the width; the default where none. */
int frame_horizon(const struct low *half, int top, int bottom);
/* out: text_blocks(width) * text_blocks(height); 1 where strokes of letters are: bright, without
 * much colour but yellow, with dark between them, in lines, low in the picture. */
void frame_text(uint8_t *out, const struct low *low);
#endif
