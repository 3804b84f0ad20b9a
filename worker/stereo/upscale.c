/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/upscale.h"

#include "worker/stereo/snap.h"

#include <stdbool.h>
#include <string.h>

/* The snap window reaches width / 190 to each side, and at least over the two cells that models
 * blur an edge to. */
#define WINDOW_PARTS 190
#define WINDOW_MIN   2

struct axis { /* where a full-size position lies between two cells */
    int32_t *cell;
    uint16_t *frac_q8;
};

struct row_pair { /* two neighbouring cell rows of one plane, stretched to full width */
    uint16_t *px[2];
    int y[2]; /* -1: nothing yet */
};

struct upscale {
    const struct stereo_ops *ops;
    int width, height;
    const struct image *view;     /* borrowed for a frame */
    const struct plane16 *source; /* borrowed for a frame */
    bool snapping;
    int cells_w, cells_h; /* the size that axis was made for; 0 at first */
    struct axis across;
    int32_t *first; /* [cells_w + 1]: the first column whose nearest cell is this or later */
    struct row_pair depth, luma;
    uint16_t *cell_luma; /* 10-bit scale */
    uint32_t *sums;      /* [width] */
    uint16_t *scratch;
    struct snap_cell *cells;
};

static const uint16_t *plane_row(const struct plane16 *p, int y)
{
    return (const uint16_t *)((const char *)p->px + y * p->stride);
}

/* The centre of full-size sample i in cells, Q8, clamped to the cells' centres. */
static int32_t cell_of(int i, int full, int cells)
{
    int64_t at = ((int64_t)(2 * i + 1) * cells * 128) / full - 128;
    int64_t last = (int64_t)(cells - 1) * 256;

    return (int32_t)(at < 0 ? 0 : at > last ? last : at);
}

int upscale_new(struct upscale **out, int width, int height, const struct stereo_ops *ops,
                struct err *err)
{
    AUTO(upscale) struct upscale *up = calloc(1, sizeof(*up));
    size_t w = (size_t)width, cells = (w / 2 + 1) * ((size_t)height / 2 + 1);

    if (!up)
        return err_set(err, ERR_NOMEM, "no memory to scale depth");
    up->ops = ops;
    up->width = width;
    up->height = height;
    up->across.cell = calloc(w, sizeof(*up->across.cell));
    up->across.frac_q8 = calloc(w, sizeof(*up->across.frac_q8));
    up->first = calloc(w + 2, sizeof(*up->first));
    for (int i = 0; i < 2; i++) {
        up->depth.px[i] = calloc(w, sizeof(uint16_t));
        up->luma.px[i] = calloc(w, sizeof(uint16_t));
    }
    up->sums = calloc(w, sizeof(*up->sums));
    up->cell_luma = calloc(cells, sizeof(*up->cell_luma));
    up->scratch = calloc(2 * (cells + w), sizeof(*up->scratch));
    up->cells = calloc(cells, sizeof(*up->cells));
    if (!up->across.cell || !up->across.frac_q8 || !up->first || !up->depth.px[0] ||
        !up->depth.px[1] || !up->luma.px[0] || !up->luma.px[1] || !up->sums || !up->cell_luma ||
        !up->scratch || !up->cells)
        return err_set(err, ERR_NOMEM, "no memory to scale depth to %dx%d", width, height);
    *out = TAKE(up);
    return 0;
}

void upscale_free(struct upscale *up)
{
    if (!up)
        return;
    free(up->across.cell);
    free(up->across.frac_q8);
    free(up->first);
    for (int i = 0; i < 2; i++) {
        free(up->depth.px[i]);
        free(up->luma.px[i]);
    }
    free(up->sums);
    free(up->cell_luma);
    free(up->scratch);
    free(up->cells);
    free(up);
}

static void make_axis(struct upscale *up, int cells_w, int cells_h)
{
    up->cells_w = cells_w;
    up->cells_h = cells_h;
    for (int x = 0; x < up->width; x++) {
        int32_t at = cell_of(x, up->width, cells_w);

        up->across.cell[x] = at >> 8;
        up->across.frac_q8[x] = at & 255;
    }
    for (int c = 0; c <= cells_w; c++)
        up->first[c] = (int32_t)(((int64_t)c * up->width + cells_w - 1) / cells_w);
}

/* sums[x] += luma, at 10-bit scale. */
static void add_luma(uint32_t *restrict sums, const struct image *view, int y)
{
    const void *row = view->plane[0] + y * view->stride[0];
    const uint8_t *narrow = row;
    const uint16_t *wide = row;

    if (view->bit_depth == 8)
        for (int x = 0; x < view->width; x++)
            sums[x] += narrow[x] * 4u;
    else
        for (int x = 0; x < view->width; x++)
            sums[x] += wide[x];
}

/* The mean luma under each cell. */
static void shrink_luma(struct upscale *up)
{
    uint16_t *out = up->cell_luma;

    for (int cy = 0; cy < up->cells_h; cy++) {
        int y0 = (int)(((int64_t)cy * up->height + up->cells_h - 1) / up->cells_h);
        int y1 = (int)(((int64_t)(cy + 1) * up->height + up->cells_h - 1) / up->cells_h);

        memset(up->sums, 0, (size_t)up->width * sizeof(*up->sums));
        for (int y = y0; y < y1; y++)
            add_luma(up->sums, up->view, y);
        for (int cx = 0; cx < up->cells_w; cx++) {
            int x0 = up->first[cx], x1 = up->first[cx + 1];
            uint32_t sum = 0, count = (uint32_t)((x1 - x0) * (y1 - y0));

            for (int x = x0; x < x1; x++)
                sum += up->sums[x];
            *out++ = (uint16_t)((sum + count / 2) / count);
        }
    }
}

void upscale_begin(struct upscale *up, const struct image *view, const struct plane16 *depth,
                   int edge_min)
{
    int radius = (depth->width + WINDOW_PARTS / 2) / WINDOW_PARTS;

    up->view = view;
    up->source = depth;
    for (int i = 0; i < 2; i++)
        up->depth.y[i] = up->luma.y[i] = -1;
    if (depth->width != up->cells_w || depth->height != up->cells_h)
        make_axis(up, depth->width, depth->height);
    up->snapping = depth->width <= up->width / 2 && depth->height <= up->height / 2;
    if (!up->snapping)
        return;
    shrink_luma(up);
    snap_cells(up->cells, depth, up->cell_luma, radius < WINDOW_MIN ? WINDOW_MIN : radius, edge_min,
               up->scratch);
}

static void stretch(const struct upscale *up, uint16_t *out, const uint16_t *in)
{
    const int32_t *cell = up->across.cell;
    const uint16_t *frac = up->across.frac_q8;
    int last = up->cells_w - 1, x = 0;

    for (; x < up->width && cell[x] < last; x++) {
        int c = cell[x], f = frac[x];

        out[x] = (uint16_t)((in[c] * (256 - f) + in[c + 1] * f + 128) >> 8);
    }
    for (; x < up->width; x++)
        out[x] = in[last];
}

/* Row y of the cells, stretched, in slot y & 1 so that its neighbour may stay. */
static const uint16_t *stretched(const struct upscale *up, struct row_pair *pair,
                                 const uint16_t *in, int y)
{
    int slot = y & 1;

    if (pair->y[slot] != y) {
        stretch(up, pair->px[slot], in);
        pair->y[slot] = y;
    }
    return pair->px[slot];
}

static int luma_at(const struct image *view, const uint8_t *row, int x)
{
    return view->bit_depth == 8 ? row[x] * 4 : ((const uint16_t *)(const void *)row)[x];
}

static bool has_edges(const struct snap_cell *cells, int n)
{
    uint32_t found = 0;

    for (int i = 0; i < n; i++)
        found |= (uint32_t)(cells[i].low ^ cells[i].high);
    return found;
}

/* Row y of the bilinear depth, in place. at: where it lies between the cells, Q8. */
static void snap_row(struct upscale *up, uint16_t *out, int y, int32_t at)
{
    int cy = (int)((int64_t)y * up->cells_h / up->height), upper = at >> 8, frac = at & 255;
    int lower = upper + 1 < up->cells_h ? upper + 1 : upper;
    size_t w = (size_t)up->cells_w;
    const struct snap_cell *cells = up->cells + (size_t)cy * w;
    const uint8_t *row = up->view->plane[0] + y * up->view->stride[0];
    const uint16_t *above, *below; /* mean luma, stretched */

    if (!has_edges(cells, up->cells_w))
        return;
    above = stretched(up, &up->luma, up->cell_luma + (size_t)upper * w, upper);
    below = stretched(up, &up->luma, up->cell_luma + (size_t)lower * w, lower);
    for (int cx = 0; cx < up->cells_w; cx++) {
        if (cells[cx].low == cells[cx].high)
            continue;
        for (int x = up->first[cx]; x < up->first[cx + 1]; x++) {
            int smooth = (above[x] * (256 - frac) + below[x] * frac) >> 8;

            out[x] = snap_pixel(out[x], luma_at(up->view, row, x), smooth, cells[cx]);
        }
    }
}

void upscale_row(struct upscale *up, uint16_t *out, int y)
{
    int32_t at = cell_of(y, up->height, up->cells_h);
    int upper = at >> 8, lower = upper + 1 < up->cells_h ? upper + 1 : upper;

    up->ops->lerp_row(out, stretched(up, &up->depth, plane_row(up->source, upper), upper),
                      stretched(up, &up->depth, plane_row(up->source, lower), lower), up->width,
                      at & 255);
    if (up->snapping)
        snap_row(up, out, y, at);
}
