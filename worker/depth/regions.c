/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/regions.h"

#include <stdlib.h>
#include <string.h>

#define SCALE       240 /* larger: larger regions; a difference of levels times cells */
#define CELLS_MIN   24  /* smaller regions join the neighbour most like them */
#define LOWEST_PART 16  /* this part of a region may lie below its lowest row */
#define LEVELS      256

int regions_new(struct regions **out, const struct low *half, struct err *err)
{
    AUTO(regions) struct regions *r = calloc(1, sizeof(*r));
    size_t n;

    if (!r)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    if (low_half_new(&r->small, half, err) < 0)
        return -1;
    n = (size_t)r->small->width * (size_t)r->small->height;
    r->parent = calloc(n, sizeof(*r->parent));
    r->inner = calloc(n, sizeof(*r->inner));
    r->of = calloc(n, sizeof(*r->of));
    r->edges = calloc(2 * n, sizeof(*r->edges));
    r->ordered = calloc(2 * n, sizeof(*r->ordered));
    r->difference = calloc(2 * n, 1);
    if (!r->parent || !r->inner || !r->of || !r->edges || !r->ordered || !r->difference)
        return err_set(err, ERR_NOMEM, "no memory for regions of %zu cells", n);
    *out = TAKE(r);
    return 0;
}

void regions_free(struct regions *r)
{
    if (!r)
        return;
    low_free(r->small);
    free(r->parent);
    free(r->inner);
    free(r->of);
    free(r->edges);
    free(r->ordered);
    free(r->difference);
    free(r);
}

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* 0..255 */
static uint8_t differ(const struct low *p, int a, int b)
{
    int luma = abs(p->luma[a] - p->luma[b]);
    int cb = 2 * abs(p->cb[a] - p->cb[b]), cr = 2 * abs(p->cr[a] - p->cr[b]);
    int most = luma > cb ? luma : cb;

    most = (most > cr ? most : cr) >> 4;
    return (uint8_t)(most > LEVELS - 1 ? LEVELS - 1 : most);
}

static int list_edges(struct regions *r, int top, int bottom)
{
    int w = r->small->width, n = 0;

    for (int y = top; y < bottom; y++)
        for (int x = 0; x < w; x++) {
            int i = y * w + x;

            if (x + 1 < w) {
                r->difference[n] = differ(r->small, i, i + 1);
                r->edges[n++] = (struct region_edge){ i, i + 1 };
            }
            if (y + 1 < bottom) {
                r->difference[n] = differ(r->small, i, i + w);
                r->edges[n++] = (struct region_edge){ i, i + w };
            }
        }
    return n;
}

/* By difference; starts[d] .. starts[d + 1] - 1 are those of difference d. */
static void order_edges(struct regions *r, int count, int32_t starts[LEVELS + 1])
{
    int32_t next[LEVELS];

    memset(starts, 0, (LEVELS + 1) * sizeof(*starts));
    for (int e = 0; e < count; e++)
        starts[r->difference[e] + 1]++;
    for (int d = 0; d < LEVELS; d++)
        starts[d + 1] += starts[d];
    memcpy(next, starts, sizeof(next));
    for (int e = 0; e < count; e++)
        r->ordered[next[r->difference[e]]++] = r->edges[e];
}

static void join(struct regions *r, int32_t a, int32_t b, int difference)
{
    int32_t into = r->of[a].size >= r->of[b].size ? a : b, from = into == a ? b : a;

    r->parent[from] = into;
    r->of[into].size += r->of[from].size;
    r->inner[into] = difference;
}

static void join_alike(struct regions *r, const int32_t *starts)
{
    for (int d = 0; d < LEVELS; d++)
        for (int32_t e = starts[d]; e < starts[d + 1]; e++) {
            int32_t a = root_of(r->parent, r->ordered[e].a);
            int32_t b = root_of(r->parent, r->ordered[e].b);

            if (a != b && d <= r->inner[a] + SCALE / r->of[a].size &&
                d <= r->inner[b] + SCALE / r->of[b].size)
                join(r, a, b, d);
        }
}

static void join_small(struct regions *r, const int32_t *starts)
{
    for (int d = 0; d < LEVELS; d++)
        for (int32_t e = starts[d]; e < starts[d + 1]; e++) {
            int32_t a = root_of(r->parent, r->ordered[e].a);
            int32_t b = root_of(r->parent, r->ordered[e].b);

            if (a != b && (r->of[a].size < CELLS_MIN || r->of[b].size < CELLS_MIN))
                join(r, a, b, d);
        }
}

/* From the lowest row up, so that the first rows seen of a region are its foot. */
static void measure(struct regions *r)
{
    int w = r->small->width, h = r->small->height;
    int32_t *seen = r->inner;

    memset(seen, 0, (size_t)w * (size_t)h * sizeof(*seen));
    for (int y = h - 1; y >= 0; y--)
        for (int x = 0; x < w; x++) {
            int32_t root = root_of(r->parent, y * w + x);
            struct region *of = &r->of[root];

            if (seen[root]++ == 0)
                of->left = of->right = x;
            if (seen[root] == of->size / LOWEST_PART + 1)
                of->lowest = y;
            of->left = x < of->left ? x : of->left;
            of->right = x > of->right ? x : of->right;
        }
}

void regions_find(struct regions *r, const struct low *half, int top, int bottom)
{
    int32_t starts[LEVELS + 1];
    int n = r->small->width * r->small->height;

    low_halve(r->small, half);
    for (int i = 0; i < n; i++) {
        r->parent[i] = i;
        r->inner[i] = 0;
        r->of[i] = (struct region){ .size = 1 };
    }
    order_edges(r, list_edges(r, top / 2, (bottom + 1) / 2), starts);
    join_alike(r, starts);
    join_small(r, starts);
    measure(r);
}

const struct region *regions_at(struct regions *r, int cell)
{
    return &r->of[root_of(r->parent, cell)];
}
