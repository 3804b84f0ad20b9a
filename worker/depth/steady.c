/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/steady.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT 16 /* of a cell that looks the same */
#define LOSES  24 /* of 4080: what a weight less needs in difference */

void steady_start(struct steady *s)
{
    size_t n = (size_t)s->width * (size_t)s->height;

    memset(s->near, 0, n * sizeof(*s->near));
    memset(s->weight, 0, n * sizeof(*s->weight));
}

static int clamp(int v, int high)
{
    return v < 0 ? 0 : v > high ? high : v;
}

struct block {
    int x, y, dx, dy;
};

static void add_block(struct steady *s, const uint16_t *near, const uint16_t *here,
                      const uint16_t *there, struct block b)
{
    int x1 = b.x + FLOW_BLOCK < s->width ? b.x + FLOW_BLOCK : s->width;
    int y1 = b.y + FLOW_BLOCK < s->height ? b.y + FLOW_BLOCK : s->height;

    for (int y = b.y; y < y1; y++) {
        int row = clamp(y + b.dy, s->height - 1) * s->width;

        for (int x = b.x; x < x1; x++) {
            int i = y * s->width + x, j = row + clamp(x + b.dx, s->width - 1);
            int weight = WEIGHT - abs(here[i] - there[j]) / LOSES;

            weight = weight < 0 ? 0 : weight;
            s->near[i] += (uint32_t)weight * near[j];
            s->weight[i] += (uint32_t)weight;
        }
    }
}

/* Whole cells, half away from zero. */
static int cells_of(int way)
{
    return (way + (way < 0 ? -FLOW_ONE / 2 : FLOW_ONE / 2)) / FLOW_ONE;
}

void steady_add(struct steady *s, const uint16_t *near, const uint16_t *here, const uint16_t *there,
                const struct flow_vector *ways)
{
    for (int y = 0; y < s->height; y += FLOW_BLOCK)
        for (int x = 0; x < s->width; x += FLOW_BLOCK) {
            struct block b = { x, y, 0, 0 };

            if (ways) {
                b.dx = cells_of(ways->x);
                b.dy = cells_of(ways->y);
                ways++;
            }
            add_block(s, near, here, there, b);
        }
}

void steady_end(uint16_t *out, const struct steady *s)
{
    for (int i = 0; i < s->width * s->height; i++)
        out[i] = (uint16_t)((s->near[i] + s->weight[i] / 2) / s->weight[i]);
}
