/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/pack.h"

#include <string.h>

static const struct row {
    bool eyes[2]; /* by enum eye */
    bool across, down, half, right_first;
} rows[] = {
    [LAYOUT_FULL_SBS] = { { true, true }, true, false, false, false },
    [LAYOUT_HALF_SBS] = { { true, true }, true, false, true, false },
    [LAYOUT_FULL_TB] = { { true, true }, false, true, false, false },
    [LAYOUT_HALF_TB] = { { true, true }, false, true, true, false },
    [LAYOUT_LEFT] = { { true, false }, false, false, false, false },
    [LAYOUT_RIGHT] = { { false, true }, false, false, false, false },
    [LAYOUT_DEPTH] = { { false, false }, false, false, false, false },
    [LAYOUT_CROSS_SBS] = { { true, true }, true, false, false, true },
    [LAYOUT_ANAGLYPH_DUBOIS] = { { true, true }, false, false, false, false },
    [LAYOUT_ANAGLYPH_COLOR] = { { true, true }, false, false, false, false },
    [LAYOUT_ANAGLYPH_HALF_COLOR] = { { true, true }, false, false, false, false },
    [LAYOUT_ANAGLYPH_GRAY] = { { true, true }, false, false, false, false },
    [LAYOUT_RGBD] = { { false, false }, true, false, false, false },
    [LAYOUT_LEFT_RIGHT] = { { true, true }, false, true, false, false },
};

bool pack_has_eye(enum layout layout, enum eye eye)
{
    return rows[layout].eyes[eye];
}

bool pack_is_half(enum layout layout)
{
    return rows[layout].half;
}

bool pack_is_direct(enum layout layout)
{
    return !rows[layout].half && !layout_is_anaglyph(layout);
}

struct image pack_eye(const struct image *packed, enum layout layout, enum eye eye, int width,
                      int height)
{
    struct image view = *packed;
    int bytes = packed->bit_depth == 8 ? 1 : 2;
    bool second = (eye == EYE_RIGHT) != rows[layout].right_first;
    int x = rows[layout].across && second ? width : 0;
    int y = rows[layout].down && second ? height : 0;

    view.width = width;
    view.height = height;
    view.plane[0] += (ptrdiff_t)y * view.stride[0] + (ptrdiff_t)x * bytes;
    for (int i = 1; i < 3; i++)
        view.plane[i] += (ptrdiff_t)(y / 2) * view.stride[i] + (ptrdiff_t)(x / 2) * bytes;
    return view;
}

struct area { /* one plane, or a part of it */
    uint8_t *px;
    ptrdiff_t stride;
    int width, height, bytes;
};

static struct area area_of(const struct image *image, int plane)
{
    bool luma = plane == 0;

    return (struct area){ image->plane[plane], image->stride[plane],
                          luma ? image->width : chroma_size(image->width),
                          luma ? image->height : chroma_size(image->height),
                          image->bit_depth == 8 ? 1 : 2 };
}

/* The left or right, upper or lower half; the second takes the odd one. */
static struct area half_of(struct area whole, enum layout layout, enum eye eye)
{
    struct area half = whole;
    int x = rows[layout].across ? whole.width / 2 : 0;
    int y = rows[layout].down ? whole.height / 2 : 0;

    if (eye == EYE_LEFT) {
        half.width = x ? x : whole.width;
        half.height = y ? y : whole.height;
        return half;
    }
    half.px += y * whole.stride + (ptrdiff_t)x * whole.bytes;
    half.width -= x;
    half.height -= y;
    return half;
}

static void halve_across(struct area out, struct area in, const struct stereo_ops *ops)
{
    for (int y = 0; y < out.height; y++) {
        void *to = out.px + y * out.stride;
        const void *from = in.px + y * in.stride;

        if (out.bytes == 1)
            ops->halve8(to, from, out.width, in.width);
        else
            ops->halve10(to, from, out.width, in.width);
    }
}

static void halve_down(struct area out, struct area in, const struct stereo_ops *ops)
{
    for (int y = 0; y < out.height; y++) {
        void *to = out.px + y * out.stride;
        const uint8_t *from[4];

        for (int k = 0; k < 4; k++) {
            int row = 2 * y - 1 + k;

            from[k] = in.px + (row < 0 ? 0 : row >= in.height ? in.height - 1 : row) * in.stride;
        }
        if (out.bytes == 1)
            ops->mix8(to, from, out.width);
        else
            ops->mix10(to, (const uint16_t *const *)(const void *)from, out.width);
    }
}

void pack_half(struct image *packed, enum layout layout, enum eye eye, const struct image *view,
               const struct stereo_ops *ops)
{
    for (int plane = 0; plane < 3; plane++) {
        struct area out = half_of(area_of(packed, plane), layout, eye);

        if (rows[layout].across)
            halve_across(out, area_of(view, plane), ops);
        else
            halve_down(out, area_of(view, plane), ops);
    }
}

void pack_copy(struct image *out, const struct image *in)
{
    for (int plane = 0; plane < 3; plane++) {
        struct area to = area_of(out, plane), from = area_of(in, plane);

        for (int y = 0; y < from.height; y++)
            memcpy(to.px + y * to.stride, from.px + y * from.stride,
                   (size_t)from.width * (size_t)from.bytes);
    }
}
