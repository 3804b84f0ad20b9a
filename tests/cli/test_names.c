/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_name.h"
#include "cli/quote.h"
#include "common/auto.h"
#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct row {
    const char *in, *out;
    enum layout layout;
    const char *want; /* NULL: an error */
} rows[] = {
    { "/f/film.mp4", "out.mkv", LAYOUT_FULL_SBS, "out.mkv" },
    { "/f/film.mp4", "OUT.MP4", LAYOUT_FULL_SBS, "OUT.MP4" },
    { "/f/film.mp4", NULL, LAYOUT_FULL_SBS, "film_LRF_Full_SBS.mp4" },
    { "/f/film.mov", NULL, LAYOUT_HALF_SBS, "film_LRF_Half_SBS.mov" },
    { "/f/film.webm", NULL, LAYOUT_FULL_TB, "film_Full_TB.mkv" },
    { "film.mp4", "/tmp", LAYOUT_FULL_SBS, "/tmp/film_LRF_Full_SBS.mp4" },
    { "film.mp4", "new/", LAYOUT_FULL_SBS, "new/film_LRF_Full_SBS.mp4" },
    { "film.mp4", "mine", LAYOUT_HALF_TB, "mine_Half_TB.mp4" },
    { "film.part.2", "mine", LAYOUT_FULL_SBS, "mine_LRF_Full_SBS.mkv" },
    { "film.mp4", "film.2", LAYOUT_FULL_SBS, "film.2_LRF_Full_SBS.mp4" },
    { "/f/film.mp4", NULL, LAYOUT_LEFT_RIGHT, "film_L.mp4" },
    { "film.mp4", "out.avi", LAYOUT_FULL_SBS, NULL },
    { "film.mp4", "", LAYOUT_FULL_SBS, NULL },
};

static void outputs_are_named_for_players(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_FREE char *path = NULL;
        struct err err;
        int rc = output_name(&path, rows[i].in, rows[i].out, rows[i].layout, &err);

        if (rows[i].want && (rc < 0 || strcmp(path, rows[i].want) != 0))
            fail_msg("[%s %s] %s, want %s", rows[i].in, rows[i].out ? rows[i].out : "-",
                     rc < 0 ? err.msg : path, rows[i].want);
        if (!rows[i].want)
            assert_int_equal(rc, -1);
    }
}

static void job_names_are_rfc_1123(void **state)
{
    static const char *const names[][2] = {
        { "/a/My Film (2019).mp4", "my-film-2019" },
        { "---.mp4", "film" },
        { "/x/\xc3\xa9t\xc3\xa9.mkv", "t" },
        { "0123456789012345678901234567890123456789012345678901234567890.mp4",
          "01234567890123456789012345678901234567890123456789" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO_FREE char *name = output_job_name(names[i][0]);

        assert_string_equal(name, names[i][1]);
    }
}

/* Overwriting the source by any of its names must be refused before anything is written. */
static void the_source_is_never_the_output(void **state)
{
    char folder[] = "/tmp/stereo-names-XXXXXX", film[64], hard[64], soft[64], other[64];
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(film, sizeof(film), "%s/a.mp4", folder);
    (void)snprintf(hard, sizeof(hard), "%s/hard.mp4", folder);
    (void)snprintf(soft, sizeof(soft), "%s/soft.mp4", folder);
    (void)snprintf(other, sizeof(other), "%s/nowhere/b.mp4", folder);
    assert_int_equal(file_write(film, "x", 1, &err), 0);
    assert_int_equal(link(film, hard), 0);
    assert_int_equal(symlink(film, soft), 0);
    assert_int_equal(output_check(film, film, &err), -1);
    assert_int_equal(output_check(film, hard, &err), -1);
    assert_int_equal(output_check(film, soft, &err), -1);
    assert_non_null(strstr(err.msg, "source itself"));
    assert_int_equal(output_check(film, other, &err), -1);
    assert_non_null(strstr(err.msg, "does not exist"));
    assert_int_equal(output_check(film, folder, &err), -1);
    assert_int_equal(file_remove_tree(folder, &err), 0);
}

static void commands_are_quoted_for_a_shell(void **state)
{
    char *argv[] = { "my film.mp4", "it's.mp4", "--crf=20", "" };
    AUTO_FREE char *line = quote_command("stereo convert", 4, argv);

    (void)state;
    assert_string_equal(line, "stereo convert 'my film.mp4' 'it'\\''s.mp4' --crf=20 ''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_named_for_players),
        cmocka_unit_test(job_names_are_rfc_1123),
        cmocka_unit_test(the_source_is_never_the_output),
        cmocka_unit_test(commands_are_quoted_for_a_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
