/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/clock.h"

#include <time.h>

static const struct {
    const char *text;
    int64_t unix_ms; /* -1: refused */
} rows[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "2026-11-22T10:00:00Z", INT64_C(1795341600000) },
    { "2026-11-22t10:00:00z", INT64_C(1795341600000) },
    { "2026-11-22T10:00:00.5Z", INT64_C(1795341600500) },
    { "2026-11-22T10:00:00.123456Z", INT64_C(1795341600123) },
    { "2026-11-22T10:00:00.000000001Z", INT64_C(1795341600000) },
    { "2026-11-22T12:00:00+02:00", INT64_C(1795341600000) },
    { "2026-11-22T04:30:00-05:30", INT64_C(1795341600000) },
    { "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
    { "2000-02-29T00:00:00Z", INT64_C(951782400000) },
    { "2016-12-31T23:59:60Z", INT64_C(1483228799000) },
    { "9999-12-31T23:59:59Z", INT64_C(253402300799000) },
    { "2023-02-29T00:00:00Z", -1 },
    { "2100-02-29T00:00:00Z", -1 },
    { "1969-12-31T23:59:59Z", -1 },
    { "1970-01-01T00:00:00+00:01", -1 },
    { "2026-13-22T10:00:00Z", -1 },
    { "2026-00-22T10:00:00Z", -1 },
    { "2026-11-00T10:00:00Z", -1 },
    { "2026-11-31T10:00:00Z", -1 },
    { "2026-11-22T24:00:00Z", -1 },
    { "2026-11-22T10:60:00Z", -1 },
    { "2026-11-22T10:00:61Z", -1 },
    { "2026-11-22T10:00:00", -1 },
    { "2026-11-22T10:00:00.Z", -1 },
    { "2026-11-22T10:00:00+0200", -1 },
    { "2026-11-22T10:00:00+24:00", -1 },
    { "2026-11-22T10:00:00Zx", -1 },
    { "2026-11-22 10:00:00Z", -1 },
    { "2026-11-22T1:00:00Z", -1 },
    { "26-11-22T10:00:00Z", -1 },
    { " 2026-11-22T10:00:00Z", -1 },
    { "-026-11-22T10:00:00Z", -1 },
    { "", -1 },
    { "now", -1 },
};

static void parse_follows_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(rows[i].text, clock_parse(rows[i].text), rows[i].unix_ms);
}

/* Against libc, over all days of 400 years and more. */
static void format_and_parse_agree_with_libc(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097 + 366; day++) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        char want[32], got[21];
        struct tm tm;

        assert_non_null(gmtime_r(&seconds, &tm));
        assert_int_equal(strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
        clock_format(got, sizeof(got), (int64_t)seconds * 1000 + 999);
        assert_string_equal(got, want);
        assert_int_equal(clock_parse(got), (int64_t)seconds * 1000);
    }
}

static void format_stays_in_its_bounds(void **state)
{
    char out[21];

    (void)state;
    clock_format(out, sizeof(out), -5);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    clock_format(out, sizeof(out), INT64_MAX);
    assert_string_equal(out, "9999-12-31T23:59:59Z");
    clock_format(out, 5, 0);
    assert_string_equal(out, "");
}

static void the_clocks_tick(void **state)
{
    struct timespec nap = { 0, 20000000 };
    int64_t mono = clock_mono_us(), unix_ms = clock_unix_ms();

    (void)state;
    (void)nanosleep(&nap, NULL);
    assert_true(clock_mono_us() - mono >= 20000);
    assert_true(clock_unix_ms() - unix_ms >= 19);
    assert_true(unix_ms > INT64_C(1700000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_follows_its_table),
        cmocka_unit_test(format_and_parse_agree_with_libc),
        cmocka_unit_test(format_stays_in_its_bounds),
        cmocka_unit_test(the_clocks_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
