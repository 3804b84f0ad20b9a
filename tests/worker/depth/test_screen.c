/* SPDX-License-Identifier: Apache-2.0
 *
 * The screen plane that follows the film: what it follows, and how it moves.
 */
#include "worker/depth/screen.h"

#include "common/mem.h"
#include "tests/worker/depth/film.h"
#include "worker/depth/following.h"

#include <stdlib.h>

static void what_the_middle_shows(void **state)
{
    uint16_t plane[22 * 20];

    (void)state;
    for (int part = 0; part < 2; part++) { /* a box of 10 of 20, and one of 6 */
        int from = part ? 7 : 5;

        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 22; x++)
                plane[y * 22 + x] = x >= 20 ? 65535
                                    : x >= from && x < 20 - from && y >= from && y < 20 - from
                                        ? 50000
                                        : 9000;
        assert_in_range(screen_middle(plane, 20, 20, 22), (part ? 9000 : 50000) - 64,
                        (part ? 9000 : 50000) + 64);
    }
    plane[0] = 65535;
    assert_in_range(screen_middle(plane, 1, 1, 1), 65535 - 64, 65535);
    assert_int_equal(screen_mean((uint16_t[]){ 65535, 65535, 65532 }, 3), 65534);
}

static void bounds_are_kept(void **state)
{
    struct depth depth = { .screen_low = 20000, .screen_high = 40000 };

    (void)state;
    CHECK_INT("far", screen_follow(&depth, 19999), 20000);
    CHECK_INT("between", screen_follow(&depth, 30000), 30000);
    CHECK_INT("near", screen_follow(&depth, 40001), 40000);
}

/* A provider whose depth at frame t is even: level[t]. */
struct even {
    struct depth base;
    const uint16_t *levels; /* borrowed */
    int at, pushed;
};

static int even_push(struct depth *depth, const struct image *frame, struct err *err)
{
    (void)frame, (void)err;
    ((struct even *)depth)->pushed++;
    return 0;
}

static int even_flush(struct depth *depth, struct err *err)
{
    (void)depth, (void)err;
    return 0;
}

static int even_pop(struct depth *depth, struct plane16 *out, bool *ready, struct err *err)
{
    struct even *even = (struct even *)depth;

    (void)err;
    *ready = even->at < even->pushed;
    for (int y = 0; *ready && y < depth->height; y++)
        for (int x = 0; x < depth->width; x++)
            out->px[y * (out->stride / 2) + x] = even->levels[even->at];
    even->at += *ready;
    return 0;
}

static void even_free(struct depth *depth)
{
    free(depth);
}

static const struct depth_ops even_ops = { even_push, even_flush, even_pop, even_free };

static struct depth *even_new(const uint16_t *levels, int width, int height)
{
    struct even *even = xcalloc(1, sizeof(*even));

    even->base = (struct depth){ .ops = &even_ops, .width = width, .height = height };
    even->levels = levels;
    return &even->base;
}

/* screens[0..to-from-1]; with levels of the same frames, over depths that come from elsewhere,
 * which are checked to come unchanged. */
static void follow(uint16_t *screens, const struct film *film, const uint16_t *levels, int from,
                   int to)
{
    AUTO(depth) struct depth *depth = NULL;
    struct plane16 out;
    struct err err;
    int popped = 0;

    if (levels)
        CHECK_OK(depth_following_new(&depth, even_new(levels + from, 32, 18), film->width,
                                     film->height, &err),
                 err);
    else
        CHECK_OK(depth_classical_new(&depth, film->width, film->height, film->bit_depth, &err),
                 err);
    depth->follows = true;
    depth->screen_high = UINT16_MAX;
    out = (struct plane16){ xcalloc((size_t)depth->width * (size_t)depth->height, 2), depth->width,
                            depth->height, depth->width * 2 };
    for (int t = from; popped < to - from; t++) {
        bool ready = true;

        if (t < to) {
            struct image *frame = film_frame(film, t);

            CHECK_OK(depth->ops->push(depth, frame, &err), err);
            film_frame_free(frame);
        } else {
            CHECK_OK(depth->ops->flush(depth, &err), err);
        }
        while (popped < to - from) {
            CHECK_OK(depth->ops->pop(depth, &out, &ready, &err), err);
            if (!ready)
                break;
            screens[popped] = depth->screen;
            if (levels) {
                CHECK_INT("depth", out.px[0], levels[from + popped]);
                CHECK_INT("depth", out.px[32 * 18 - 1], levels[from + popped]);
            }
            popped++;
        }
    }
    free(out.px);
}

/* One level until frame 40, another after it: a ramp in a shot, a step where there is a cut. */
static void it_glides_in_a_shot_and_steps_at_a_cut(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        struct film film;
        uint16_t levels[80], screens[80];

        film_make(&film, 48, 26, 8, 80, 3);
        memset(film.light, 0, sizeof(film.light));
        for (int t = 0; t < 80; t++) {
            film.shot[t] = cut && t >= 40 ? 3 : 1;
            levels[t] = t < 40 ? 20000 : 49000;
        }
        follow(screens, &film, levels, 0, 80);
        for (int t = 0; t < 80; t++) {
            int behind = t < 40 - SCREEN_REACH ? 0 : t > 39 + SCREEN_REACH ? 29 : t - 25;
            int want = 20000 + (cut ? (t < 40 ? 0 : 29) : behind) * 1000;

            if (abs(screens[t] - want) > 70)
                fail_msg("cut %d: frame %d: %d, not %d", cut, t, screens[t], want);
        }
    }
}

/* A run that sees enough frames before and after its own lays the same screens; with fewer it does
 * not, or this would see nothing. */
static void it_does_not_depend_on_where_a_run_begins(void **state)
{
    (void)state;
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        int support = (int)(elsewhere ? depth_following_support() : depth_classical_support());
        int missed = 0;

        for (uint32_t seed = 1; seed <= 6; seed++) {
            uint16_t levels[200], whole[200], part[200];
            struct film film;

            film_make_nervous(&film, 200, seed);
            for (int t = 0; t < 200; t++)
                levels[t] = (uint16_t)((uint32_t)t * 2654435761u * seed >> 16);
            follow(whole, &film, elsewhere ? levels : NULL, 0, 200);
            for (int a = 40; a < 150; a += 7)
                for (int lead = support / 4; lead <= support; lead += support - support / 4) {
                    int from = a - lead, to = a + 3 + lead;

                    follow(part, &film, elsewhere ? levels : NULL, from, to);
                    if (memcmp(part + lead, whole + a, 3 * sizeof(*part)) == 0)
                        continue;
                    if (lead == support)
                        fail_msg("seed %u: frames %d to %d", seed, a, a + 2);
                    missed++;
                }
        }
        assert_true(missed > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_middle_shows),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(it_glides_in_a_shot_and_steps_at_a_cut),
        cmocka_unit_test(it_does_not_depend_on_where_a_run_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
