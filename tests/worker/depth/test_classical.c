/* SPDX-License-Identifier: Apache-2.0
 *
 * What classical depth says about simple pictures.
 */
#include "tests/worker/depth/film.h"

#include <stdlib.h>

#define WIDTH  256
#define HEIGHT 144
#define FRAMES 30

struct painter { /* luma, Cb, Cr of a place */
    void (*paint)(int yuv[3], int x, int y);
};

static void set(int yuv[3], int y, int cb, int cr)
{
    yuv[0] = y;
    yuv[1] = cb;
    yuv[2] = cr;
}

static void paint_grey(int yuv[3], int x, int y)
{
    (void)x, (void)y;
    set(yuv, 110, 128, 128);
}

static bool in_disc(int x, int y)
{
    return (x - 180) * (x - 180) + (y - 70) * (y - 70) < 30 * 30;
}

static void paint_warm(int yuv[3], int x, int y)
{
    set(yuv, 110, in_disc(x, y) ? 100 : 128, in_disc(x, y) ? 165 : 128);
}

static void paint_detail(int yuv[3], int x, int y)
{
    set(yuv, in_disc(x, y) ? 70 + (x / 2 * 37 + y / 2 * 91) % 80 : 110, 128, 128);
}

static void paint_sky(int yuv[3], int x, int y)
{
    (void)x;
    set(yuv, y < 60 ? 200 : 90, y < 60 ? 165 : 128, y < 60 ? 110 : 128);
}

static void paint_framed(int yuv[3], int x, int y)
{
    bool letter = y >= 104 && y < 116 && x >= 60 && x < 196;

    set(yuv,
        y < 16 || y >= HEIGHT - 16 ? 16
        : letter                   ? (x % 4 < 2 ? 235 : 20)
                                   : 90 + x % 9 * 4,
        128, 128);
}

static struct image *painted(const struct painter *painter)
{
    struct film film;
    struct image *frame;

    film_make(&film, WIDTH, HEIGHT, 8, 1, 1);
    frame = film_frame(&film, 0);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < (plane ? HEIGHT / 2 : HEIGHT); y++)
            for (int x = 0; x < (plane ? WIDTH / 2 : WIDTH); x++) {
                int yuv[3];

                painter->paint(yuv, plane ? 2 * x : x, plane ? 2 * y : y);
                frame->plane[plane][y * frame->stride[plane] + x] = (uint8_t)yuv[plane];
            }
    return frame;
}

#define FOLLOWS (-1)

/* The depth of a still film of this picture, for a screen plane of this depth, or one that follows
 * the film. Caller frees. */
static uint16_t *depth_on_screen(const struct painter *painter, int screen)
{
    AUTO(depth) struct depth *depth = NULL;
    struct image *frame = painted(painter);
    uint16_t *px = calloc(WIDTH * HEIGHT, 2);
    struct plane16 out = { px, WIDTH, HEIGHT, WIDTH * 2 };
    struct err err;
    bool ready;

    CHECK_OK(depth_classical_new(&depth, WIDTH, HEIGHT, 8, &err), err);
    CHECK_INT("width", depth->width, WIDTH);
    CHECK_INT("the middle unless it is set", depth->screen, 32768);
    if (screen != FOLLOWS)
        depth->screen = (uint16_t)screen;
    depth->follows = screen == FOLLOWS;
    depth->screen_high = UINT16_MAX;
    for (int t = 0; t < FRAMES; t++)
        CHECK_OK(depth->ops->push(depth, frame, &err) || depth->ops->pop(depth, &out, &ready, &err),
                 err);
    assert_true(ready);
    film_frame_free(frame);
    return px;
}

static uint16_t *depth_of(const struct painter *painter)
{
    return depth_on_screen(painter, 32768);
}

static int mean(const uint16_t *px, int x0, int y0, int size)
{
    int64_t sum = 0;

    for (int y = y0; y < y0 + size; y++)
        for (int x = x0; x < x0 + size; x++)
            sum += px[y * WIDTH + x];
    return (int)(sum / (size * size));
}

static void the_ground_is_near_and_strength_is_capped(void **state)
{
    uint16_t *px = depth_of(&(struct painter){ paint_grey });
    int low = 65535, high = 0;

    (void)state;
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        low = px[i] < low ? px[i] : low;
        high = px[i] > high ? px[i] : high;
    }
    assert_in_range(low, 65535 / 5 - 200, 65535 / 5 + 200);
    assert_in_range(high, 65535 * 4 / 5 - 200, 65535 * 4 / 5 + 200);
    assert_true(mean(px, 120, 130, 10) > mean(px, 120, 80, 10));
    assert_true(mean(px, 120, 80, 10) > mean(px, 2, 2, 10));
    free(px);
}

/* Against the same place mirrored, where the prior is the same. */
static void objects_stand_out(void **state)
{
    const struct painter painters[] = { { paint_warm }, { paint_detail } };

    (void)state;
    for (size_t i = 0; i < COUNT(painters); i++) {
        uint16_t *px = depth_of(&painters[i]);

        assert_true(mean(px, 170, 60, 20) > mean(px, WIDTH - 190, 60, 20) + 3000);
        free(px);
    }
}

static void the_sky_is_far(void **state)
{
    uint16_t *grey = depth_of(&(struct painter){ paint_grey });
    uint16_t *sky = depth_of(&(struct painter){ paint_sky });

    (void)state;
    assert_true(mean(sky, 120, 20, 20) < mean(grey, 120, 20, 20));
    assert_true(mean(sky, 120, 120, 20) > mean(sky, 120, 20, 20) + 20000);
    free(grey);
    free(sky);
}

static void bars_and_subtitles_lie_on_the_screen(void **state)
{
    uint16_t *px = depth_on_screen(&(struct painter){ paint_framed }, 40000);

    (void)state;
    for (int x = 0; x < WIDTH; x++) {
        CHECK_INT("upper bar", px[5 * WIDTH + x], 40000);
        CHECK_INT("lower bar", px[(HEIGHT - 3) * WIDTH + x], 40000);
    }
    for (int y = 104; y < 116; y++)
        for (int x = 64; x < 192; x++)
            CHECK_INT("letters", px[y * WIDTH + x], 40000);
    assert_true(mean(px, 20, 104, 10) > 41000);
    assert_true(mean(px, 120, 20, 10) < 20000);
    free(px);
}

/* It lies on what the middle shows, and they on it. */
static void bars_lie_on_a_screen_that_follows(void **state)
{
    uint16_t *px = depth_on_screen(&(struct painter){ paint_framed }, FOLLOWS);
    int screen = px[5 * WIDTH + 7], below = 0, above = 0;

    (void)state;
    for (int x = 0; x < WIDTH; x++) {
        CHECK_INT("upper bar", px[5 * WIDTH + x], screen);
        CHECK_INT("lower bar", px[(HEIGHT - 3) * WIDTH + x], screen);
    }
    for (int y = 52; y < 92; y++)
        for (int x = 88; x < 168; x++) {
            below += px[y * WIDTH + x] < screen;
            above += px[y * WIDTH + x] > screen;
        }
    assert_true(below > 500 && above > 500);
    free(px);
}

static void eight_and_ten_bits_give_the_same_depth(void **state)
{
    struct film film;
    uint16_t *a, *b;
    int w, h;

    (void)state;
    film_make(&film, 613, 77, 8, 40, 5);
    a = film_depths(&film, 0, 40, &w, &h);
    film.bit_depth = 10;
    b = film_depths(&film, 0, 40, &w, &h);
    CHECK_INT("width", w, 307);
    assert_memory_equal(a, b, (size_t)w * (size_t)h * 40 * 2);
    free(a);
    free(b);
}

static void odd_sizes_and_short_films_work(void **state)
{
    static const int sizes[][2] = { { 2, 2 }, { 33, 17 }, { 2, 90 }, { 1026, 2 }, { 513, 3 } };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int frames = 1; frames < 60; frames += 29) {
            struct film film;
            int w, h;

            film_make(&film, sizes[i][0], sizes[i][1], 8, frames, 9);
            free(film_depths(&film, 0, frames, &w, &h));
        }
}

static void a_frame_of_another_size_is_refused(void **state)
{
    AUTO(depth) struct depth *depth = NULL;
    struct film film;
    struct image *frame;
    struct err err;

    (void)state;
    film_make(&film, 64, 36, 8, 1, 1);
    frame = film_frame(&film, 0);
    CHECK_OK(depth_classical_new(&depth, 64, 38, 8, &err), err);
    CHECK_ERR(depth->ops->push(depth, frame, &err), err, ERR_INTERNAL);
    film_frame_free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ground_is_near_and_strength_is_capped),
        cmocka_unit_test(objects_stand_out),
        cmocka_unit_test(the_sky_is_far),
        cmocka_unit_test(bars_and_subtitles_lie_on_the_screen),
        cmocka_unit_test(bars_lie_on_a_screen_that_follows),
        cmocka_unit_test(eight_and_ten_bits_give_the_same_depth),
        cmocka_unit_test(odd_sizes_and_short_films_work),
        cmocka_unit_test(a_frame_of_another_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
