/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/suggest.h"

static const char *const names[] = { "seconds",     "divergence", "full-sbs", "half-sbs",
                                     "convergence", "crf",        "preset" };

static void nearest_follows_its_table(void **state)
{
    static const struct {
        const char *word, *want; /* NULL: none */
    } rows[] = {
        { "seconds", "seconds" },         { "second", "seconds" },
        { "secnods", "seconds" },         { "sceonds", "seconds" },
        { "SECONDS", "seconds" },         { "fullsbs", "full-sbs" },
        { "halfsbs", "half-sbs" },        { "divergance", "divergence" },
        { "convergance", "convergence" }, { "cfr", "crf" },
        { "preste", "preset" },           { "parallelism", NULL },
        { "xyzzy-long-word", NULL },      { "se", NULL },
        { "tenseconds", "seconds" }, /* distance 3, a third of its ten letters */
        { "tenseconds1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = suggest_nearest(rows[i].word, names, COUNT(names));

        CHECK_STR(rows[i].word, got ? got : "none", rows[i].want ? rows[i].want : "none");
    }
}

static void swapped_neighbours_cost_one(void **state)
{
    static const char *const two[] = { "abxd", "abdc" };

    (void)state;
    assert_string_equal(suggest_nearest("abcd", two, 2), "abxd");     /* a tie: the first */
    assert_string_equal(suggest_nearest("bacd", two + 1, 1), "abdc"); /* two swaps, not four */
    assert_string_equal(suggest_nearest("abcd", two + 1, 1), "abdc");
    assert_string_equal(suggest_nearest("badc", two, 2), "abdc"); /* 1 against 2 */
}

static void no_names_no_suggestion(void **state)
{
    char longest[500];
    const char *const one[] = { longest };

    (void)state;
    assert_null(suggest_nearest("a", NULL, 0));
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(suggest_nearest(longest, names, COUNT(names)));
    assert_null(suggest_nearest("a", one, 1));
    longest[127] = '\0';
    assert_string_equal(suggest_nearest(longest, one, 1), longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_follows_its_table),
        cmocka_unit_test(swapped_neighbours_cost_one),
        cmocka_unit_test(no_names_no_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
