/* SPDX-License-Identifier: Apache-2.0
 *
 * The packed layouts against the single eyes.
 */
#include "tests/common/check.h"
#include "tests/worker/stereo/scene.h"
#include "worker/stereo/warp.h"

#include <stdlib.h>

struct fixture {
    struct image *view, *eyes[2];
    struct plane16 *depth;
};

static struct image *made(const struct fixture *f, enum layout layout)
{
    struct warp_opts opts = { .width = f->view->width,
                              .height = f->view->height,
                              .bit_depth = f->view->bit_depth,
                              .layout = layout,
                              .divergence = 6,
                              .convergence = .4 };
    AUTO(warp) struct warp *warp = NULL;
    struct image *out;
    struct err err;
    int w, h;

    layout_packed_size(layout, opts.width, opts.height, &w, &h);
    out = picture_new(w, h, opts.bit_depth);
    CHECK_OK(warp_new(&warp, &opts, &err), err);
    warp_frame(warp, out, f->view, f->depth);
    warp_frame(warp, out, f->view, f->depth); /* nothing is left over from a frame */
    assert_true(picture_guards_whole(out));
    return out;
}

static struct fixture fixture_new(int width, int height, int bit_depth)
{
    struct fixture f = { .view = picture_new(width, height, bit_depth) };

    picture_texture(f.view, 4);
    f.depth = depth_new(width, height, 0);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            *depth_at(f.depth, x, y) = (x / 11 + y / 6) % 2 ? 50000 : 9000;
    f.eyes[0] = made(&f, LAYOUT_LEFT);
    f.eyes[1] = made(&f, LAYOUT_RIGHT);
    return f;
}

static void fixture_clear(struct fixture *f)
{
    picture_free(f->view);
    picture_free(f->eyes[0]);
    picture_free(f->eyes[1]);
    depth_release(f->depth);
}

static const struct size {
    int width, height, bit_depth;
} sizes[] = { { 64, 36, 8 }, { 66, 34, 10 }, { 33, 17, 8 }, { 2, 2, 8 }, { 34, 19, 10 } };

static int clamp(int v, int last)
{
    return v < 0 ? 0 : v > last ? last : v;
}

static void full_layouts_hold_both_eyes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int down = 0; down < 2; down++) {
            struct fixture f = fixture_new(sizes[i].width, sizes[i].height, sizes[i].bit_depth);
            struct image *out = made(&f, down ? LAYOUT_FULL_TB : LAYOUT_FULL_SBS);
            int w = f.view->width, h = f.view->height;

            CHECK_INT("width", out->width, down ? w : 2 * w);
            CHECK_INT("height", out->height, down ? 2 * h : h);
            for (int eye = 0; eye < 2; eye++)
                for (int plane = 0; plane < 3; plane++)
                    for (int y = 0; y < picture_height(f.view, plane); y++)
                        for (int x = 0; x < picture_width(f.view, plane); x++) {
                            int sub = plane ? 2 : 1, odd = down ? h % 2 : w % 2;
                            int to_x = x + (eye && !down ? w / sub : 0);
                            int to_y = y + (eye && down ? h / sub : 0);

                            if (eye && plane && odd && (down ? y : x) == 0)
                                continue; /* shared chroma is the left eye's */
                            CHECK_INT("sample", picture_get(out, plane, to_x, to_y),
                                      picture_get(f.eyes[eye], plane, x, y));
                        }
            picture_free(out);
            fixture_clear(&f);
        }
}

/* [1 3 3 1] / 8 at the even columns (rows) of an eye. */
static int halved(const struct image *eye, int plane, int x, int y, bool down)
{
    static const int weights[] = { 1, 3, 3, 1 };
    int sum = 4, w = picture_width(eye, plane) - 1, h = picture_height(eye, plane) - 1;

    for (int k = 0; k < 4; k++)
        sum += weights[k] * (down ? picture_get(eye, plane, x, clamp(2 * y - 1 + k, h))
                                  : picture_get(eye, plane, clamp(2 * x - 1 + k, w), y));
    return sum / 8;
}

static void half_layouts_hold_both_eyes_low_passed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int down = 0; down < 2; down++) {
            struct fixture f = fixture_new(sizes[i].width, sizes[i].height, sizes[i].bit_depth);
            struct image *out = made(&f, down ? LAYOUT_HALF_TB : LAYOUT_HALF_SBS);

            CHECK_INT("width", out->width, f.view->width);
            CHECK_INT("height", out->height, f.view->height);
            for (int plane = 0; plane < 3; plane++)
                for (int y = 0; y < picture_height(out, plane); y++)
                    for (int x = 0; x < picture_width(out, plane); x++) {
                        int half =
                            (down ? picture_height(out, plane) : picture_width(out, plane)) / 2;
                        int at = down ? y : x, eye = half == 0 ? 1 : at >= half;
                        int in = at - (eye ? half : 0);

                        if (half == 0)
                            continue; /* one chroma sample for two eyes */
                        CHECK_INT("sample", picture_get(out, plane, x, y),
                                  halved(f.eyes[eye], plane, down ? x : in, down ? in : y, down));
                    }
            picture_free(out);
            fixture_clear(&f);
        }
}

static void the_depth_layout_shows_depth_as_video(void **state)
{
    (void)state;
    for (int bits = 8; bits <= 10; bits += 2) {
        struct fixture f = fixture_new(40, 20, bits);
        struct image *out;
        int scale = bits == 8 ? 1 : 4;

        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 40; x++)
                *depth_at(f.depth, x, y) = x < 20 ? 0 : 65535;
        out = made(&f, LAYOUT_DEPTH);
        CHECK_INT("far", picture_get(out, 0, 0, 7), 16 * scale);
        CHECK_INT("near", picture_get(out, 0, 39, 7), 235 * scale);
        CHECK_INT("chroma", picture_get(out, 1, 3, 3), 128 * scale);
        CHECK_INT("chroma", picture_get(out, 2, 19, 9), 128 * scale);
        picture_free(out);
        fixture_clear(&f);
    }
}

static double lerp(const struct plane16 *depth, double x, double y)
{
    int x0, y0, x1, y1;

    x = x < 0 ? 0 : x > depth->width - 1 ? depth->width - 1 : x;
    y = y < 0 ? 0 : y > depth->height - 1 ? depth->height - 1 : y;
    x0 = (int)x, y0 = (int)y;
    x1 = clamp(x0 + 1, depth->width - 1), y1 = clamp(y0 + 1, depth->height - 1);
    x -= x0, y -= y0;
    return (1 - y) * ((1 - x) * *depth_at(depth, x0, y0) + x * *depth_at(depth, x1, y0)) +
           y * ((1 - x) * *depth_at(depth, x0, y1) + x * *depth_at(depth, x1, y1));
}

/* Depth of more than half the size is not snapped. */
static void depth_is_scaled_bilinearly(void **state)
{
    struct fixture f = fixture_new(96, 54, 10);
    struct image *out;

    (void)state;
    depth_release(f.depth);
    f.depth = depth_new(61, 33, 0);
    for (int y = 0; y < 33; y++)
        for (int x = 0; x < 61; x++)
            *depth_at(f.depth, x, y) = (uint16_t)(x * y * 7919);
    out = made(&f, LAYOUT_DEPTH);
    for (int y = 0; y < 54; y++)
        for (int x = 0; x < 96; x++) {
            double want = lerp(f.depth, (x + .5) * 61 / 96 - .5, (y + .5) * 33 / 54 - .5);
            double got = (picture_get(out, 0, x, y) - 64) * 65535. / 876;

            if (want - got > 600 || got - want > 600)
                fail_msg("%d,%d is %.0f, want %.0f", x, y, got, want);
        }
    picture_free(out);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_layouts_hold_both_eyes),
        cmocka_unit_test(half_layouts_hold_both_eyes_low_passed),
        cmocka_unit_test(depth_is_scaled_bilinearly),
        cmocka_unit_test(the_depth_layout_shows_depth_as_video),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
