/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/flow.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define REACH     4 /* cells of the coarsest level, each way */
#define ROUNDS    3 /* steps of one cell at each finer level */
#define FAR_COST  2 /* of a step away from what the level above said: noise must not move blocks */
#define NOISE_SAD 128 /* two levels a sample */

struct place { /* a block of one level, and where it is looked for */
    const uint8_t *from, *to;
    int width, height, x, y;
};

bool pyramid_init(struct pyramid *pyramid, int width, int height)
{
    *pyramid = (struct pyramid){ 0 };
    while (pyramid->levels < FLOW_LEVELS && width >= 2 * FLOW_BLOCK && height >= 2 * FLOW_BLOCK) {
        int l = pyramid->levels++;

        pyramid->width[l] = width;
        pyramid->height[l] = height;
        pyramid->px[l] = calloc((size_t)width, (size_t)height);
        if (!pyramid->px[l])
            return false;
        width /= 2;
        height /= 2;
    }
    return true;
}

void pyramid_clear(struct pyramid *pyramid)
{
    for (int l = 0; l < FLOW_LEVELS; l++)
        free(pyramid->px[l]);
    *pyramid = (struct pyramid){ 0 };
}

void pyramid_load(struct pyramid *pyramid, const uint16_t *luma)
{
    if (pyramid->levels == 0)
        return;
    for (int i = 0; i < pyramid->width[0] * pyramid->height[0]; i++)
        pyramid->px[0][i] = (uint8_t)(luma[i] >> 4);
    for (int l = 1; l < pyramid->levels; l++)
        for (int y = 0; y < pyramid->height[l]; y++) {
            const uint8_t *a = pyramid->px[l - 1] + 2 * y * pyramid->width[l - 1];
            const uint8_t *b = a + pyramid->width[l - 1];
            uint8_t *out = pyramid->px[l] + y * pyramid->width[l];

            for (int x = 0; x < pyramid->width[l]; x++)
                out[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
        }
}

/* INT_MAX where the block would leave the picture. */
static int sad_at(const struct place *p, int dx, int dy)
{
    int u = p->x + dx, v = p->y + dy, sum = 0;

    if (u < 0 || v < 0 || u > p->width - FLOW_BLOCK || v > p->height - FLOW_BLOCK)
        return INT_MAX;
    for (int y = 0; y < FLOW_BLOCK; y++) {
        const uint8_t *a = p->from + (p->y + y) * p->width + p->x;
        const uint8_t *b = p->to + (v + y) * p->width + u;

        for (int x = 0; x < FLOW_BLOCK; x++)
            sum += abs(a[x] - b[x]);
    }
    return sum;
}

struct match {
    int x, y, cost;
};

/* near: where a match is expected. */
static void try_at(struct match *best, const struct place *p, int dx, int dy, struct match near)
{
    int sad = sad_at(p, dx, dy);

    if (sad == INT_MAX)
        return;
    sad += FAR_COST * (abs(dx - near.x) + abs(dy - near.y));
    if (sad < best->cost)
        *best = (struct match){ dx, dy, sad };
}

static struct match search_around(const struct place *p)
{
    struct match none = { 0, 0, 0 }, best = { 0, 0, sad_at(p, 0, 0) };

    for (int dy = -REACH; dy <= REACH; dy++)
        for (int dx = -REACH; dx <= REACH; dx++)
            try_at(&best, p, dx, dy, none);
    return best;
}

static struct match step_down(const struct place *p, struct match best, struct match near)
{
    static const int8_t ways[8][2] = { { -1, 0 },  { 1, 0 },  { 0, -1 }, { 0, 1 },
                                       { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };

    for (int round = 0; round < ROUNDS; round++) {
        struct match from = best;

        for (int i = 0; i < 8; i++)
            try_at(&best, p, from.x + ways[i][0], from.y + ways[i][1], near);
        if (best.x == from.x && best.y == from.y)
            break;
    }
    return best;
}

struct grid {
    const struct flow_vector *at;
    int cols, rows;
};

/* What the level above says of the block at (c, r), and of the blocks beside it, or nothing. */
static struct match search_from(const struct place *p, const struct grid *above, int c, int r)
{
    struct match best = { 0, 0, sad_at(p, 0, 0) }, near = { 0, 0, 0 };

    for (int i = 0; i < 5; i++) {
        int u = c / 2 + (i == 1 ? -1 : i == 2 ? 1 : 0), v = r / 2 + (i == 3 ? -1 : i == 4 ? 1 : 0);
        const struct flow_vector *at;

        if (u < 0 || v < 0 || u >= above->cols || v >= above->rows)
            continue;
        at = above->at + v * above->cols + u;
        if (i == 0)
            near = (struct match){ 2 * at->x, 2 * at->y, 0 };
        try_at(&best, p, 2 * at->x, 2 * at->y, near);
    }
    return step_down(p, best, near);
}

/* The bottom of the V through three sums, in 1/16: before, at and after the best. */
static int fraction(int before, int at, int after)
{
    int steep = (before > after ? before : after) - at;

    return steep > 0 ? FLOW_ONE / 2 * (before - after) / steep : 0;
}

static struct flow_vector refine(const struct place *p, struct match m)
{
    struct flow_vector out = { (int16_t)(m.x * FLOW_ONE), (int16_t)(m.y * FLOW_ONE), 0 };
    int at = sad_at(p, m.x, m.y), left = sad_at(p, m.x - 1, m.y), right = sad_at(p, m.x + 1, m.y);
    int up = sad_at(p, m.x, m.y - 1), down = sad_at(p, m.x, m.y + 1), x, y, peak;

    if (left == INT_MAX || right == INT_MAX || up == INT_MAX || down == INT_MAX)
        return out;
    if (left >= at && right >= at)
        out.x = (int16_t)(out.x + fraction(left, at, right));
    if (up >= at && down >= at)
        out.y = (int16_t)(out.y + fraction(up, at, down));
    x = (left < right ? left : right) - at;
    y = (up < down ? up : down) - at;
    peak = (x < y ? x : y) * 2 * FLOW_TRUST / (at + NOISE_SAD);
    out.trust = (uint8_t)(peak < 0 ? 0 : peak > FLOW_TRUST ? FLOW_TRUST : peak);
    return out;
}

/* Of a block: a cell off the border, so that there is something on both sides to compare with. */
static int origin(int block, int size)
{
    int at = block * FLOW_BLOCK, last = size - FLOW_BLOCK - 1;

    return at < 1 ? 1 : at > last ? last : at;
}

/* A level; the coarser ones keep whole cells. */
static void find_level(struct flow_vector *out, const struct grid *above,
                       const struct pyramid *from, const struct pyramid *to, int l)
{
    struct place p = { from->px[l], to->px[l], from->width[l], from->height[l], 0, 0 };
    int cols = flow_blocks(p.width), rows = flow_blocks(p.height);

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            struct match m;

            p.x = origin(c, p.width);
            p.y = origin(r, p.height);
            m = above->at ? search_from(&p, above, c, r) : search_around(&p);
            *out++ = l == 0 ? refine(&p, m) : (struct flow_vector){ (int16_t)m.x, (int16_t)m.y, 0 };
        }
}

void flow_find(struct flow_vector *out, struct flow_vector *coarse, const struct pyramid *from,
               const struct pyramid *to)
{
    struct flow_vector *level = from->levels % 2 ? out : coarse;
    struct grid above = { NULL, 0, 0 };

    for (int l = from->levels - 1; l >= 0; l--) {
        find_level(level, &above, from, to, l);
        above = (struct grid){ level, flow_blocks(from->width[l]), flow_blocks(from->height[l]) };
        level = level == out ? coarse : out;
    }
}
