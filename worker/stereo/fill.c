/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/fill.h"

#include "worker/stereo/ops.h"

#include <stdbool.h>

#define BLOCK 32 /* columns looked at together; most rows have few holes */

static bool has_hole(const int32_t *map, int32_t hole)
{
    uint32_t found = 0;

    for (int i = 0; i < BLOCK; i++)
        found |= map[i] == hole;
    return found;
}

static int next_hole(const int32_t *map, int from, int n, int32_t hole)
{
    int x = from;

    while (x + BLOCK <= n && !has_hole(map + x, hole))
        x += BLOCK;
    while (x < n && map[x] != hole)
        x++;
    return x;
}

/* Where the background beside holes x0..x1-1 comes from: of the two neighbours the one with less
 * parallax, of equal ones that on the side where things uncover what they hid (what lies between
 * the two in the view is what hid it), or at the frame's border the only one. */
static int32_t background(const int32_t *map, int x0, int x1, int n, int sign)
{
    int32_t left, right, behind;

    if (x0 == 0)
        return x1 < n ? map[x1] : 0;
    if (x1 == n)
        return map[x0 - 1];
    left = map[x0 - 1];
    right = map[x1];
    behind = sign * ((x1 * 256 - right) - ((x0 - 1) * 256 - left)); /* how much farther left is */
    return behind > 0 || (behind == 0 && sign > 0) ? left : right;
}

/* Whether most of what the view shows between the two neighbours of holes x0..x1-1 is farther than
 * both: a gap between near things, and what was seen through it lies elsewhere now. */
static bool is_seen_through(const int32_t *map, const int32_t *shift, int x0, int x1, int n,
                            int sign)
{
    int32_t left, right, nearest;
    int first, last, far = 0;

    if (x0 == 0 || x1 == n)
        return false;
    left = sign * ((x0 - 1) * 256 - map[x0 - 1]);
    right = sign * (x1 * 256 - map[x1]);
    nearest = left < right ? left : right;
    first = (map[x0 - 1] >> 8) + 1;
    last = (map[x1] - 1) >> 8;
    if (first < 0 || last < first || last >= n)
        return false;
    for (int i = first; i <= last; i++)
        far += shift[i] < nearest - SURFACE_STEP_Q8;
    return far * 2 > last - first + 1;
}

/* Holes x0..x1-1 show evenly what lies between their neighbours in the view. */
static void look_through(int32_t *map, int x0, int x1)
{
    int32_t from = map[x0 - 1], way = map[x1] - from;

    for (int x = x0; x < x1; x++)
        map[x] = from + (int32_t)((int64_t)way * (x - x0 + 1) / (x1 - x0 + 1));
}

int fill_row(int32_t *map, const int32_t *shift, int n, int sign, struct gap *gaps)
{
    int count = 0;
    int32_t hole = MAP_HOLE(sign);

    for (int x0 = next_hole(map, 0, n, hole), x1; x0 < n; x0 = next_hole(map, x1, n, hole)) {
        int32_t source;

        for (x1 = x0 + 1; x1 < n && map[x1] == hole; x1++)
            ;
        if (is_seen_through(map, shift, x0, x1, n, sign)) {
            look_through(map, x0, x1);
            continue;
        }
        source = background(map, x0, x1, n, sign);
        for (int x = x0; x < x1; x++)
            map[x] = source;
        gaps[count++] = (struct gap){ x0, x1, source };
    }
    return count;
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static int middle(int a, int b, int c)
{
    return a < b ? clamp(c, a, b) : clamp(c, b, a);
}

/* The middle one of three source rows around y at one column: rows filled alone show as streaks,
 * and a mean of them blurs edges that go on behind. */
#define FILL(name, type)                                                                           \
    static void name(const struct image *out, const struct image *view, int y,                     \
                     const struct gap *gaps, int count)                                            \
    {                                                                                              \
        int last = view->height - 1;                                                               \
        const type *up = row_at(view, clamp(y - 1, 0, last)), *here = row_at(view, y);             \
        const type *down = row_at(view, clamp(y + 1, 0, last));                                    \
        type *to = row_at(out, y);                                                                 \
                                                                                                   \
        for (int i = 0; i < count; i++) {                                                          \
            int at = clamp((gaps[i].source + 128) >> 8, 0, view->width - 1);                       \
            type v = (type)middle(up[at], here[at], down[at]);                                     \
                                                                                                   \
            for (int x = gaps[i].x0; x < gaps[i].x1; x++)                                          \
                to[x] = v;                                                                         \
        }                                                                                          \
    }

static void *row_at(const struct image *image, int y)
{
    return image->plane[0] + y * image->stride[0];
}

FILL(fill8, uint8_t)
FILL(fill10, uint16_t)

void fill_luma(const struct image *out, const struct image *view, int y, const struct gap *gaps,
               int count)
{
    if (out->bit_depth == 8)
        fill8(out, view, y, gaps, count);
    else
        fill10(out, view, y, gaps, count);
}
