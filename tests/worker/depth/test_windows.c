/* SPDX-License-Identifier: Apache-2.0
 *
 * The depth of a frame does not depend on where the film was cut into segments: a run that sees
 * depth_classical_support() frames before and after what it owns gives the same bits.
 */
#include "tests/worker/depth/film.h"

#include <stdlib.h>

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* The first frame of a..b-1 whose depth differs from the whole film's, or -1. */
static int first_difference(const struct film *film, const uint16_t *whole, int a, int b, int lead)
{
    int w, h, from = clamp(a - lead, 0, a), to = clamp(b + lead, b, film->frames), found = -1;
    uint16_t *part = film_depths(film, from, to, &w, &h);
    size_t cells = (size_t)w * (size_t)h;

    for (int t = a; t < b && found < 0; t++)
        if (memcmp(part + cells * (size_t)(t - from), whole + cells * (size_t)t, cells * 2) != 0)
            found = t;
    free(part);
    return found;
}

static void depth_does_not_depend_on_the_cut(void **state)
{
    int support = (int)depth_classical_support();

    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct film film;
        uint16_t *whole;
        int w, h;

        film_make(&film, seed % 3 ? 48 : 515, seed % 3 ? 26 : 6, seed % 2 ? 8 : 10, 150, seed);
        whole = film_depths(&film, 0, film.frames, &w, &h);
        for (int a = (int)seed % 7; a < film.frames; a += 13) {
            int b = clamp(a + 1 + (int)seed * a % 40, 0, film.frames);
            int t = first_difference(&film, whole, a, b, support);

            if (t >= 0)
                fail_msg("seed %u: frames %d..%d: depth of %d differs", seed, a, b - 1, t);
        }
        free(whole);
    }
}

/* Small frames, so that very many windows can be tried. */
static void nor_where_cuts_are_uncertain(void **state)
{
    int support = (int)depth_classical_support();

    (void)state;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        struct film film;
        uint16_t *whole;
        int w, h;

        film_make_nervous(&film, 250, seed);
        whole = film_depths(&film, 0, film.frames, &w, &h);
        for (int a = 0; a < film.frames; a += 3) {
            int t = first_difference(&film, whole, a, clamp(a + 2, 0, film.frames), support);

            if (t >= 0)
                fail_msg("seed %u: frames %d..%d: depth of %d differs", seed, a, a + 1, t);
        }
        free(whole);
    }
}

/* Two films that are the same up to a cut, and two that are the same from a cut on. (Shots 1, 3,
 * 10 and 12 of this seed differ by more than .8; a cut is above .3.) */
static void nothing_passes_a_cut(void **state)
{
    (void)state;
    for (int after = 0; after < 2; after++) {
        struct film film, other;
        uint16_t *a, *b;
        int w, h, first = after ? 40 : 0;
        size_t cells;

        film_make(&film, 48, 26, 8, 80, 3);
        memset(film.light, 0, sizeof(film.light));
        for (int t = 0; t < 80; t++)
            film.shot[t] = t < 40 ? 1 : 3;
        other = film;
        for (int t = 0; t < 40; t++)
            other.shot[after ? t : t + 40] = after ? 10 : 12;
        a = film_depths(&film, 0, 80, &w, &h);
        b = film_depths(&other, 0, 80, &w, &h);
        cells = (size_t)w * (size_t)h;
        for (int t = first; t < first + 40; t++)
            if (memcmp(a + cells * (size_t)t, b + cells * (size_t)t, cells * 2) != 0)
                fail_msg("frame %d knows of the shot %s", t, after ? "before" : "after");
        free(a);
        free(b);
    }
}

/* Or the tests above could not see anything: with a lead that is too short, depths do differ. */
static void a_shorter_lead_is_seen(void **state)
{
    int differ = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        struct film film;
        uint16_t *whole;
        int w, h;

        film_make(&film, 48, 26, 8, 150, seed);
        whole = film_depths(&film, 0, film.frames, &w, &h);
        for (int a = 30; a < 120; a += 10)
            differ += first_difference(&film, whole, a, a + 10, 8) >= 0;
        free(whole);
    }
    assert_true(differ >= 4);
}

static void the_promises_of_the_header_hold(void **state)
{
    AUTO(depth) struct depth *depth = NULL;
    struct err err;

    (void)state;
    assert_true(depth_classical_support() <= 48);
    CHECK_OK(depth_classical_new(&depth, 3840, 2160, 8, &err), err);
    assert_true(depth->look_ahead <= 24);
    assert_true(depth->width <= DEPTH_MAX_WIDTH);
    CHECK_INT("width", depth->width, 480);
    CHECK_INT("height", depth->height, 270);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_does_not_depend_on_the_cut),
        cmocka_unit_test(nor_where_cuts_are_uncertain),
        cmocka_unit_test(nothing_passes_a_cut),
        cmocka_unit_test(a_shorter_lead_is_seen),
        cmocka_unit_test(the_promises_of_the_header_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
