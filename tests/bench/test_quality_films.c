/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the films of bench/quality are what they say: their right views, what is hidden and where
 * everything was a frame before, each found again in a second, slower way; and that the scores and
 * the product stand where they must on one of them.
 */
#include "bench/quality/methods.h"
#include "bench/quality/score.h"
#include "common/mem.h"
#include "tests/common/check.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH  320
#define HEIGHT 180
#define FINE   16 /* parts of a sample */
#define FRAME  (WORLD_JOINT + 1)
#define PAN    4 /* the film whose every place moves far */

struct spot { /* what brute force finds nearest at one fine place of the right eye */
    double parallax, luma;
};

/* Every fine place of the left eye, moved by its parallax; the nearest stays. */
static void move_row(struct spot *out, const struct pose *pose, double y)
{
    struct row left;

    for (int i = 0; i < WIDTH * FINE; i++)
        out[i] = (struct spot){ -1e9, 0 };
    pose_row(&left, pose, y, EYE_AT_LEFT);
    for (int i = -WIDTH * FINE / 8; i < WIDTH * FINE * 9 / 8; i++) {
        double x = (i + .5) / FINE - .5;
        struct place place = row_look(&left, pose, x);
        int to = (int)floor((x - place.parallax + .5) * FINE);

        if (to >= 0 && to < WIDTH * FINE && place.parallax > out[to].parallax)
            out[to] = (struct spot){ place.parallax, pose_luma(pose, &place) };
    }
}

/* Of the fine places of one sample of the right eye, those whose luma brute force and the film have
 * alike, and those that nothing came to. */
static void compare_sample(int *same, int *empty, const struct spot *moved, const struct row *right,
                           const struct pose *pose, int x)
{
    for (int k = 0; k < FINE; k++) {
        const struct spot *spot = &moved[x * FINE + k];
        struct place place = row_look(right, pose, x + (k + .5) / FINE - .5);

        if (spot->parallax < -1e8)
            ++*empty;
        else if (fabs(pose_luma(pose, &place) - spot->luma) < 4 &&
                 fabs(place.parallax - spot->parallax) < .1)
            ++*same;
    }
}

static void check_right_view(const struct world *world, int frame)
{
    struct pose pose = { world, frame, WIDTH, HEIGHT };
    struct spot *moved = xcalloc(WIDTH * FINE, sizeof(*moved));
    int same = 0, empty = 0, all = 0;

    for (int y = 3; y < HEIGHT; y += 8) {
        struct row right;

        move_row(moved, &pose, y);
        pose_row(&right, &pose, y, EYE_AT_RIGHT);
        for (int x = 0; x < WIDTH; x++)
            compare_sample(&same, &empty, moved, &right, &pose, x);
        all += WIDTH * FINE;
    }
    free(moved);
    /* What only the right eye sees is empty, or what lies still farther back came there. */
    if (empty > all / 8 || same < (all - empty) * 97 / 100)
        fail_msg("%s: of %d places %d are as brute force has them, %d are empty", world->name, all,
                 same, empty);
}

static void the_right_view_is_what_brute_force_finds(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    (void)state;
    for (int i = 0; i < WORLDS; i++) {
        world_make(world, i, 0);
        check_right_view(world, FRAME);
    }
    free(world);
}

/* Found again in the eye where it was seen. */
static void check_places(const struct world *world, enum eye_at eye)
{
    struct pose pose = { world, FRAME, WIDTH, HEIGHT };

    for (int y = 0; y < HEIGHT; y += 7) {
        struct row row;

        pose_row(&row, &pose, y, eye);
        for (int x = 0; x < WIDTH; x += 3) {
            struct place place = row_look(&row, &pose, x);
            double fx = x, fy = y;

            if (place.surface >= 0)
                pose_find(&pose, &place, eye, &fx, &fy);
            if (fabs(fx - x) > 1e-6 || fabs(fy - y) > 1e-6)
                fail_msg("%s: what is at %d,%d is found at %.3f,%.3f", world->name, x, y, fx, fy);
        }
    }
}

static void places_are_found_where_they_are_seen(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    (void)state;
    for (int i = 0; i < WORLDS; i++) {
        world_make(world, i, 0);
        check_places(world, EYE_AT_LEFT);
        check_places(world, EYE_AT_RIGHT);
    }
    free(world);
}

/* A frame's right view made of the one before must be near the true one: much nearer than that one
 * unmoved. */
static void check_motion(const struct film *film)
{
    const struct truth *now = &film->truth[2], *before = &film->truth[1];
    double moved = 0, unmoved = 0;
    int known = 0, n = WIDTH * HEIGHT;

    for (int i = 0; i < n; i++) {
        int x, y;

        if (isnan(now->before_x[i]))
            continue;
        x = (int)lround(now->before_x[i]);
        y = (int)lround(now->before_y[i]);
        moved += abs(now->right[i] - before->right[y * WIDTH + x]);
        unmoved += abs(now->right[i] - before->right[i]);
        known++;
    }
    if (known < n * 8 / 10 || moved / known > 4 || moved > .5 * unmoved)
        fail_msg("%s: %d of %d places known, mean change %.2f moved, %.2f unmoved", film->name,
                 known, n, moved / known, unmoved / known);
}

/* Depth is the parallax that it is turned back to, and the hidden are few but there. */
static void check_depth(const struct film *film)
{
    struct depths depths;
    float *parallax = xcalloc(WIDTH * HEIGHT, sizeof(*parallax));
    int hidden = 0;

    depths_make(&depths, film, GIVEN_EXACT);
    parallax_of(parallax, film, &depths.plane[0]);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        if (fabsf(parallax[i] - film->truth[0].parallax[i]) > .001f)
            fail_msg("parallax %f, truth %f", (double)parallax[i],
                     (double)film->truth[0].parallax[i]);
        hidden += film->truth[0].sight[i] == SIGHT_HIDDEN;
    }
    if (hidden < WIDTH * HEIGHT / 500 || hidden > WIDTH * HEIGHT / 10)
        fail_msg("%d samples hidden", hidden);
    free(parallax);
    depths_clear(&depths);
}

static struct score score_of(const struct film *film, enum given kind, enum method method)
{
    AUTO(maker) struct maker *maker = maker_new(film);
    uint8_t *out = xcalloc(WIDTH * HEIGHT, 1);
    float *parallax = xcalloc(WIDTH * HEIGHT, sizeof(*parallax));
    struct view view = { &film->left[FILM_FIRST], NULL, parallax, parallax };
    struct score score = { 0 };
    struct depths depths;

    depths_make(&depths, film, kind);
    view.depth = &depths.plane[0];
    parallax_of(parallax, film, view.depth);
    maker_make(maker, out, method, &view);
    score_add(&score, (struct size){ WIDTH, HEIGHT }, out, film->truth[0].right,
              film->left[FILM_FIRST].plane[0], film->truth[0].sight);
    print_message("%-10s %-22s %6.2f dB  SSIM %.3f  SIoU %.3f\n", given_names[kind],
                  method_names[method], score_psnr_all(&score), score_ssim(&score),
                  score_siou(&score));
    free(out);
    free(parallax);
    depths_clear(&depths);
    return score;
}

static void check_better(struct score a, struct score b, double by_db)
{
    if (score_psnr_all(&a) < score_psnr_all(&b) + by_db || score_ssim(&a) <= score_ssim(&b) ||
        score_siou(&a) <= score_siou(&b))
        fail_msg("%.2f dB is not %.1f dB better than %.2f, or SSIM or SIoU are not better",
                 score_psnr_all(&a), by_db, score_psnr_all(&b));
}

static void check_product(const struct film *film)
{
    struct score identity = score_of(film, GIVEN_EXACT, METHOD_IDENTITY);
    struct score exact = score_of(film, GIVEN_EXACT, METHOD_OURS);
    struct score quarter = score_of(film, GIVEN_QUARTER, METHOD_OURS);

    check_better(exact, identity, 9);
    check_better(exact, score_of(film, GIVEN_EXACT, METHOD_BACKWARD), 3.5);
    check_better(exact, score_of(film, GIVEN_EXACT, METHOD_FIXED_POINT), 3.5);
    check_better(score_of(film, GIVEN_EXACT, METHOD_FORWARD), identity, 8);
    check_better(quarter, identity, 5);
    check_better(quarter, score_of(film, GIVEN_QUARTER, METHOD_BACKWARD), 1);
}

static void a_film_is_as_it_says_and_the_product_comes_near(void **state)
{
    struct film *film = xcalloc(1, sizeof(*film));

    (void)state;
    film_make(film, PAN, WIDTH, HEIGHT);
    check_motion(film);
    check_depth(film);
    check_product(film);
    film_clear(film);
    free(film);
}

static void scores_are_what_they_are_by_hand(void **state)
{
    static uint8_t a[32 * 16], b[32 * 16], left[32 * 16], sight[32 * 16], edges[32 * 16];
    struct size size = { 32, 16 };
    struct score s = { 0 };
    int found = 0;

    (void)state;
    for (int i = 0; i < 32 * 16; i++) {
        a[i] = i % 32 < 16 ? 60 : 180;
        b[i] = (uint8_t)(a[i] + 5);
        sight[i] = i % 32 == 0 ? SIGHT_HIDDEN : SIGHT_SEEN;
    }
    b[0] = (uint8_t)(a[0] + 5);
    score_add(&s, size, a, b, left, sight);
    assert_true(fabs(score_psnr_all(&s) - 10 * log10(255 * 255 / 25.)) < 1e-9);
    assert_true(fabs(score_psnr_hidden(&s) - score_psnr_seen(&s)) < 1e-9);
    assert_true(score_ssim(&s) < 1);
    assert_true(fabs(ssim_of(size, a, a) - 1) < 1e-9);
    assert_true(fabs(score_siou(&s) - 1) < 1e-9); /* edges and changes lie in the same places */
    canny(edges, size, a);
    for (int i = 0; i < 32 * 16; i++)
        found += edges[i];
    CHECK_INT("a step", found, 14); /* one line, without the first and last row */
    for (int i = 0; i < 32 * 16; i++)
        b[i] = i % 32 < 12 ? 60 : 180;
    assert_true(fabs(siou_of(size, b, a, a) - 0) < 1e-9); /* elsewhere: nothing is shared */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_view_is_what_brute_force_finds),
        cmocka_unit_test(places_are_found_where_they_are_seen),
        cmocka_unit_test(a_film_is_as_it_says_and_the_product_comes_near),
        cmocka_unit_test(scores_are_what_they_are_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
