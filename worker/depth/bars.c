/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/frame.h"

#define BLACK    352 /* 22 of 255: video black is 16, and a coder's noise */
#define SIDE_MAX 4   /* a bar is less than a 4th of the picture */
#define TEXT_MAX 50  /* per cent of a row in a bar that letters may cover */
#define ALIKE    2   /* cells that bars on two sides may differ by */

struct line { /* a row or column of luma */
    const uint16_t *from;
    int count, step;
};

static int bright_percent(struct line line)
{
    int bright = 0;

    for (int i = 0; i < line.count; i++)
        bright += line.from[i * line.step] > BLACK;
    return bright * 100 / line.count + (bright * 100 % line.count > 0);
}

static struct line line_at(const struct low *low, bool is_row, int at)
{
    if (is_row)
        return (struct line){ low->luma + at * low->width, low->width, 1 };
    return (struct line){ low->luma + at, low->height, low->width };
}

/* Black lines from one side, at most all. */
static int black_from(const struct low *low, bool is_row, bool from_end)
{
    int count = is_row ? low->height : low->width, n = 0;

    while (n < count && bright_percent(line_at(low, is_row, from_end ? count - 1 - n : n)) == 0)
        n++;
    return n;
}

static bool only_text(const struct low *low, int bar)
{
    for (int n = 0; n < bar; n++)
        if (bright_percent(line_at(low, true, low->height - 1 - n)) > TEXT_MAX)
            return false;
    return true;
}

static void keep_pair(int *a, int *b, int count)
{
    int less = *a < *b ? *a : *b, more = *a < *b ? *b : *a;

    if (less == 0 || more - less > ALIKE || more > count / SIDE_MAX)
        *a = *b = 0;
}

bool frame_bars_find(struct frame_bars *out, const struct low *low)
{
    int h = low->height, w = low->width;

    *out = (struct frame_bars){ black_from(low, true, false), black_from(low, true, true),
                                black_from(low, false, false), black_from(low, false, true) };
    if (out->top == h) {
        *out = (struct frame_bars){ 0 };
        return false;
    }
    if (out->bottom > 0 && out->bottom + ALIKE < out->top && out->top <= h / SIDE_MAX &&
        only_text(low, out->top))
        out->bottom = out->top;
    keep_pair(&out->top, &out->bottom, h);
    keep_pair(&out->left, &out->right, w);
    return true;
}
