/* SPDX-License-Identifier: Apache-2.0
 *
 * The screen plane: where it may lie for comfort, and a warp whose screen is moved between frames.
 */
#include "tests/common/check.h"
#include "tests/worker/stereo/scene.h"
#include "worker/stereo/comfort.h"
#include "worker/stereo/shape.h"
#include "worker/stereo/warp.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH  200
#define HEIGHT 20

static void the_screen_keeps_to_comfort(void **state)
{
    static const struct {
        double divergence, ipd, farthest, nearest, low, high;
    } rows[] = {
        { 2, 0, .2, .8, .3, 1 },        { 2, 0, 0, 1, .5, 1 },
        { 3, 0, 0, 1, 2. / 3, 2. / 3 }, /* the range of 3 % exactly: -1 % and +2 % */
        { 5, 0, .2, .8, .6, .6 },       { 0, 0, 0, 1, 0, 1 },
        { 2, .5, 0, 1, .75, 1 }, /* all is .5 % nearer */
        { 2, -.5, 0, 1, .25, .75 },     { 10, 0, 0, 1, 2. / 3, 2. / 3 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct job_spec spec = { .divergence = rows[i].divergence, .ipd_offset = rows[i].ipd };
        struct depth_span depths = { rows[i].farthest, rows[i].nearest };
        struct depth_span screen = comfort_screen(&spec, depths);
        double range = rows[i].divergence * (rows[i].nearest - rows[i].farthest);

        if (fabs(screen.farthest - rows[i].low) > 1e-6 ||
            fabs(screen.nearest - rows[i].high) > 1e-6)
            fail_msg("row %zu: %g..%g", i, screen.farthest, screen.nearest);
        assert_int_equal(
            comfort_is_kept(rows[i].divergence * (rows[i].nearest - screen.farthest) + rows[i].ipd,
                            rows[i].divergence * (screen.nearest - rows[i].farthest) - rows[i].ipd),
            range < 3.001);
    }
}

static void bending_is_taken_back(void **state)
{
    (void)state;
    for (int scale = -6; scale <= 6; scale++)
        for (int depth = 0; depth < 65536; depth += 771) {
            uint16_t back = shape_unbend(scale / 2., (uint16_t)depth);

            assert_true(shape_bend(scale / 2., back) >= depth);
            if (back > 0)
                assert_true(shape_bend(scale / 2., (uint16_t)(back - 1)) < depth);
            if (scale == 0)
                CHECK_INT("nothing is bent", back, depth);
        }
}

static struct warp *warp_of(double convergence, double foreground_scale)
{
    struct warp_opts opts = { .width = WIDTH,
                              .height = HEIGHT,
                              .bit_depth = 8,
                              .layout = LAYOUT_FULL_SBS,
                              .divergence = 6,
                              .convergence = convergence,
                              .foreground_scale = foreground_scale };
    struct warp *warp;
    struct err err;

    CHECK_OK(warp_new(&warp, &opts, &err), err);
    return warp;
}

static struct image *frame_of(struct warp *warp, const struct image *view,
                              const struct plane16 *depth)
{
    struct image *out = picture_new(2 * WIDTH, HEIGHT, 8);

    warp_frame(warp, out, view, depth);
    return out;
}

/* A frame after the screen was moved is that of a warp made with this screen. */
static void the_screen_moves_between_frames(void **state)
{
    struct image *view = picture_new(WIDTH, HEIGHT, 8);
    uint16_t px[WIDTH * HEIGHT];
    struct plane16 depth = { px, WIDTH, HEIGHT, WIDTH * 2 };
    AUTO(warp) struct warp *moved = warp_of(.2, 0);

    (void)state;
    picture_fill(view, 20);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        px[i] = (uint16_t)(i % WIDTH < 90 ? 15000 : 52000);
        view->plane[0][i / WIDTH * view->stride[0] + i % WIDTH] = (uint8_t)(i % WIDTH * 37 % 200);
    }
    for (int screen = 0; screen <= 65535; screen += 13107) {
        AUTO(warp) struct warp *fresh = warp_of(screen / 65535., 0);
        struct image *want = frame_of(fresh, view, &depth), *found, *before;

        before = frame_of(moved, view, &depth);
        warp_set_screen(moved, (uint16_t)screen);
        found = frame_of(moved, view, &depth);
        assert_true(picture_same_luma(found, want));
        assert_false(picture_same_luma(found, before));
        picture_free(want);
        picture_free(found);
        picture_free(before);
    }
    picture_free(view);
}

/* What lies on the screen is the same in both eyes, whatever else is bent. */
static void the_screen_is_flat_where_depth_is_bent(void **state)
{
    struct image *view = picture_new(WIDTH, HEIGHT, 8);
    uint16_t px[WIDTH * HEIGHT];
    struct plane16 depth = { px, WIDTH, HEIGHT, WIDTH * 2 };

    (void)state;
    picture_fill(view, 20);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        view->plane[0][i / WIDTH * view->stride[0] + i % WIDTH] = (uint8_t)(i % WIDTH * 37 % 200);
    for (int scale = -3; scale <= 3; scale++) {
        AUTO(warp) struct warp *fixed = warp_of(.5, scale), *moved = warp_of(.9, scale);

        for (int way = 0; way < 2; way++) {
            struct image *out;

            for (int i = 0; i < WIDTH * HEIGHT; i++)
                px[i] = way ? 20000 : shape_unbend(scale, 32768);
            warp_set_screen(moved, 20000);
            out = frame_of(way ? moved : fixed, view, &depth);
            for (int y = 0; y < HEIGHT; y++) {
                const uint8_t *row = out->plane[0] + y * out->stride[0];

                for (int x = 0; x < WIDTH; x++)
                    if (abs(row[x] - row[WIDTH + x]) > 3)
                        fail_msg("scale %d: %d,%d: %d and %d", scale, x, y, row[x], row[WIDTH + x]);
            }
            picture_free(out);
        }
    }
    picture_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_screen_keeps_to_comfort),
        cmocka_unit_test(bending_is_taken_back),
        cmocka_unit_test(the_screen_moves_between_frames),
        cmocka_unit_test(the_screen_is_flat_where_depth_is_bent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
