/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/motion.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TRUSTED     64 /* of 255: vectors below do not count */
#define ENOUGH      10 /* per cent of blocks that must be trusted */
#define STILL       10 /* 1/16 cells beyond the common motion that are noise */
#define MOSTLY      60 /* per cent of blocks that go with the camera when only objects move */
#define SURE_TRAVEL 32 /* 1/16 cells between slow and fast that are as sure as it gets */
#define FLIP_FRACTION                                                                              \
    16 /* how clearly the top must be the faster before it counts as the nearer                    \
        */

void motion_start(struct flow_vector *sum, int blocks)
{
    for (int i = 0; i < blocks; i++)
        sum[i] = (struct flow_vector){ 0, 0, FLOW_TRUST };
}

static int block_at(int at, int way, int blocks)
{
    int b =
        (at * FLOW_BLOCK * FLOW_ONE + FLOW_BLOCK * FLOW_ONE / 2 + way) / (FLOW_BLOCK * FLOW_ONE);

    return b < 0 ? 0 : b >= blocks ? blocks - 1 : b;
}

void motion_chain(struct flow_vector *sum, const struct flow_vector *step, int cols, int rows)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++, sum++) {
            const struct flow_vector *s =
                step + block_at(r, sum->y, rows) * cols + block_at(c, sum->x, cols);

            sum->x = (int16_t)(sum->x + s->x);
            sum->y = (int16_t)(sum->y + s->y);
            if (s->trust < sum->trust)
                sum->trust = s->trust;
        }
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

struct field { /* what is looked at: the vectors, and one figure for each of them */
    const struct flow_vector *ways;
    int32_t *figure, *sorted;
    int cols, rows, n, count; /* count of the n are trusted */
};

static bool is_trusted(const struct field *f, int i)
{
    return f->ways[i].trust >= TRUSTED;
}

/* The figures of trusted blocks, in order. */
static void sort_figures(struct field *f)
{
    f->count = 0;
    for (int i = 0; i < f->n; i++)
        if (is_trusted(f, i))
            f->sorted[f->count++] = f->figure[i];
    qsort(f->sorted, (size_t)f->count, sizeof(*f->sorted), ascending);
}

static int32_t at_percent(const struct field *f, int percent)
{
    return f->sorted[(f->count - 1) * percent / 100];
}

/* The motion of most of the picture. */
static struct flow_vector common_motion(struct field *f)
{
    struct flow_vector out = { 0, 0, 0 };

    for (int i = 0; i < f->n; i++)
        f->figure[i] = f->ways[i].x;
    sort_figures(f);
    out.x = (int16_t)at_percent(f, 50);
    for (int i = 0; i < f->n; i++)
        f->figure[i] = f->ways[i].y;
    sort_figures(f);
    out.y = (int16_t)at_percent(f, 50);
    return out;
}

/* Figures: how far from the common motion. True when most blocks have none of their own. */
static bool only_objects_move(struct field *f, struct flow_vector common)
{
    int still = 0;

    for (int i = 0; i < f->n; i++) {
        int own = abs(f->ways[i].x - common.x) + abs(f->ways[i].y - common.y);

        f->figure[i] = own > STILL ? own - STILL : 0;
        still += is_trusted(f, i) && own <= STILL;
    }
    return still * 100 >= f->count * MOSTLY;
}

struct spot { /* the middle of a block, from the middle of the picture, in 1/16 cells */
    int64_t x, y;
};

static struct spot spot_of(const struct field *f, int i)
{
    int unit = FLOW_BLOCK * FLOW_ONE / 2;

    return (struct spot){ (2 * (i % f->cols) + 1 - f->cols) * unit,
                          (2 * (i / f->cols) + 1 - f->rows) * unit };
}

/* More of the motion is away from the middle, or to it, than to one side. */
static bool is_dolly(const struct field *f, bool *outward)
{
    int64_t vx = 0, vy = 0, along = 0, radius2 = 0;

    for (int i = 0; i < f->n; i++) {
        struct spot p = spot_of(f, i);

        if (!is_trusted(f, i))
            continue;
        vx += f->ways[i].x;
        vy += f->ways[i].y;
        along += p.x * f->ways[i].x + p.y * f->ways[i].y;
        radius2 += p.x * p.x + p.y * p.y;
    }
    *outward = along > 0;
    if (radius2 == 0)
        return false;
    /* along^2 / radius2 > (vx^2 + vy^2) / count, without 128 bits */
    return along / 1024 * (along / 1024) / (radius2 / 1048576 + 1) > (vx * vx + vy * vy) / f->count;
}

/* Figures: how fast a block goes away from the middle for where it is. */
static void divide_by_radius(struct field *f, bool outward)
{
    int64_t half = (int64_t)f->cols * FLOW_BLOCK * FLOW_ONE / 2;

    for (int i = 0; i < f->n; i++) {
        struct spot p = spot_of(f, i);
        int64_t along = p.x * f->ways[i].x + p.y * f->ways[i].y;

        along = along * half / (p.x * p.x + p.y * p.y + half * half / 16);
        f->figure[i] = (int32_t)(outward ? along : -along);
    }
}

/* Figures: how fast a block goes the common way. Which end of them is near is not known when the
 * camera also turns; the ground tells: low in the picture is near. */
static void project(struct field *f, struct flow_vector common)
{
    int64_t length = labs(common.x) + labs(common.y), mean = 0, slope = 0, spread = 0;

    for (int i = 0; i < f->n; i++) {
        int64_t along = (int64_t)f->ways[i].x * common.x + (int64_t)f->ways[i].y * common.y;

        f->figure[i] = (int32_t)(length ? along / length : 0);
        if (is_trusted(f, i))
            mean += f->figure[i];
    }
    mean /= f->count;
    for (int i = 0; i < f->n; i++)
        if (is_trusted(f, i)) {
            int64_t y = 2 * (i / f->cols) + 1 - f->rows;

            slope += (f->figure[i] - mean) * y;
            spread += llabs(f->figure[i] - mean) * llabs(y);
        }
    if (slope * FLIP_FRACTION < -spread)
        for (int i = 0; i < f->n; i++)
            f->figure[i] = -f->figure[i];
}

static uint16_t clamp16(int64_t v)
{
    return (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
}

/* Trusted neighbours speak for a block too. */
static void spread(struct motion_grid *out, const struct field *f, int low, int high, int sure)
{
    for (int r = 0; r < f->rows; r++)
        for (int c = 0; c < f->cols; c++) {
            int64_t sum = 0, weight = 0;

            for (int k = 0; k < 9; k++) {
                int u = c + k % 3 - 1, v = r + k / 3 - 1, i = v * f->cols + u, w;

                if (u < 0 || v < 0 || u >= f->cols || v >= f->rows || !is_trusted(f, i))
                    continue;
                w = f->ways[i].trust * (k == 4 ? 4 : k % 2 ? 2 : 1);
                sum += (int64_t)clamp16((int64_t)(f->figure[i] - low) * 65535 / (high - low)) * w;
                weight += w;
            }
            out->near[r * f->cols + c] = (uint16_t)(weight ? sum / weight : 0);
            weight = weight > 4 * FLOW_TRUST ? 4 * FLOW_TRUST : weight;
            out->sure[r * f->cols + c] = (uint8_t)(sure * weight / (4 * FLOW_TRUST));
        }
}

enum motion_kind motion_near(struct motion_grid *out, const struct flow_vector *ways,
                             int32_t *scratch)
{
    int n = out->cols * out->rows, low, high;
    struct field f = { ways, scratch, scratch + n, out->cols, out->rows, n, 0 };
    enum motion_kind kind = MOTION_OBJECTS;
    struct flow_vector common;
    bool outward;

    memset(out->near, 0, (size_t)n * sizeof(*out->near));
    memset(out->sure, 0, (size_t)n * sizeof(*out->sure));
    for (int i = 0; i < n; i++)
        f.count += is_trusted(&f, i);
    if (f.count == 0 || f.count * 100 < n * ENOUGH)
        return MOTION_NONE;
    common = common_motion(&f);
    if (!only_objects_move(&f, common)) {
        kind = is_dolly(&f, &outward) ? MOTION_DOLLY : MOTION_TRAVEL;
        if (kind == MOTION_DOLLY)
            divide_by_radius(&f, outward);
        else
            project(&f, common);
    }
    sort_figures(&f);
    low = kind == MOTION_OBJECTS ? 0 : at_percent(&f, 4);
    high = at_percent(&f, kind == MOTION_OBJECTS ? 98 : 96);
    if (high - low < SURE_TRAVEL / 8)
        return MOTION_NONE;
    spread(out, &f, low, high, high - low < SURE_TRAVEL ? (high - low) * 255 / SURE_TRAVEL : 255);
    return kind;
}
