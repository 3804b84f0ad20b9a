/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/frame.h"

#include <stdlib.h>
#include <string.h>

#define BRIGHT   2300 /* of 4080: a stroke thinner than a cell is not white any more */
#define DARK     1400 /* beside a stroke, within two cells: its outline */
#define COLOUR   260  /* more chroma than this is no white; yellow is asked apart */
#define ROWS     3    /* of the 8 rows of a block that must have strokes */
#define STROKES  2    /* changes between bright and dark in a row of a block */
#define RUN      3    /* blocks of a line */
#define GAP      2    /* blocks between words */
#define FROM_TOP 60   /* per cent: subtitles are below */

static bool is_letter_colour(const struct low *low, int i)
{
    int cb = low->cb[i] - LOW_CENTRE, cr = low->cr[i] - LOW_CENTRE;

    return (abs(cb) < COLOUR && abs(cr) < COLOUR) || (cb < -COLOUR && abs(cr) < 2 * COLOUR);
}

/* Changes to or from a bright stroke along one row of a block. */
static int strokes(const struct low *low, int y, int x0, int x1)
{
    const uint16_t *row = low->luma + y * low->width;
    int count = 0;
    bool was = false;

    for (int x = x0; x < x1; x++) {
        int left = row[x >= 2 ? x - 2 : 0], right = row[x + 2 < low->width ? x + 2 : x];
        int beside = left < right ? left : right;
        bool is = row[x] > BRIGHT && beside < DARK && is_letter_colour(low, y * low->width + x);

        count += is != was;
        was = is;
    }
    return count;
}

static bool has_strokes(const struct low *low, int bx, int by)
{
    int x0 = bx * TEXT_BLOCK, x1 = x0 + TEXT_BLOCK < low->width ? x0 + TEXT_BLOCK : low->width;
    int y1 = (by + 1) * TEXT_BLOCK < low->height ? (by + 1) * TEXT_BLOCK : low->height, rows = 0;

    for (int y = by * TEXT_BLOCK; y < y1; y++)
        rows += strokes(low, y, x0, x1) >= STROKES;
    return rows >= ROWS;
}

/* Keeps runs of blocks, with gaps between words filled; what stands alone is no line. */
static void keep_lines(uint8_t *row, int cols)
{
    for (int from = 0; from < cols; from++) {
        int last = from, count = 0;

        if (!row[from])
            continue;
        for (int b = from; b < cols && b <= last + GAP + 1; b++)
            if (row[b]) {
                last = b;
                count++;
            }
        memset(row + from, count >= RUN, (size_t)(last - from + 1));
        from = last;
    }
}

void frame_text(uint8_t *out, const struct low *low)
{
    int cols = text_blocks(low->width), rows = text_blocks(low->height);

    memset(out, 0, (size_t)cols * (size_t)rows);
    for (int r = low->height * FROM_TOP / 100 / TEXT_BLOCK; r < rows; r++) {
        for (int c = 0; c < cols; c++)
            out[r * cols + c] = has_strokes(low, c, r);
        keep_lines(out + r * cols, cols);
    }
}
