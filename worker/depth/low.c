/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/depth/low.h"

#include "worker/depth/depth.h"

int low_new(struct low **out, int width, int height, struct err *err)
{
    AUTO(low) struct low *low = calloc(1, sizeof(*low));
    size_t cells;

    if (!low)
        return err_set(err, ERR_NOMEM, "no memory for depth");
    low->factor = (width + DEPTH_MAX_WIDTH - 1) / DEPTH_MAX_WIDTH;
    low->width = (width + low->factor - 1) / low->factor;
    low->height = (height + low->factor - 1) / low->factor;
    cells = (size_t)low->width * (size_t)low->height;
    low->luma = calloc(cells, sizeof(*low->luma));
    low->cb = calloc(cells, sizeof(*low->cb));
    low->cr = calloc(cells, sizeof(*low->cr));
    if (!low->luma || !low->cb || !low->cr)
        return err_set(err, ERR_NOMEM, "no memory for depth of %dx%d", width, height);
    *out = TAKE(low);
    return 0;
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
