/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/low.h"

#include "worker/depth/depth.h"

static int low_sized(struct low **out, int width, int height, int factor, struct err *err)
{
    AUTO(low) struct low *low = calloc(1, sizeof(*low));
    size_t cells;

    if (!low)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    low->factor = factor;
    low->width = width;
    low->height = height;
    cells = (size_t)low->width * (size_t)low->height;
    low->luma = calloc(cells, sizeof(*low->luma));
    low->cb = calloc(cells, sizeof(*low->cb));
    low->cr = calloc(cells, sizeof(*low->cr));
    if (!low->luma || !low->cb || !low->cr)
        return err_set(err, ERR_NOMEM, "no memory for depth of %dx%d", width, height);
    *out = TAKE(low);
    return 0;
}

int low_new(struct low **out, int width, int height, struct err *err)
{
    int factor = (width + DEPTH_MAX_WIDTH - 1) / DEPTH_MAX_WIDTH;

    return low_sized(out, (width + factor - 1) / factor, (height + factor - 1) / factor, factor,
                     err);
}

int low_half_new(struct low **out, const struct low *low, struct err *err)
{
    return low_sized(out, (low->width + 1) / 2, (low->height + 1) / 2, 2 * low->factor, err);
}

void low_free(struct low *low)
{
    if (!low)
        return;
    free(low->luma);
    free(low->cb);
    free(low->cr);
    free(low);
}

struct span { /* samples from <= i < to of one axis */
    int from, to;
};

/* The samples of a plane of `size`, subsampled by `sub`, that cell c of factor luma samples covers;
 * odd factors share chroma between cells. */
static struct span span_of(int c, int factor, int sub, int size)
{
    struct span span = { c * factor / sub, ((c + 1) * factor + sub - 1) / sub };

    if (span.to > size)
        span.to = size;
    if (span.from >= span.to)
        span.from = span.to - 1;
    return span;
}

#define ADD_ROW(name, type)                                                                        \
    static void name(uint32_t *sums, const type *row, int cells, int factor, int sub, int size)    \
    {                                                                                              \
        for (int c = 0; c < cells; c++) {                                                          \
            struct span s = span_of(c, factor, sub, size);                                         \
            uint32_t sum = 0;                                                                      \
                                                                                                   \
            for (int i = s.from; i < s.to; i++)                                                    \
                sum += row[i];                                                                     \
            sums[c] += sum;                                                                        \
        }                                                                                          \
    }
ADD_ROW(add_row8, uint8_t)
ADD_ROW(add_row10, uint16_t)

static void load_plane(struct low *low, uint16_t *out, const struct image *frame, int plane)
{
    int sub = plane ? 2 : 1, scale = frame->bit_depth == 8 ? 16 : 4;
    int width = (frame->width + sub - 1) / sub, height = (frame->height + sub - 1) / sub;

    for (int cy = 0; cy < low->height; cy++, out += low->width) {
        struct span down = span_of(cy, low->factor, sub, height);
        uint32_t sums[DEPTH_MAX_WIDTH] = { 0 };

        for (int y = down.from; y < down.to; y++) {
            const void *row = frame->plane[plane] + y * frame->stride[plane];

            if (frame->bit_depth == 8)
                add_row8(sums, row, low->width, low->factor, sub, width);
            else
                add_row10(sums, row, low->width, low->factor, sub, width);
        }
        for (int cx = 0; cx < low->width; cx++) {
            struct span across = span_of(cx, low->factor, sub, width);
            uint32_t count = (uint32_t)((across.to - across.from) * (down.to - down.from));

            out[cx] = (uint16_t)((sums[cx] * (uint32_t)scale + count / 2) / count);
        }
    }
}

void low_load(struct low *low, const struct image *frame)
{
    load_plane(low, low->luma, frame, 0);
    load_plane(low, low->cb, frame, 1);
    load_plane(low, low->cr, frame, 2);
}

struct quad { /* where the four samples of a cell of half are; the border repeats */
    int a, b, c, d;
};

static struct quad quad_at(const struct low *in, int x, int y)
{
    int right = 2 * x + 1 < in->width ? 1 : 0, down = 2 * y + 1 < in->height ? in->width : 0;
    int a = 2 * y * in->width + 2 * x;

    return (struct quad){ a, a + right, a + down, a + down + right };
}

static int mean4(const uint16_t *px, struct quad q)
{
    return (px[q.a] + px[q.b] + px[q.c] + px[q.d] + 2) >> 2;
}

void low_halve(struct low *out, const struct low *in)
{
    for (int y = 0, i = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++, i++) {
            struct quad q = quad_at(in, x, y);

            out->luma[i] = (uint16_t)mean4(in->luma, q);
            out->cb[i] = (uint16_t)mean4(in->cb, q);
            out->cr[i] = (uint16_t)mean4(in->cr, q);
        }
}

void low_fine(uint16_t *out, const struct low *half, const struct low *low)
{
    for (int y = 0, i = 0; y < half->height; y++)
        for (int x = 0; x < half->width; x++, i++) {
            struct quad q = quad_at(low, x, y);
            int mean = mean4(low->luma, q);

            out[i] = (uint16_t)(abs(low->luma[q.a] - mean) + abs(low->luma[q.b] - mean) +
                                abs(low->luma[q.c] - mean) + abs(low->luma[q.d] - mean));
        }
}
