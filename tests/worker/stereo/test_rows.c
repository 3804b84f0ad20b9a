/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of ops.h against their definitions, and the fastest ones against the plain ones.
 */
#include "tests/common/check.h"
#include "worker/stereo/fill.h"
#include "worker/stereo/ops.h"
#include "worker/stereo/parallax.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define WIDTH 301
#define REACH 40

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static double catmull_rom(const uint16_t *s, double t)
{
    return s[1] + .5 * t *
                      (s[2] - s[0] +
                       t * (2. * s[0] - 5. * s[1] + 4. * s[2] - s[3] +
                            t * (3. * (s[1] - s[2]) + s[3] - s[0])));
}

static void sampling_is_catmull_rom(void **state)
{
    const struct stereo_ops *all[] = { stereo_ops_c(), stereo_ops_best() };
    uint16_t base[WIDTH + 2 * ROW_PAD], *src = base + ROW_PAD, in[WIDTH], out[WIDTH];
    int32_t map[WIDTH];
    uint32_t seed = 7;

    (void)state;
    for (size_t k = 0; k < COUNT(all); k++) {
        for (int x = 0; x < WIDTH; x++) {
            in[x] = (uint16_t)(next_random(&seed) % 1024);
            map[x] = (int32_t)(next_random(&seed) % ((WIDTH - 1) * 256));
        }
        map[3] = 0;
        map[4] = (WIDTH - 1) * 256;
        map[5] = -128;
        map[6] = (WIDTH - 1) * 256 + 128;
        all[k]->widen10(src, in, WIDTH);
        all[k]->sample10(out, src, map, WIDTH);
        for (int x = 0; x < WIDTH; x++) {
            double want = catmull_rom(src + (map[x] >> 8) - 1, (map[x] & 255) / 256.);

            want = fmin(fmax(want, 0), 1023);
            if (fabs(out[x] - want) > 1)
                fail_msg("%s: %d at %d, want %.2f", all[k]->name, out[x], map[x], want);
            if ((map[x] & 255) == 0)
                CHECK_INT("a whole pixel is itself", out[x], src[map[x] >> 8]);
        }
    }
}

/* The plain rule: every segment and every free end, the larger parallax wins. */
static void mesh_by_definition(double *source, const int32_t *shift, int n, int sign)
{
    double best[WIDTH];

    for (int x = 0; x < n; x++)
        best[x] = -1e9;
    for (int x = 0; x < n; x++)
        for (int i = 0; i < n; i++) {
            double a = i + sign * shift[i] / 256., at = x;
            bool cut_left = i == 0 || abs(shift[i] - shift[i - 1]) > 192;
            bool cut_right = i == n - 1 || abs(shift[i + 1] - shift[i]) > 192;
            double from = i + at - a, p;

            if ((at >= a - .5 && at <= a && cut_left) || (at >= a && at <= a + .5 && cut_right)) {
                p = sign * (at - from);
                if (p > best[x])
                    best[x] = p, source[x] = from;
            }
            if (!cut_right) {
                double b = i + 1 + sign * shift[i + 1] / 256.;

                from = i + (at - a) / (b - a);
                p = sign * (at - from);
                if (at >= a && at <= b && p > best[x])
                    best[x] = p, source[x] = from;
            }
        }
    for (int x = 0; x < n; x++)
        if (best[x] < -1e8)
            source[x] = NAN;
}

static void the_mesh_follows_its_definition(void **state)
{
    int32_t shift[WIDTH], base[WIDTH + 2 * (REACH + 2)], *map = base + REACH + 2;
    double want[WIDTH];
    uint32_t seed = 99;

    (void)state;
    for (int run = 0; run < 60; run++) {
        int n = run < 20 ? 2 + run : WIDTH, sign = run & 1 ? 1 : -1, v = 0;

        for (int x = 0; x < n; x++) {
            uint32_t r = next_random(&seed) % 16;

            v += r == 0 ? (int)(next_random(&seed) % 4000) - 2000 : (int)(r % 5 - 2) * 30;
            v = v > REACH * 256 ? REACH * 256 : v < -REACH * 256 ? -REACH * 256 : v;
            shift[x] = v;
        }
        stereo_ops_best()->mesh_row(map, shift, n, sign);
        mesh_by_definition(want, shift, n, sign);
        for (int x = 0; x < n; x++) {
            if (isnan(want[x]) != (map[x] == MAP_HOLE(sign)))
                fail_msg("run %d: column %d: hole %d, want %d", run, x, map[x] == MAP_HOLE(sign),
                         isnan(want[x]));
            if (!isnan(want[x]) && fabs(map[x] / 256. - want[x]) > 1.01 / 256)
                fail_msg("run %d: column %d comes from %.3f, want %.3f", run, x, map[x] / 256.,
                         want[x]);
        }
    }
}

static void holes_take_the_side_with_less_parallax(void **state)
{
    /* Right eye: x = source - parallax. 12 and 13 lie before the screen, 20 and 21 on it. */
    int32_t right[] = { 2 * 256, 12 * 256, 13 * 256, INT32_MIN, INT32_MIN, INT32_MIN, 6 * 256 };
    int32_t left[] = { INT32_MAX, 1 * 256, INT32_MAX, 0, INT32_MAX };
    const int32_t shift[7] = { 0 }; /* of nothing that lies between */
    struct gap gaps[4];

    (void)state;
    CHECK_INT("right", fill_row(right, shift, 7, -1, gaps), 1);
    CHECK_INT("right", gaps[0].x0, 3);
    CHECK_INT("right", gaps[0].x1, 6);
    CHECK_INT("right", right[4], 6 * 256);
    CHECK_INT("left", fill_row(left, shift, 5, 1, gaps), 3);
    CHECK_INT("at the left border", left[0], 256);
    CHECK_INT("between 0 px and 3 px", left[2], 256);
    CHECK_INT("at the right border", left[4], 0);
}

static void twins_give_the_same_bits(void **state)
{
    const struct stereo_ops *a = stereo_ops_c(), *b = stereo_ops_best();
    uint32_t seed = 3;

    (void)state;
    for (int run = 0; run < 50; run++) {
        int n = run < 40 ? 1 + run : WIDTH, sign = run & 1 ? 1 : -1;
        uint16_t in[2][WIDTH], out[2][WIDTH + 8];
        int32_t shift[WIDTH], wide[2][WIDTH + 2 * (REACH + 2)];
        struct parallax p = { 40000, 18, 5000, REACH };

        memset(out, 0, sizeof(out));
        memset(wide, 0, sizeof(wide));
        for (int x = 0; x < n; x++) {
            in[0][x] = (uint16_t)next_random(&seed);
            in[1][x] = (uint16_t)next_random(&seed);
        }
        a->lerp_row(out[0], in[0], in[1], n, run * 5);
        b->lerp_row(out[1], in[0], in[1], n, run * 5);
        assert_memory_equal(out[0], out[1], sizeof(out[0]));
        a->shift_row(wide[0], in[0], n, p);
        b->shift_row(wide[1], in[0], n, p);
        assert_memory_equal(wide[0], wide[1], sizeof(wide[0]));
        memcpy(shift, wide[0], (size_t)n * sizeof(*shift));
        for (int x = 1; x < n; x++)
            if (x % 9)
                shift[x] = shift[x - 1] + x % 7 * 20 - 60;
        a->mesh_row(wide[0] + REACH + 2, shift, n, sign);
        b->mesh_row(wide[1] + REACH + 2, shift, n, sign);
        assert_memory_equal(wide[0], wide[1], sizeof(wide[0]));
        for (int x = 0; x < n; x++)
            wide[0][x] = (int32_t)(next_random(&seed) % 5000);
        memcpy(wide[1], wide[0], sizeof(wide[0]));
        a->chroma_row(wide[0], wide[0], wide[0], n, sign);
        b->chroma_row(wide[1], wide[1], wide[1], n, sign);
        assert_memory_equal(wide[0], wide[1], (size_t)((n + 1) / 2) * sizeof(int32_t));
    }
}

/* Slopes, steps and flat parts, in every length up to two vectors and a rest. */
static void twins_mesh_and_sample_alike(void **state)
{
    const struct stereo_ops *a = stereo_ops_c(), *b = stereo_ops_best();
    uint32_t seed = 11;

    (void)state;
    for (int run = 0; run < 400; run++) {
        int n = run < 60 ? 2 + run : WIDTH, sign = run & 1 ? 1 : -1, v = 0;
        uint16_t base[WIDTH + 2 * ROW_PAD] = { 0 }, *src = base + ROW_PAD, in[WIDTH];
        uint16_t ten[2][WIDTH] = { { 0 } };
        uint8_t eight[2][WIDTH] = { { 0 } };
        int32_t shift[WIDTH], map[2][WIDTH + 2 * (REACH + 2)] = { { 0 } }, from[WIDTH];

        for (int x = 0; x < n; x++) {
            uint32_t r = next_random(&seed) % 64;

            v += r == 0 ? (int)(next_random(&seed) % 4000) - 2000 : (int)(r % 5 - 2) * (run % 40);
            v = v > REACH * 256 ? REACH * 256 : v < -REACH * 256 ? -REACH * 256 : v;
            shift[x] = v;
            in[x] = (uint16_t)(next_random(&seed) & 1 ? 1023 : next_random(&seed) % 1024);
            from[x] = (int32_t)(next_random(&seed) % (uint32_t)(n * 256)) - 128;
        }
        a->mesh_row(map[0] + REACH + 2, shift, n, sign);
        b->mesh_row(map[1] + REACH + 2, shift, n, sign);
        assert_memory_equal(map[0], map[1], sizeof(map[0]));
        a->widen10(src, in, n);
        a->sample10(ten[0], src, from, n);
        b->sample10(ten[1], src, from, n);
        assert_memory_equal(ten[0], ten[1], sizeof(ten[0]));
        for (int x = -ROW_PAD; x < n + ROW_PAD; x++)
            src[x] &= 255;
        a->sample8(eight[0], src, from, n);
        b->sample8(eight[1], src, from, n);
        assert_memory_equal(eight[0], eight[1], sizeof(eight[0]));
    }
}

/* The ends of the depth range are exact to the nearest 1/256 px at any strength. */
static void parallax_is_rounded_not_cut(void **state)
{
    (void)state;
    for (int width = 2; width <= 8192; width = width * 3 / 2 + 1)
        for (int tenths = 1; tenths <= 100; tenths++) {
            struct warp_opts opts = { .width = width,
                                      .divergence = tenths / 10.,
                                      .convergence = .3,
                                      .synthetic = SYNTHETIC_RIGHT };
            struct parallax p = parallax_from(&opts);
            double range = tenths / 1000. * width * 256;

            if (range < 1)
                continue;
            assert_true(p.gain <= PARALLAX_GAIN_MAX);
            assert_true(fabs(parallax_shift(0, p) + .3 * range) <= .51);
            assert_true(fabs(parallax_shift(65535, p) - .7 * range) <=
                        1 + range / PARALLAX_GAIN_MAX);
            assert_true(fabs(parallax_shift(65535, p) + p.zero - range) <=
                        .51 + range / PARALLAX_GAIN_MAX);
            assert_true(p.reach_px * 256 >= range);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallax_is_rounded_not_cut),
        cmocka_unit_test(sampling_is_catmull_rom),
        cmocka_unit_test(the_mesh_follows_its_definition),
        cmocka_unit_test(holes_take_the_side_with_less_parallax),
        cmocka_unit_test(twins_give_the_same_bits),
        cmocka_unit_test(twins_mesh_and_sample_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
