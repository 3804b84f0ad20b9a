/* SPDX-License-Identifier: Apache-2.0
 *
 * The packed layouts against the single eyes.
 */
#include "tests/common/check.h"
#include "tests/worker/stereo/scene.h"
#include "worker/stereo/anaglyph.h"
#include "worker/stereo/warp.h"

#include <math.h>
#include <stdlib.h>

struct fixture {
    struct image *view, *eyes[2];
    struct plane16 *depth;
};

static struct image *made_into(const struct fixture *f, enum layout layout, struct image *out)
{
    struct warp_opts opts = { .width = f->view->width,
                              .height = f->view->height,
                              .bit_depth = f->view->bit_depth,
                              .layout = layout,
                              .divergence = 6,
                              .convergence = .4 };
    AUTO(warp) struct warp *warp = NULL;
    struct err err;

    CHECK_OK(warp_new(&warp, &opts, &err), err);
    warp_frame(warp, out, f->view, f->depth);
    warp_frame(warp, out, f->view, f->depth); /* nothing is left over from a frame */
    assert_true(picture_guards_whole(out));
    return out;
}

static struct image *made(const struct fixture *f, enum layout layout)
{
    int w, h;

    layout_packed_size(layout, f->view->width, f->view->height, &w, &h);
    return made_into(f, layout, picture_new(w, h, f->view->bit_depth));
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

static void crossed_is_full_sbs_with_the_eyes_changed_over(void **state)
{
    (void)state;
    for (int bits = 8; bits <= 10; bits += 2) {
        struct fixture f = fixture_new(64, 36, bits);
        struct image *out = made(&f, LAYOUT_CROSS_SBS);

        CHECK_INT("width", out->width, 128);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(f.view, plane); y++)
                for (int x = 0; x < picture_width(f.view, plane); x++)
                    for (int eye = 0; eye < 2; eye++) {
                        int at = x + (eye ? 0 : picture_width(f.view, plane));

                        CHECK_INT("sample", picture_get(out, plane, at, y),
                                  picture_get(f.eyes[eye], plane, x, y));
                    }
        picture_free(out);
        fixture_clear(&f);
    }
}

static void rgbd_is_the_view_beside_its_depth(void **state)
{
    (void)state;
    for (int bits = 8; bits <= 10; bits += 2) {
        struct fixture f = fixture_new(64, 36, bits);
        struct image *out = made(&f, LAYOUT_RGBD), *depth = made(&f, LAYOUT_DEPTH);

        CHECK_INT("width", out->width, 128);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(f.view, plane); y++)
                for (int x = 0, w = picture_width(f.view, plane); x < w; x++) {
                    CHECK_INT("picture", picture_get(out, plane, x, y),
                              picture_get(f.view, plane, x, y));
                    CHECK_INT("depth", picture_get(out, plane, x + w, y),
                              picture_get(depth, plane, x, y));
                }
        picture_free(out);
        picture_free(depth);
        fixture_clear(&f);
    }
}

/* BT.601, limited range, as the 2x2 views below are without a word about colour. */
static void to_rgb(double rgb[3], const int yuv[3])
{
    double y = (yuv[0] - 16) / 219., u = (yuv[1] - 128) / 224., v = (yuv[2] - 128) / 224.;

    rgb[0] = y + 1.402 * v;
    rgb[1] = y - .344136 * u - .714136 * v;
    rgb[2] = y + 1.772 * u;
    for (int i = 0; i < 3; i++)
        rgb[i] = fmin(fmax(rgb[i], 0), 1);
}

static double linear(double v)
{
    return v <= .04045 ? v / 12.92 : pow((v + .055) / 1.055, 2.4);
}

static double gamma_coded(double v)
{
    return v <= .0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - .055;
}

static double clipped(double v)
{
    return fmin(fmax(v, 0), 1);
}

/* The published matrix of E. Dubois in thousandths, row by row; left eye, right eye. */
static const int dubois[2][3][3] = {
    { { 456, 500, 176 }, { -40, -38, -16 }, { -15, -21, -5 } },
    { { -43, -88, -2 }, { 378, 734, -18 }, { -72, -113, 1226 } },
};

static void mixed(double out[3], enum layout layout, const int left[3], const int right[3])
{
    double l[3], r[3], grey = clipped((left[0] - 16) / 219.);

    to_rgb(l, left);
    to_rgb(r, right);
    out[0] = layout == LAYOUT_ANAGLYPH_COLOR ? l[0] : grey;
    out[1] = layout == LAYOUT_ANAGLYPH_GRAY ? clipped((right[0] - 16) / 219.) : r[1];
    out[2] = layout == LAYOUT_ANAGLYPH_GRAY ? out[1] : r[2];
    for (int i = 0; i < 3 && layout == LAYOUT_ANAGLYPH_DUBOIS; i++) {
        double sum[2] = { 0, 0 };

        for (int k = 0; k < 3; k++) {
            sum[0] += dubois[0][i][k] / 1000. * linear(l[k]);
            sum[1] += dubois[1][i][k] / 1000. * linear(r[k]);
        }
        out[i] = gamma_coded(clipped(clipped(sum[0]) + clipped(sum[1])));
    }
}

static struct image *flat_picture(const int yuv[3], int bits)
{
    struct image *out = picture_new(8, 6, bits);

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(out, plane); y++)
            for (int x = 0; x < picture_width(out, plane); x++)
                picture_set(out, plane, x, y, yuv[plane] << (bits - 8));
    return out;
}

static const int colours[][3] = { { 16, 128, 128 },  { 235, 128, 128 }, { 126, 128, 128 },
                                  { 82, 90, 240 },   { 145, 54, 34 },   { 41, 240, 110 },
                                  { 170, 166, 16 },  { 106, 202, 222 }, { 60, 120, 140 },
                                  { 200, 100, 150 }, { 20, 127, 130 } };

static void check_mix(enum layout layout, const int left[3], const int right[3], int bits)
{
    struct anaglyph_opts opts = { .layout = layout, .width = 8, .height = 6, .bit_depth = bits };
    AUTO(anaglyph) struct anaglyph *a = NULL;
    struct image *l = flat_picture(left, bits), *r = flat_picture(right, bits);
    struct image *out = picture_new(8, 6, bits);
    double rgb[3], y, want[3], scale = 1 << (bits - 8);
    struct err err;

    CHECK_OK(anaglyph_new(&a, &opts, &err), err);
    anaglyph_frame(a, out, l, r);
    assert_true(picture_guards_whole(out));
    mixed(rgb, layout, left, right);
    y = .299 * rgb[0] + .587 * rgb[1] + .114 * rgb[2];
    want[0] = (16 + 219 * y) * scale;
    want[1] = (128 + 224 * (rgb[2] - y) / 1.772) * scale;
    want[2] = (128 + 224 * (rgb[0] - y) / 1.402) * scale;
    for (int plane = 0; plane < 3; plane++)
        if (fabs(picture_get(out, plane, 2, 2) - want[plane]) > (bits == 8 ? 1 : 3))
            fail_msg("%s, %d bits, plane %d: %d,%d,%d and %d,%d,%d give %d, want %.2f",
                     layout_flag(layout), bits, plane, left[0], left[1], left[2], right[0],
                     right[1], right[2], picture_get(out, plane, 2, 2), want[plane]);
    picture_free(l);
    picture_free(r);
    picture_free(out);
}

static void anaglyphs_follow_their_matrices(void **state)
{
    (void)state;
    for (int layout = LAYOUT_ANAGLYPH_DUBOIS; layout <= LAYOUT_ANAGLYPH_GRAY; layout++)
        for (int bits = 8; bits <= 10; bits += 2)
            for (size_t i = 0; i < COUNT(colours); i++)
                for (size_t k = 0; k < COUNT(colours); k++)
                    check_mix(layout, colours[i], colours[k], bits);
}

/* With nothing between the eyes a colour anaglyph is the film; both chroma sizes agree. */
static void an_anaglyph_of_a_flat_film_is_the_film(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct size *s = &sizes[i];
        struct anaglyph_opts opts = {
            LAYOUT_ANAGLYPH_COLOR, s->width, s->height, s->bit_depth, 1, 1
        };
        AUTO(anaglyph) struct anaglyph *a = NULL;
        int grey[3] = { 90, 120, 140 }, step = s->bit_depth == 8 ? 2 : 4;
        struct image *view = picture_new(s->width, s->height, s->bit_depth);
        struct image *half = picture_new(s->width, s->height, s->bit_depth);
        struct image *full = picture_new(2 * s->width, 2 * s->height, s->bit_depth);
        struct err err;

        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(view, plane); y++)
                for (int x = 0; x < picture_width(view, plane); x++)
                    picture_set(view, plane, x, y,
                                (grey[plane] + (plane ? x / 8 : (5 * x + 3 * y) % 40))
                                    << (s->bit_depth - 8));
        CHECK_OK(anaglyph_new(&a, &opts, &err), err);
        anaglyph_frame(a, half, view, view);
        full->width = s->width, full->height = s->height; /* its chroma planes are as large */
        full->full_chroma = true;
        anaglyph_frame(a, full, view, view);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(view, plane); y++)
                for (int x = 0; x < picture_width(view, plane); x++) {
                    int want = picture_get(view, plane, x, y), at = plane ? 2 : 1;
                    int got = picture_get(half, plane, x, y);
                    int wide = picture_get(full, plane, at * x, at * y);

                    if (abs(got - want) > step || abs(wide - want) > step)
                        fail_msg("plane %d at %d,%d: %d and %d, want %d", plane, x, y, got, wide,
                                 want);
                }
        assert_true(picture_guards_whole(half));
        full->width = 2 * s->width, full->height = 2 * s->height;
        assert_true(picture_guards_whole(full));
        picture_free(view);
        picture_free(half);
        picture_free(full);
    }
}

/* The eyes that are mixed are those of the layouts left and right. */
static void an_anaglyph_has_the_left_eye_in_red(void **state)
{
    struct fixture f = fixture_new(64, 36, 8);
    struct anaglyph_opts opts = { LAYOUT_ANAGLYPH_DUBOIS, 64, 36, 8, 0, 0 };
    AUTO(anaglyph) struct anaglyph *a = NULL;
    struct image *out = made(&f, LAYOUT_ANAGLYPH_DUBOIS), *want = picture_new(64, 36, 8);
    struct err err;

    (void)state;
    CHECK_OK(anaglyph_new(&a, &opts, &err), err);
    anaglyph_frame(a, want, f.eyes[0], f.eyes[1]);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(out, plane); y++)
            for (int x = 0; x < picture_width(out, plane); x++)
                CHECK_INT("sample", picture_get(out, plane, x, y), picture_get(want, plane, x, y));
    picture_free(out);
    picture_free(want);
    fixture_clear(&f);
}

/* A wave across, finer and finer: what the half picture can hold stays, what it cannot is gone
 * and does not come back as a coarser wave. f is in waves a sample; half a picture holds .25. */
static void halving_does_not_alias(void **state)
{
    static const struct {
        double f, least, most; /* of the wave's height */
    } sweep[] = { { .02, .97, 1.02 }, { .06, .92, 1.02 }, { .1, .8, 1.02 }, { .15, .6, 1.02 },
                  { .35, 0, .13 },    { .4, 0, .08 },     { .44, 0, .06 },  { .48, 0, .04 } };

    (void)state;
    for (size_t i = 0; i < COUNT(sweep); i++)
        for (int down = 0; down < 2; down++) {
            struct fixture f = fixture_new(256, 256, 10);
            struct image *out;
            double top = 0;

            for (int y = 0; y < 256; y++)
                for (int x = 0; x < 256; x++) {
                    double at = 2 * 3.14159265358979 * sweep[i].f * (down ? y : x);

                    picture_set(f.view, 0, x, y, (int)lround(512 + 400 * sin(at)));
                    *depth_at(f.depth, x, y) = 26214; /* on the screen */
                }
            out = made(&f, down ? LAYOUT_HALF_TB : LAYOUT_HALF_SBS);
            for (int k = 8; k < 120; k++)
                top = fmax(top, fabs(picture_get(out, 0, down ? 99 : k, down ? k : 99) - 512.));
            if (top / 400 < sweep[i].least || top / 400 > sweep[i].most)
                fail_msg("%s: %.2f waves a sample keep %.3f", down ? "down" : "across", sweep[i].f,
                         top / 400);
            picture_free(out);
            fixture_clear(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_layouts_hold_both_eyes),
        cmocka_unit_test(half_layouts_hold_both_eyes_low_passed),
        cmocka_unit_test(crossed_is_full_sbs_with_the_eyes_changed_over),
        cmocka_unit_test(rgbd_is_the_view_beside_its_depth),
        cmocka_unit_test(anaglyphs_follow_their_matrices),
        cmocka_unit_test(an_anaglyph_of_a_flat_film_is_the_film),
        cmocka_unit_test(an_anaglyph_has_the_left_eye_in_red),
        cmocka_unit_test(halving_does_not_alias),
        cmocka_unit_test(depth_is_scaled_bilinearly),
        cmocka_unit_test(the_depth_layout_shows_depth_as_video),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
