/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold for any view and any depth.
 */
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/stereo/scene.h"
#include "worker/stereo/ops.h"
#include "worker/stereo/shape.h"
#include "worker/stereo/warp.h"

#include <math.h>
#include <stdlib.h>

#define POISON 0xffff /* no 10-bit sample */

struct shot { /* one call of warp_frame */
    int width, height, bit_depth;
    enum layout layout;
    enum synthetic_view synthetic;
    double divergence, convergence;
    double ipd_offset, foreground_scale;
    int edge_dilation;
    bool preserve_border;
};

static struct image *warped(struct shot s, const struct image *view, const struct plane16 *depth)
{
    struct warp_opts opts = { .width = s.width,
                              .height = s.height,
                              .bit_depth = s.bit_depth,
                              .layout = s.layout,
                              .synthetic = s.synthetic,
                              .divergence = s.divergence,
                              .convergence = s.convergence,
                              .ipd_offset = s.ipd_offset,
                              .foreground_scale = s.foreground_scale,
                              .edge_dilation = s.edge_dilation,
                              .preserve_border = s.preserve_border };
    AUTO(warp) struct warp *warp = NULL;
    struct image *out;
    struct err err;
    int w, h;

    layout_packed_size(s.layout, s.width, s.height, &w, &h);
    out = picture_new(w, h, s.bit_depth);
    picture_fill(out, POISON);
    CHECK_OK(warp_new(&warp, &opts, &err), err);
    warp_frame(warp, out, view, depth);
    assert_true(picture_guards_whole(out));
    assert_true(picture_guards_whole(view));
    return out;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Steps, ramps, checks and noise. */
static void depth_pattern(struct plane16 *depth, int pattern, uint32_t seed)
{
    for (int y = 0; y < depth->height; y++)
        for (int x = 0; x < depth->width; x++) {
            uint32_t noise = next_random(&seed) & 0xffff, v = noise;

            if (pattern == 0)
                v = (x + y) & 1 ? 65535 : 0;
            else if (pattern == 1)
                v = (uint32_t)(x * 65535 / depth->width);
            else if (pattern == 2)
                v = (x / 7 + y / 5) % 3 * 30000u;
            else if (pattern == 3)
                v = x % 2 ? 65535 : 0;
            *depth_at(depth, x, y) = (uint16_t)v;
        }
}
#define PATTERNS 5

/* A bright square before a dark wall; returns the first bright column of the middle row. */
static int square_edge(const struct image *out, int y)
{
    for (int x = 0; x < out->width; x++)
        if (picture_get(out, 0, x, y) > 128)
            return x;
    return -1;
}

static void near_things_lie_right_in_the_left_eye(void **state)
{
    struct image *view = picture_new(200, 60, 8), *left, *right;
    struct plane16 *depth = depth_new(200, 60, 0);
    struct shot s = { 200, 60, 8, LAYOUT_LEFT, SYNTHETIC_BOTH, 8, .5, 0, 0, 0, false };

    (void)state;
    picture_fill(view, 20);
    for (int y = 20; y < 40; y++)
        for (int x = 80; x < 120; x++) {
            picture_set(view, 0, x, y, 230);
            *depth_at(depth, x, y) = 65535;
        }
    left = warped(s, view, depth);
    s.layout = LAYOUT_RIGHT;
    right = warped(s, view, depth);
    CHECK_INT("left eye", square_edge(left, 30),
              84); /* 8 % of 200 px, half each side, half each eye */
    CHECK_INT("right eye", square_edge(right, 30), 76);
    picture_free(view);
    picture_free(left);
    picture_free(right);
    depth_release(depth);
}

/* 2 % of 200 px, half of it in each eye: the whole scene 2 px nearer, at any depth or none. */
static void the_scene_is_moved_by_the_ipd_offset(void **state)
{
    (void)state;
    for (int strength = 0; strength <= 4; strength += 4) {
        struct shot s = { .width = 200,
                          .height = 20,
                          .bit_depth = 8,
                          .divergence = strength,
                          .convergence = .5,
                          .ipd_offset = 2 };
        struct image *view = picture_new(200, 20, 8), *out;
        struct plane16 *depth = depth_new(200, 20, 32768);

        picture_texture(view, 3);
        for (int eye = 0; eye < 2; eye++) {
            int to = eye ? -2 : 2;

            s.layout = eye ? LAYOUT_RIGHT : LAYOUT_LEFT;
            out = warped(s, view, depth);
            for (int y = 0; y < 20; y++)
                for (int x = 4; x < 196; x++)
                    CHECK_INT("luma", picture_get(out, 0, x + to, y), picture_get(view, 0, x, y));
            picture_free(out);
        }
        picture_free(view);
        depth_release(depth);
    }
}

/* All depth is before the screen; at the border it lies on it, in the middle nothing changes. */
static void depth_ends_at_the_preserved_border(void **state)
{
    struct shot s = { .width = 400,
                      .height = 20,
                      .bit_depth = 8,
                      .layout = LAYOUT_LEFT,
                      .divergence = 8,
                      .convergence = 0 };
    struct image *view = picture_new(400, 20, 8), *plain, *kept;
    struct plane16 *depth = depth_new(400, 20, 65535);

    (void)state;
    picture_texture(view, 3);
    plain = warped(s, view, depth);
    s.preserve_border = true;
    kept = warped(s, view, depth);
    for (int y = 0; y < 20; y++) {
        CHECK_INT("left", picture_get(kept, 0, 0, y), picture_get(view, 0, 0, y));
        CHECK_INT("right", picture_get(kept, 0, 399, y), picture_get(view, 0, 399, y));
        for (int x = 60; x < 340; x++)
            CHECK_INT("middle", picture_get(kept, 0, x, y), picture_get(plain, 0, x, y));
    }
    picture_free(view);
    picture_free(plain);
    picture_free(kept);
    depth_release(depth);
}

static void near_things_grow_by_the_dilation(void **state)
{
    uint16_t out[30 * 20], scratch[30 * 20];
    struct plane16 *depth = depth_new(30, 20, 1000), grown;

    (void)state;
    for (int y = 8; y < 12; y++)
        for (int x = 0; x < 10; x++)
            *depth_at(depth, x, y) = 60000;
    for (int radius = 0; radius < 4; radius++) {
        grown = shape_dilate(out, scratch, depth, radius);
        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 30; x++)
                CHECK_INT("depth", *depth_at(&grown, x, y),
                          x < 10 + radius && y >= 8 - radius && y < 12 + radius ? 60000 : 1000);
    }
    depth_release(depth);
}

/* What the options say is what the warp does: the view of a depth that was shaped by hand. */
static void the_warp_takes_shaped_depth(void **state)
{
    struct shot s = { .width = 200,
                      .height = 20,
                      .bit_depth = 8,
                      .layout = LAYOUT_LEFT,
                      .divergence = 8,
                      .convergence = .5 };
    struct image *view = picture_new(200, 20, 8), *plain, *grown, *by_hand;
    struct plane16 *depth = depth_new(200, 20, 9000);
    uint16_t *out = xcalloc(200 * 20, sizeof(*out)), *scratch = xcalloc(200 * 20, sizeof(*out));
    uint16_t *curve = xcalloc(65536, sizeof(*curve));
    struct plane16 shaped;

    (void)state;
    picture_texture(view, 3);
    for (int y = 5; y < 15; y++)
        for (int x = 80; x < 120; x++)
            *depth_at(depth, x, y) = 60000;
    plain = warped(s, view, depth);
    shaped = shape_dilate(out, scratch, depth, 3);
    by_hand = warped(s, view, &shaped);
    s.edge_dilation = 3;
    grown = warped(s, view, depth);
    assert_true(picture_same_luma(grown, by_hand));
    assert_false(picture_same_luma(grown, plain));
    picture_free(by_hand);
    picture_free(grown);
    shape_curve(curve, 2);
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 200; x++)
            out[y * 200 + x] = curve[*depth_at(depth, x, y)];
    s.edge_dilation = 0;
    by_hand = warped(s, view, &shaped);
    s.foreground_scale = 2;
    grown = warped(s, view, depth);
    assert_true(picture_same_luma(grown, by_hand));
    assert_false(picture_same_luma(grown, plain));
    picture_free(by_hand);
    picture_free(grown);
    picture_free(plain);
    picture_free(view);
    depth_release(depth);
    free(out);
    free(scratch);
    free(curve);
}

static void the_foreground_curve(void **state)
{
    static uint16_t up[65536], down[65536];
    double low = log(1 + exp(-12 * .34)), high = log(1 + exp(12 * .66));
    double middle = (log(1 + exp(12 * .16)) - low) / (high - low);

    (void)state;
    for (int i = -6; i <= 6; i++) {
        shape_curve(up, i / 2.);
        CHECK_INT("far", up[0], 0);
        CHECK_INT("near", up[65535], 65535);
        for (int k = 1; k < 65536; k++)
            if (up[k] < up[k - 1])
                fail_msg("scale %.1f falls at %d", i / 2., k);
        if (i)
            assert_true(i > 0 ? up[32768] < 32768 : up[32768] > 32768);
    }
    shape_curve(up, 1);
    shape_curve(down, -1);
    assert_true(fabs(up[32768] - middle * 65535) < 2);
    for (int k = 16000; k < 65536; k += 97)
        if (abs(up[down[k]] - k) > 3)
            fail_msg("%d becomes %d and then %d", k, down[k], up[down[k]]);
}

static void far_things_lie_left_in_the_left_eye(void **state)
{
    struct image *view = picture_new(200, 60, 8), *left;
    struct plane16 *depth = depth_new(200, 60, 0);
    struct shot s = { 200, 60, 8, LAYOUT_LEFT, SYNTHETIC_LEFT, 4, .5, 0, 0, 0, false };

    (void)state;
    picture_fill(view, 20);
    for (int y = 0; y < 60; y++)
        for (int x = 100; x < 200; x++)
            picture_set(view, 0, x, y, 230);
    left = warped(s, view, depth);
    CHECK_INT("one eye takes the whole parallax", square_edge(left, 30), 96);
    picture_free(view);
    picture_free(left);
    depth_release(depth);
}

/* Rows of one value each stay rows of that value: nothing moves up or down. Holes are smoothed over
 * three rows, which makes one level at the first and last row, where four are half a row. */
static void nothing_moves_vertically(void **state)
{
    struct image *view = picture_new(96, 48, 8);
    struct plane16 *depth = depth_new(96, 48, 0);

    (void)state;
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(view, plane); y++)
            for (int x = 0; x < picture_width(view, plane); x++)
                picture_set(view, plane, x, y, 20 + 4 * y);
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        struct shot s = { 96, 48, 8, LAYOUT_FULL_SBS, SYNTHETIC_BOTH, 10, .3, 0, 0, 0, false };
        struct image *out;

        depth_pattern(depth, pattern, 5);
        out = warped(s, view, depth);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(out, plane); y++)
                for (int x = 0; x < picture_width(out, plane); x++)
                    CHECK_INT("off by", abs(picture_get(out, plane, x, y) - 20 - 4 * y) > 1, 0);
        picture_free(out);
    }
    picture_free(view);
    depth_release(depth);
}

/* With luma = x every output sample says where it came from. */
static void no_parallax_is_beyond_what_was_asked(void **state)
{
    struct image *view = picture_new(600, 20, 10);
    struct plane16 *depth = depth_new(600, 20, 0);

    (void)state;
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 600; x++)
            picture_set(view, 0, x, y, 200 + x);
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        struct shot s = { 600, 20, 10, LAYOUT_LEFT, SYNTHETIC_BOTH, 6, .25, 0, 0, 0, false };
        double most = .06 * 600 * .75 / 2 + 1;

        depth_pattern(depth, pattern, 77);
        for (int eye = 0; eye < 2; eye++) {
            struct image *out;

            s.layout = eye ? LAYOUT_RIGHT : LAYOUT_LEFT;
            out = warped(s, view, depth);
            /* Holes take what lies beside them, so they may come from further: twice at most. */
            for (int y = 0; y < 20; y++)
                for (int x = 0; x < 600; x++) {
                    int from = picture_get(out, 0, x, y) - 200;

                    if (abs(from - x) > 2 * most + 1)
                        fail_msg("pattern %d: column %d comes from %d", pattern, x, from);
                }
            picture_free(out);
        }
    }
    picture_free(view);
    depth_release(depth);
}

static const struct size {
    int width, height, depth_width, depth_height;
} sizes[] = {
    { 2, 2, 2, 2 },    { 2, 2, 1, 1 },    { 3, 3, 1, 2 },     { 33, 17, 33, 17 },
    { 33, 17, 5, 3 },  { 64, 36, 16, 9 }, { 65, 35, 17, 9 },  { 31, 64, 2, 64 },
    { 200, 2, 50, 1 }, { 2, 200, 1, 50 }, { 127, 5, 127, 1 }, { 320, 180, 80, 45 },
};

static bool is_poisoned(const struct image *out)
{
    int poison = out->bit_depth == 8 ? POISON & 0xff : POISON;

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(out, plane); y++)
            for (int x = 0; x < picture_width(out, plane); x++)
                if (picture_get(out, plane, x, y) == poison)
                    return true;
    return false;
}

/* 8-bit poison is 255, which a view below 200 with overshoot cannot reach. */
static void every_sample_is_written_at_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int run = 0; run < 2 * 7 * 3 * PATTERNS; run++) {
            struct size z = sizes[i];
            int bits = run & 1 ? 10 : 8, layout = run / 2 % 7, synthetic = run / 14 % 3;
            struct shot s = { z.width,     z.height, bits,         layout,
                              synthetic,   run % 11, run % 5 / 4., run % 21 - 10,
                              run % 7 - 3, run % 4,  run % 3 == 0 };
            struct image *view = picture_new(z.width, z.height, bits), *out;
            struct plane16 *depth = depth_new(z.depth_width, z.depth_height, 0);

            picture_texture(view, (uint32_t)run);
            for (int plane = 0; plane < 3; plane++)
                for (int y = 0; y < picture_height(view, plane); y++)
                    for (int x = 0; x < picture_width(view, plane); x++)
                        picture_set(view, plane, x, y, 30 + picture_get(view, plane, x, y) / 2);
            depth_pattern(depth, run / 42, (uint32_t)run);
            out = warped(s, view, depth);
            if (is_poisoned(out))
                fail_msg("%dx%d depth %dx%d run %d: a sample was not written", z.width, z.height,
                         z.depth_width, z.depth_height, run);
            picture_free(view);
            picture_free(out);
            depth_release(depth);
        }
}

static bool same_part(const struct image *out, int x0, int y0, const struct image *view)
{
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(view, plane); y++)
            for (int x = 0; x < picture_width(view, plane); x++)
                if (picture_get(out, plane, x + (plane ? x0 / 2 : x0), y + (plane ? y0 / 2 : y0)) !=
                    picture_get(view, plane, x, y))
                    return false;
    return true;
}

static void without_divergence_both_eyes_are_the_film(void **state)
{
    (void)state;
    for (int bits = 8; bits <= 10; bits += 2) {
        struct image *view = picture_new(64, 34, bits), *out;
        struct plane16 *depth = depth_new(16, 9, 0);
        struct shot s = { 64, 34, bits, LAYOUT_FULL_SBS, SYNTHETIC_BOTH, 0, .5, 0, 0, 0, false };

        picture_texture(view, 3);
        depth_pattern(depth, 4, 3);
        out = warped(s, view, depth);
        assert_true(same_part(out, 0, 0, view) && same_part(out, 64, 0, view));
        picture_free(out);
        s.layout = LAYOUT_FULL_TB;
        out = warped(s, view, depth);
        assert_true(same_part(out, 0, 0, view) && same_part(out, 0, 34, view));
        picture_free(out);
        picture_free(view);
        depth_release(depth);
    }
}

static void the_untouched_eye_is_the_film(void **state)
{
    struct image *view = picture_new(64, 34, 8), *out;
    struct plane16 *depth = depth_new(16, 9, 0);
    struct shot s = { 64, 34, 8, LAYOUT_FULL_SBS, SYNTHETIC_RIGHT, 5, .5, 0, 0, 0, false };

    (void)state;
    picture_texture(view, 3);
    depth_pattern(depth, 2, 3);
    out = warped(s, view, depth);
    assert_true(same_part(out, 0, 0, view));
    assert_false(same_part(out, 64, 0, view));
    picture_free(out);
    s.synthetic = SYNTHETIC_LEFT;
    out = warped(s, view, depth);
    assert_false(same_part(out, 0, 0, view));
    assert_true(same_part(out, 64, 0, view));
    picture_free(out);
    picture_free(view);
    depth_release(depth);
}

/* On one plane the eyes are the film moved: exactly for whole pixels. */
static void flat_depth_is_a_pure_shift(void **state)
{
    struct image *view = picture_new(200, 20, 8);

    (void)state;
    picture_texture(view, 9);
    for (int near = 0; near < 2; near++) {
        struct plane16 *depth = depth_new(50, 5, near ? 65535 : 0);
        struct shot s = {
            200, 20, 8, LAYOUT_LEFT, SYNTHETIC_BOTH, 8, .5, 0, 0, 0, false
        }; /* 4 px an eye */
        struct image *out = warped(s, view, depth);
        int by = near ? 4 : -4;

        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < picture_height(out, plane); y++)
                for (int x = 8; x < picture_width(out, plane) - 8; x++)
                    CHECK_INT("sample", picture_get(out, plane, x, y),
                              picture_get(view, plane, x - (plane ? by / 2 : by), y));
        picture_free(out);
        depth_release(depth);
    }
    picture_free(view);
}

static int difference(const struct image *a, const struct image *b, int scale, int tolerance)
{
    int count = 0;

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(a, plane); y++)
            for (int x = 0; x < picture_width(a, plane); x++)
                count += abs(picture_get(a, plane, x, y) * scale - picture_get(b, plane, x, y)) >
                         tolerance;
    return count;
}

/* A flipped film gives flipped, swapped eyes. Halves of the fixed point round one way, so a level
 * of difference is allowed everywhere, and more in one sample of a thousand. */
static void a_mirrored_film_swaps_the_eyes(void **state)
{
    struct image *view = picture_new(160, 40, 8), *mirrored = picture_new(160, 40, 8);
    struct plane16 *depth = depth_new(160, 40, 0), *flipped = depth_new(160, 40, 0);
    struct shot s = { 160, 40, 8, LAYOUT_LEFT, SYNTHETIC_BOTH, 7.3, .4, 0, 0, 0, false };

    (void)state;
    picture_texture(view, 21);
    picture_flip(mirrored, view);
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        struct image *left, *right, *swapped = picture_new(160, 40, 8);
        int off;

        depth_pattern(depth, pattern, 8);
        for (int y = 0; y < 40; y++)
            for (int x = 0; x < 160; x++)
                *depth_at(flipped, 159 - x, y) = *depth_at(depth, x, y);
        s.layout = LAYOUT_LEFT;
        left = warped(s, view, depth);
        s.layout = LAYOUT_RIGHT;
        right = warped(s, mirrored, flipped);
        picture_flip(swapped, right);
        off = difference(left, swapped, 1, 1);
        if (off > 160 * 40 * 3 / 2 / 1000)
            fail_msg("pattern %d: %d samples differ by more than a level", pattern, off);
        picture_free(left);
        picture_free(right);
        picture_free(swapped);
    }
    picture_free(view);
    picture_free(mirrored);
    depth_release(depth);
    depth_release(flipped);
}

static void eight_and_ten_bits_agree(void **state)
{
    struct image *view = picture_new(160, 90, 8), *wide = picture_new(160, 90, 10);
    struct plane16 *depth = depth_new(40, 23, 0);

    (void)state;
    picture_texture(view, 33);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < picture_height(view, plane); y++)
            for (int x = 0; x < picture_width(view, plane); x++)
                picture_set(wide, plane, x, y, picture_get(view, plane, x, y) * 4);
    for (int layout = LAYOUT_FULL_SBS; layout < LAYOUT_COUNT; layout++) {
        struct shot s = { 160, 90, 8, layout, SYNTHETIC_BOTH, 5, .5, 0, 0, 0, false };
        struct image *a, *b;

        depth_pattern(depth, 2, 4);
        a = warped(s, view, depth);
        s.bit_depth = 10;
        b = warped(s, wide, depth);
        CHECK_INT(layout_flag(layout), difference(a, b, 4, 6), 0);
        picture_free(a);
        picture_free(b);
    }
    picture_free(view);
    picture_free(wide);
    depth_release(depth);
}

/* Even rows move one way and odd rows the other, by under half a pixel: chroma stays. */
static void chroma_follows_the_mean_of_a_surface(void **state)
{
    struct image *view = picture_new(160, 40, 8), *out;
    struct plane16 *depth = depth_new(160, 40, 0);
    struct shot s = { 160, 40, 8, LAYOUT_RIGHT, SYNTHETIC_BOTH, 2, .5, 0, 0, 0, false };

    (void)state;
    picture_texture(view, 2);
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 160; x++)
            *depth_at(depth, x, y) = y & 1 ? 65535 * 3 / 4 : 65535 / 4;
    out = warped(s, view, depth);
    for (int plane = 1; plane < 3; plane++)
        for (int y = 0; y < 20; y++)
            for (int x = 2; x < 78; x++)
                CHECK_INT("off by",
                          abs(picture_get(out, plane, x, y) - picture_get(view, plane, x, y)) > 1,
                          0);
    assert_false(same_part(out, 0, 0, view));
    picture_free(out);
    picture_free(view);
    depth_release(depth);
}

/* With chroma = x, at the left side of a near square chroma is of the square or of the wall, never
 * of a place between. */
static void chroma_at_an_edge_is_of_one_side(void **state)
{
    struct image *view = picture_new(400, 20, 10), *out;
    struct plane16 *depth = depth_new(400, 20, 0);
    struct shot s = { 400, 20, 10, LAYOUT_RIGHT, SYNTHETIC_BOTH, 10, .5, 0, 0, 0, false };

    (void)state;
    for (int y = 0; y < 10; y++)
        for (int x = 0; x < 200; x++)
            picture_set(view, 1, x, y, 200 + 3 * x);
    for (int y = 0; y < 20; y++)
        for (int x = 101 + y % 2 * 3; x < 300; x++)
            *depth_at(depth, x, y) = 65535;
    out = warped(s, view, depth);
    for (int y = 0; y < 10; y++)
        for (int x = 20; x < 130; x++) {
            double by = (picture_get(out, 1, x, y) - 200) / 3. - x;

            if (fabs(fabs(by) - 5) > .8) /* 10 % of 400 px, half each side, half each eye, 4:2:0 */
                fail_msg("chroma %d comes from %+.2f columns away", x, by);
        }
    picture_free(out);
    picture_free(view);
    depth_release(depth);
}

/* A near pole before a far wall, `wide` bright columns from 100 on. Where its edges are `mixed`,
 * one more column on each side is half pole, half wall, and its depth the wall's. */
static void pole(struct image *view, struct plane16 *depth, int wide, bool mixed)
{
    picture_fill(view, 40);
    for (int y = 0; y < view->height; y++)
        for (int x = 99; x < 101 + wide; x++) {
            bool inside = x >= 100 && x < 100 + wide;

            picture_set(view, 0, x, y, inside ? 220 : mixed ? 130 : 40);
            *depth_at(depth, x, y) = inside ? 65535 : 0;
        }
}

/* Runs of columns of the middle row that are more pole than wall; *wide: of the last one. */
static int things_seen(const struct image *out, int *wide)
{
    int runs = 0;

    for (int x = 0, before = 0; x < out->width; x++) {
        int is_thing = picture_get(out, 0, x, out->height / 2) > 95;

        runs += is_thing && !before;
        *wide = is_thing ? before ? *wide + 1 : 1 : *wide;
        before = is_thing;
    }
    return runs;
}

/* The wall goes on behind it on both sides at one parallax; what lies between them in the view is
 * the pole itself, and it is not shown again. Nor do the mixed columns stay behind, or fill what it
 * uncovers. */
static void a_pole_is_seen_once(void **state)
{
    (void)state;
    for (int wide = 1; wide <= 12; wide += wide < 4 ? 1 : 4)
        for (int mixed = 0; mixed < 2; mixed++)
            for (int right = 0; right < 2; right++) {
                struct shot s = {
                    240, 20, 8,    right ? LAYOUT_RIGHT : LAYOUT_LEFT, SYNTHETIC_BOTH, 8, .5, 0,
                    0,   0,  false
                };
                struct image *view = picture_new(240, 20, 8), *out;
                struct plane16 *depth = depth_new(240, 20, 0);
                int seen = 0, runs;

                pole(view, depth, wide, mixed);
                out = warped(s, view, depth);
                runs = things_seen(out, &seen);
                if (runs != 1 || abs(seen - wide - 2 * mixed) > 1)
                    fail_msg("%d columns%s, %s eye: %d things, the last one %d columns wide", wide,
                             mixed ? " with mixed edges" : "", right ? "right" : "left", runs,
                             seen);
                picture_free(out);
                picture_free(view);
                depth_release(depth);
            }
}

/* Two near poles, `gap` columns between them, the outer ones mixed, the others wall: nobody saw
 * what the other eye sees there, but it is wall and not pole, and the poles stay two. */
static void a_gap_between_near_things_stays_open(void **state)
{
    (void)state;
    for (int gap = 4; gap <= 8; gap++)
        for (int right = 0; right < 2; right++) {
            struct shot s = {
                240, 20, 8,    right ? LAYOUT_RIGHT : LAYOUT_LEFT, SYNTHETIC_BOTH, 8, .5, 0,
                0,   0,  false
            };
            struct image *view = picture_new(240, 20, 8), *out;
            struct plane16 *depth = depth_new(240, 20, 0);
            int seen = 0, runs;

            pole(view, depth, 16 + gap, true);
            for (int y = 0; y < 20; y++)
                for (int x = 108; x < 108 + gap; x++) {
                    picture_set(view, 0, x, y, x == 108 || x == 107 + gap ? 130 : 40);
                    *depth_at(depth, x, y) = 0;
                }
            out = warped(s, view, depth);
            runs = things_seen(out, &seen);
            if (runs != 2 || abs(seen - 10) > 1)
                fail_msg("a gap of %d, %s eye: %d things, the last one %d columns wide", gap,
                         right ? "right" : "left", runs, seen);
            picture_free(out);
            picture_free(view);
            depth_release(depth);
        }
}

/* Behind a near pole a wall of two colours, one above the other, and a single row of grain: in what
 * the pole uncovers the colours meet at the same row without a third one, and the grain is gone. */
static void edges_behind_go_on_and_grain_does_not(void **state)
{
    struct shot s = { 240, 20, 8, LAYOUT_RIGHT, SYNTHETIC_BOTH, 8, .5, 0, 0, 0, false };
    struct image *view = picture_new(240, 20, 8), *out;
    struct plane16 *depth = depth_new(240, 20, 0);
    int uncovered;

    (void)state;
    pole(view, depth, 12, false);
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 240; x++)
            if (x < 100 || x >= 112)
                picture_set(view, 0, x, y, y == 15 ? 100 : y < 10 ? 40 : 80);
    out = warped(s, view, depth);
    /* The pole ends where it did in the view less its shift; beside it is what nobody saw. */
    for (uncovered = 0; picture_get(out, 0, uncovered, 5) < 220; uncovered++)
        ;
    while (picture_get(out, 0, uncovered, 5) > 100)
        uncovered++;
    for (int y = 0; y < 20; y++)
        CHECK_INT("beside the pole", picture_get(out, 0, uncovered + 4, y), y < 10 ? 40 : 80);
    picture_free(out);
    picture_free(view);
    depth_release(depth);
}

/* Mirrored it is the same, and what is no edge stays. */
static void edges_go_with_the_nearer_side(void **state)
{
    int32_t row[] = { 0, 100, 200, 900, 910, 300, 300, 300, -500, 300 };
    int32_t want[] = { 0, 100, 900, 900, 910, 910, 300, 300, 300, 300 };
    int32_t back[10];

    (void)state;
    for (int i = 0; i < 10; i++)
        back[i] = row[9 - i];
    shape_edges(row, 10);
    shape_edges(back, 10);
    for (int i = 0; i < 10; i++) {
        CHECK_INT("shift", row[i], want[i]);
        CHECK_INT("mirrored", back[9 - i], want[i]);
    }
    shape_edges(row, 1);
    CHECK_INT("a single sample", row[0], 0);
}

/* Wherever in a long row an edge lies, and whatever lies beside it. */
static void edges_are_found_anywhere(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        int n = 1 + round % 150;
        int32_t was[150], row[150];

        for (int i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            was[i] =
                (int)(seed >> 27) < round % 8 || i == 0 ? (int32_t)(seed >> 16 & 1023) : was[i - 1];
            row[i] = was[i];
        }
        shape_edges(row, n);
        for (int i = 0; i < n; i++) {
            int32_t a = i ? was[i - 1] : was[i], b = i < n - 1 ? was[i + 1] : was[i];
            int32_t near = a > b ? a : b;

            CHECK_INT("shift", row[i], near - was[i] > SURFACE_STEP_Q8 ? near : was[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_things_lie_right_in_the_left_eye),
        cmocka_unit_test(the_scene_is_moved_by_the_ipd_offset),
        cmocka_unit_test(depth_ends_at_the_preserved_border),
        cmocka_unit_test(near_things_grow_by_the_dilation),
        cmocka_unit_test(the_warp_takes_shaped_depth),
        cmocka_unit_test(the_foreground_curve),
        cmocka_unit_test(far_things_lie_left_in_the_left_eye),
        cmocka_unit_test(nothing_moves_vertically),
        cmocka_unit_test(no_parallax_is_beyond_what_was_asked),
        cmocka_unit_test(every_sample_is_written_at_any_size),
        cmocka_unit_test(without_divergence_both_eyes_are_the_film),
        cmocka_unit_test(the_untouched_eye_is_the_film),
        cmocka_unit_test(flat_depth_is_a_pure_shift),
        cmocka_unit_test(chroma_follows_the_mean_of_a_surface),
        cmocka_unit_test(a_gap_between_near_things_stays_open),
        cmocka_unit_test(edges_go_with_the_nearer_side),
        cmocka_unit_test(edges_are_found_anywhere),
        cmocka_unit_test(a_pole_is_seen_once),
        cmocka_unit_test(edges_behind_go_on_and_grain_does_not),
        cmocka_unit_test(chroma_at_an_edge_is_of_one_side),
        cmocka_unit_test(a_mirrored_film_swaps_the_eyes),
        cmocka_unit_test(eight_and_ten_bits_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
