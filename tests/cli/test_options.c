/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_WORDS = 8 };

static void parse(struct options *options, struct problems *problems, const char *const *words)
{
    char *argv[MAX_WORDS];
    int argc = 0;

    while (argc < MAX_WORDS && words[argc]) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    options_parse(options, argc, argv, true, problems);
}

/* One row: words, and either the JSON they make or a piece of the one problem they give. */
static const struct row {
    const char *name;
    const char *words[MAX_WORDS];
    const char *json;
    const char *problem;
} rows[] = {
    { "a flag with a word",
      { "--layout", "half-sbs" },
      "{\"spec\":{\"stereo\":{\"layout\":\"HalfSBS\"}}}",
      NULL },
    { "a flag with =",
      { "--layout=full-tb" },
      "{\"spec\":{\"stereo\":{\"layout\":\"FullTB\"}}}",
      NULL },
    { "a number", { "--divergence", "2.5" }, "{\"spec\":{\"stereo\":{\"divergence\":2.5}}}", NULL },
    { "depth from a film",
      { "--depth", "video:/d.mkv" },
      "{\"spec\":{\"depth\":{\"provider\":\"Video\",\"uri\":\"/d.mkv\"}}}",
      NULL },
    { "classical depth",
      { "--depth=classical" },
      "{\"spec\":{\"depth\":{\"provider\":\"Classical\"}}}",
      NULL },
    { "a screen that stays",
      { "--convergence", "auto", "--convergence", "0.4" },
      "{\"spec\":{\"stereo\":{\"convergenceMode\":\"Fixed\",\"convergence\":0.4}}}",
      NULL },
    { "a screen that follows the film",
      { "--convergence=auto" },
      "{\"spec\":{\"stereo\":{\"convergenceMode\":\"Auto\"}}}",
      NULL },
    { "a bare switch", { "--overwrite" }, "{\"spec\":{\"output\":{\"overwrite\":true}}}", NULL },
    { "a mistyped flag", { "--layuot", "x" }, NULL, "did you mean --layout?" },
    { "a mistyped value", { "--layout", "fullsbs" }, NULL, "did you mean full-sbs" },
    { "a value is missing", { "--layout" }, NULL, "--layout needs a value" },
    { "a number out of bounds",
      { "--convergence", "2" },
      NULL,
      "--convergence: must be a number 0..1, or auto, not '2'" },
    { "a screen of another kind", { "--convergence", "Auto" }, NULL, "or auto, not 'Auto'" },
    { "not a number", { "--crf", "low" }, NULL, "--crf" },
    { "depth of another kind", { "--depth", "magic" }, NULL, "classical or video:PATH" },
    { "depth film without a path", { "--depth", "video:" }, NULL, "classical or video:PATH" },
    { "a switch with a value", { "--keep-work=yes" }, NULL, "--keep-work takes no value" },
    { "a short flag", { "-x" }, NULL, "-x: no such option" },
};

static void options_follow_their_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct problems problems = { 0 };
        struct options options;
        char *json;

        parse(&options, &problems, rows[i].words);
        json = json_print(options.job);
        if (rows[i].json) {
            if (problems.count || strcmp(json, rows[i].json) != 0)
                fail_msg("[%s] %s, %zu problems", rows[i].name, json, problems.count);
        } else if (problems.count < 1 || !strstr(problems.lines[0], rows[i].problem)) {
            fail_msg("[%s] wanted '%s', got '%s'", rows[i].name, rows[i].problem,
                     problems.count ? problems.lines[0] : "no problem");
        }
        free(json);
        problems_clear(&problems);
        options_clear(&options);
    }
}

static void all_problems_come_at_once(void **state)
{
    const char *words[MAX_WORDS] = { "--layuot=a", "--crf", "low", "--nope", "--divergence=99" };
    struct problems problems = { 0 };
    struct options options;

    (void)state;
    parse(&options, &problems, words);
    assert_int_equal(problems.count, 4);
    problems_clear(&problems);
    options_clear(&options);
}

static void words_after_the_dashes_are_arguments(void **state)
{
    const char *words[MAX_WORDS] = { "in.mp4", "--json", "--", "--layout", "-" };
    struct problems problems = { 0 };
    struct options options;

    (void)state;
    parse(&options, &problems, words);
    assert_int_equal(problems.count, 0);
    assert_true(options.json);
    assert_int_equal(options.arg_count, 3);
    assert_string_equal(options.args[1], "--layout");
    problems_clear(&problems);
    options_clear(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_follow_their_table),
        cmocka_unit_test(all_problems_come_at_once),
        cmocka_unit_test(words_after_the_dashes_are_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
