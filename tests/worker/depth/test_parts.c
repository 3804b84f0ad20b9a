/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators one by one: cuts, percentiles and windows, means.
 */
#include "tests/worker/depth/film.h"
#include "worker/depth/low.h"
#include "worker/depth/normalise.h"
#include "worker/depth/scene_cut.h"
#include "worker/depth/smooth.h"

#include <stdlib.h>

static uint32_t score_between(const struct film *film, int a, int b)
{
    AUTO(low) struct low *low = NULL;
    uint32_t bins[2][SCENE_CUT_BINS];
    AUTO_FREE uint16_t *before = NULL;
    struct err err;
    int n;

    CHECK_OK(low_new(&low, film->width, film->height, &err), err);
    n = low->width * low->height;
    before = calloc((size_t)n, 2);
    for (int i = 0; i < 2; i++) {
        struct image *frame = film_frame(film, i ? b : a);

        memcpy(before, low->luma, (size_t)n * 2);
        low_load(low, frame);
        scene_cut_histogram(bins[i], low->luma, n);
        film_frame_free(frame);
    }
    return scene_cut_score(bins[0], bins[1], before, low->luma, n);
}

static void another_shot_scores_more_than_the_next_frame(void **state)
{
    struct film film;

    (void)state;
    film_make(&film, 200, 100, 8, 3, 4);
    film.shot[0] = film.shot[1] = 4;
    film.shot[2] = 8;
    memset(film.light, 0, sizeof(film.light));
    CHECK_INT("itself", score_between(&film, 0, 0), 0);
    assert_true(score_between(&film, 0, 1) < 65536 * 15 / 100);
    assert_true(score_between(&film, 1, 2) > 65536 * 30 / 100);
}

static void black_to_white_is_the_largest_score(void **state)
{
    uint32_t black[SCENE_CUT_BINS], white[SCENE_CUT_BINS];
    uint16_t dark[100] = { 0 }, light[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        light[i] = LOW_MAX;
    scene_cut_histogram(black, dark, 100);
    scene_cut_histogram(white, light, 100);
    CHECK_INT("chi-square 2, change 1", scene_cut_score(black, white, dark, light, 100), 98304);
}

static void a_cut_is_high_and_stands_out(void **state)
{
    static const struct row {
        const char *name;
        uint32_t scores[9];
        int count, at;
        bool want;
    } rows[] = {
        { "a lone peak", { 10, 10, 10, 10, 30000, 10, 10, 10, 10 }, 9, 4, true },
        { "not high enough", { 10, 10, 10, 10, 19660, 10, 10, 10, 10 }, 9, 4, false },
        { "all are high",
          { 25000, 25000, 25000, 25000, 30000, 25000, 25000, 25000, 25000 },
          9,
          4,
          false },
        { "two cuts", { 10, 10, 40000, 10, 30000, 10, 10, 10, 10 }, 9, 4, true },
        { "the film's second frame", { 30000, 10, 10, 10, 10 }, 5, 0, true },
        { "a film of two frames", { 60000 }, 1, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(rows[i].name, scene_cut_is(rows[i].scores, rows[i].count, rows[i].at),
                  rows[i].want);
}

static void percentiles_leave_out_one_in_a_hundred(void **state)
{
    static uint16_t px[10000];

    (void)state;
    for (int i = 0; i < 10000; i++)
        px[i] = (uint16_t)(i < 90 ? 0 : i > 9910 ? 65535 : 20000 + i);
    assert_in_range(normalise_percentiles(px, 10000).low, 20000, 20110);
    assert_in_range(normalise_percentiles(px, 10000).high, 29850, 29990);
    px[0] = 7;
    CHECK_INT("one sample", normalise_percentiles(px, 1).low, 0);
    CHECK_INT("one sample", normalise_percentiles(px, 1).high, 63);
}

static void one_wild_frame_widens_the_range_smoothly(void **state)
{
    struct depth_range ranges[60], before = { 1000, 2000 };

    (void)state;
    for (int i = 0; i < 60; i++)
        ranges[i] = before;
    ranges[30].high = 5000;
    for (int i = 0; i < 60; i++) {
        struct depth_range now = normalise_window(ranges, 60, i);

        CHECK_INT("low", now.low, 1000);
        assert_true(abs(now.high - before.high) <= 3000 / 10);
        if (i == 30)
            CHECK_INT("the wild frame keeps its range", now.high, 5000);
        if (abs(i - 30) > 2 * NORMALISE_REACH)
            CHECK_INT("far from it nothing changes", now.high, 2000);
        before = now;
    }
}

static void a_film_without_depth_is_in_the_middle(void **state)
{
    uint16_t in[4] = { 100, 110, 120, 130 }, out[4];

    (void)state;
    normalise_row(out, in, 4, (struct depth_range){ 100, 130 });
    for (int i = 0; i < 4; i++)
        CHECK_INT("middle", out[i], 32768);
    normalise_row(out, in, 4, (struct depth_range){ 110, 10110 });
    CHECK_INT("below the range", out[0], 0);
    CHECK_INT("its end", out[1], 0);
    assert_in_range(out[2], 64, 66);
}

static void means_are_rounded_means(void **state)
{
    uint16_t plane[7 * 5], want[7 * 5], scratch[7 * 5], out[3];
    uint16_t a[3] = { 0, 65535, 10 }, b[3] = { 1, 65535, 11 }, c[3] = { 1, 65535, 12 };
    const uint16_t *planes[] = { a, b, c };
    uint32_t sums[7];

    (void)state;
    smooth_frames(out, planes, 3, 3);
    CHECK_INT("2/3", out[0], 1);
    CHECK_INT("all", out[1], 65535);
    CHECK_INT("11", out[2], 11);
    for (int i = 0; i < 35; i++)
        plane[i] = (uint16_t)(i * 7919 % 65536);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 7; x++) {
            double sum = 0;

            for (int dy = -2; dy <= 2; dy++)
                for (int dx = -2; dx <= 2; dx++) {
                    int u = x + dx < 0 ? 0 : x + dx > 6 ? 6 : x + dx;
                    int v = y + dy < 0 ? 0 : y + dy > 4 ? 4 : y + dy;

                    sum += plane[v * 7 + u];
                }
            want[y * 7 + x] = (uint16_t)(sum / 25 + .5);
        }
    smooth_box(plane, 7, 5, 2, sums, scratch);
    for (int i = 0; i < 35; i++)
        assert_in_range(plane[i] + 1, want[i], want[i] + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_shot_scores_more_than_the_next_frame),
        cmocka_unit_test(black_to_white_is_the_largest_score),
        cmocka_unit_test(a_cut_is_high_and_stands_out),
        cmocka_unit_test(percentiles_leave_out_one_in_a_hundred),
        cmocka_unit_test(one_wild_frame_widens_the_range_smoothly),
        cmocka_unit_test(a_film_without_depth_is_in_the_middle),
        cmocka_unit_test(means_are_rounded_means),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
