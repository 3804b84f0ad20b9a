/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/ranges.h"

#define N 10

static void all_sets_of_ten_come_back(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1u << N; bits++) {
        uint8_t set[N], back[N] = { 0 };
        AUTO_FREE char *text = NULL;
        struct err err;
        unsigned count = 0;

        for (unsigned i = 0; i < N; i++) {
            set[i] = bits >> i & 1;
            count += set[i];
        }
        text = ranges_format(set, N);
        CHECK_OK(ranges_parse(back, N, text, &err), err);
        assert_memory_equal(set, back, N);
        assert_int_equal(ranges_count(set, N), count);
    }
}

static void text_is_as_kubernetes_writes_it(void **state)
{
    static const struct {
        const char *members; /* one character an index */
        const char *want;
    } rows[] = {
        { "..........", "" },    { "x.........", "0" },         { ".........x", "9" },
        { "xx........", "0,1" }, { "xxx.......", "0-2" },       { ".x.xxx.x..", "1,3-5,7" },
        { "xxxxxxxxxx", "0-9" }, { "x.x.x.x.x.", "0,2,4,6,8" }, { "xx.xx.xx..", "0,1,3,4,6,7" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *text = NULL;
        uint8_t set[N];

        for (unsigned j = 0; j < N; j++)
            set[j] = rows[i].members[j] == 'x' ? 200 : 0; /* any non-zero is a member */
        text = ranges_format(set, N);
        CHECK_STR(rows[i].members, text, rows[i].want);
    }
}

static void good_texts_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned want_count;
    } rows[] = {
        { "", 0 },    { "0", 1 },       { "9", 1 },         { "0-9", 10 },
        { "0-0", 1 }, { "1,3-5,7", 5 }, { "1,2,3,4-5", 5 }, { "007", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t set[N] = { 0 };
        struct err err;

        CHECK_OK(ranges_parse(set, N, rows[i].text, &err), err);
        CHECK_INT(rows[i].text, ranges_count(set, N), rows[i].want_count);
    }
}

static void members_are_added_never_taken(void **state)
{
    uint8_t set[N] = { 1 };
    struct err err;

    (void)state;
    CHECK_OK(ranges_parse(set, N, "3-4", &err), err);
    assert_int_equal(ranges_count(set, N), 3);
    assert_int_equal(set[0], 1);
}

static void bad_texts_change_nothing(void **state)
{
    static const char *const rows[] = {
        "10",
        "0-10",
        "-",
        "-1",
        "1-",
        "1--2",
        ",",
        "1,",
        ",1",
        "1,,2",
        "5-3",
        "3,3",
        "5,3",
        "1-5,5",
        "1 ",
        " 1",
        "1, 2",
        "+1",
        "0x1",
        "a",
        "1;2",
        "1.5",
        "4294967296",
        "18446744073709551617",
        "99999999999999999999999",
        "1-2-3",
        "0-9,",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t set[N] = { 0 };
        struct err err;

        if (ranges_parse(set, N, rows[i], &err) != -1)
            fail_msg("'%s' was taken", rows[i]);
        CHECK_INT(rows[i], err.code, ERR_CONFIG);
        CHECK_INT(rows[i], ranges_count(set, N), 0);
    }
}

static void nothing_fits_into_an_empty_set(void **state)
{
    AUTO_FREE char *text = ranges_format(NULL, 0);
    uint8_t none;
    struct err err;

    (void)state;
    assert_string_equal(text, "");
    CHECK_OK(ranges_parse(&none, 0, "", &err), err);
    CHECK_ERR(ranges_parse(&none, 0, "0", &err), err, ERR_CONFIG);
}

static void twenty_thousand_odd_indexes_fit(void **state)
{
    static uint8_t set[20000], back[20000];
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    for (unsigned i = 1; i < sizeof(set); i += 2)
        set[i] = 1;
    text = ranges_format(set, sizeof(set));
    CHECK_OK(ranges_parse(back, sizeof(back), text, &err), err);
    assert_memory_equal(set, back, sizeof(set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sets_of_ten_come_back),
        cmocka_unit_test(text_is_as_kubernetes_writes_it),
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(members_are_added_never_taken),
        cmocka_unit_test(bad_texts_change_nothing),
        cmocka_unit_test(nothing_fits_into_an_empty_set),
        cmocka_unit_test(twenty_thousand_odd_indexes_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
