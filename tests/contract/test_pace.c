/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/pace.h"
#include "tests/common/check.h"

static const struct ratio MS = { 1, 1000 };

/* The pts that stay of count frames, the n-th at round(n * num / den) ms. */
static size_t stay(int64_t *out, size_t count, int64_t num, int64_t den, double fps, size_t first)
{
    struct pace pace = { .time_base = MS, .fps = pace_fps(fps) };
    size_t n = 0;

    for (size_t i = first; i < count; i++) {
        int64_t pts = ((int64_t)i * num + den / 2) / den;

        if (pace_takes(&pace, pts))
            out[n++] = pts;
    }
    return n;
}

static void as_many_stay_as_were_asked_for(void **state)
{
    static const struct {
        const char *name;
        int64_t num, den; /* ms a frame */
        double fps;
        size_t frames, want;
    } rows[] = {
        { "half of 50", 20, 1, 25, 500, 250 },
        { "half of 60 in ms", 1000, 60, 30, 600, 300 },
        { "25 to 24", 40, 1, 24, 250, 240 },
        { "29.97 at 30", 1001, 30, 30, 3000, 3000 },
        { "29.97 at 29.97", 1001, 30, 29.97, 100000, 100000 },
        { "23.976 at 23.976", 1001, 24, 23.976, 100000, 100000 },
        { "25 at 1000", 40, 1, 1000, 100, 100 },
        { "one in two seconds", 40, 1, 0.5, 500, 10 },
    };
    static int64_t got[100000];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(rows[i].name, stay(got, rows[i].frames, rows[i].num, rows[i].den, rows[i].fps, 0),
                  rows[i].want);
}

/* 60 a second in milliseconds is 0 17 33 50 67 83 100: every other one, not two side by side. */
static void rounded_times_stay_even(void **state)
{
    int64_t got[300];
    size_t n = stay(got, 600, 1000, 60, 30, 0);

    (void)state;
    for (size_t i = 1; i < n; i++)
        if (got[i] - got[i - 1] < 33 || got[i] - got[i - 1] > 34)
            fail_msg("%lld ms after %lld ms", (long long)got[i], (long long)got[i - 1]);
}

static void begun_anywhere_it_is_the_same(void **state)
{
    static int64_t all[1000], some[1000];
    size_t n = stay(all, 1000, 1001, 60, 24, 0);

    (void)state;
    for (size_t k = 1; k < n; k += 7) {
        size_t first = (size_t)((all[k] * 60 + 500) / 1001);
        size_t left = stay(some, 1000, 1001, 60, 24, first);

        CHECK_INT("count", left, n - k);
        assert_memory_equal(some, all + k, left * sizeof(*some));
    }
}

static void no_rate_leaves_all(void **state)
{
    struct pace pace = { .time_base = MS };

    (void)state;
    for (int64_t pts = -5; pts < 5; pts++)
        assert_true(pace_takes(&pace, pts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_stay_as_were_asked_for),
        cmocka_unit_test(rounded_times_stay_even),
        cmocka_unit_test(begun_anywhere_it_is_the_same),
        cmocka_unit_test(no_rate_leaves_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
