/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/spec.h"

static void paths_and_file_uris_are_paths(void **state)
{
    static const struct {
        const char *uri, *want;
    } rows[] = {
        { "/a/b.mp4", "/a/b.mp4" },
        { "/a/with space.mp4", "/a/with space.mp4" },
        { "/a/100%25.mp4", "/a/100%25.mp4" }, /* a path is taken as it stands */
        { "/a/100%.mp4", "/a/100%.mp4" },
        { "film.mp4", "film.mp4" },
        { "../films/film.mp4", "../films/film.mp4" },
        { "film: the end.mp4", "film: the end.mp4" },
        { "c:/film.mp4", "c:/film.mp4" },
        { "files://x", NULL },
        { "/a//b://c", "/a//b://c" },
        { "://x", "://x" },
        { "3d://x", "3d://x" }, /* a scheme begins with a letter */
        { "file:///a/b.mp4", "/a/b.mp4" },
        { "FILE:///a/b.mp4", "/a/b.mp4" },
        { "file:/a/b.mp4", "/a/b.mp4" },
        { "file://localhost/a/b.mp4", "/a/b.mp4" },
        { "file://LocalHost/a/b.mp4", "/a/b.mp4" },
        { "file:///a/with%20space.mp4", "/a/with space.mp4" },
        { "file:///a/with space.mp4", "/a/with space.mp4" },
        { "file:///a/100%25.mp4", "/a/100%.mp4" },
        { "file:///a/%25%32%35", "/a/%25" }, /* decoded once */
        { "file:///%C3%A4%c3%a4", "/\xc3\xa4\xc3\xa4" },
        { "file:///a+b", "/a+b" },
        { "file:///a%2Fb", "/a/b" },
        { "file:///a/what?.mp4", "/a/what?.mp4" },
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *path = NULL;

        if (!rows[i].want) {
            CHECK_ERR(uri_to_path(&path, rows[i].uri, "uri", &err), err, ERR_CONFIG);
            continue;
        }
        CHECK_OK(uri_to_path(&path, rows[i].uri, "uri", &err), err);
        CHECK_STR(rows[i].uri, path, rows[i].want);
    }
}

static void what_is_no_path_here_says_what_works(void **state)
{
    static const struct {
        const char *uri, *want;
    } rows[] = {
        { "", "spec.source.uri: is empty; on one machine use a path or file:///path" },
        { "s3://bucket/key",
          "spec.source.uri: s3:// needs a cluster; on one machine use a path or file:///path" },
        { "S3://bucket/key",
          "spec.source.uri: s3:// needs a cluster; on one machine use a path or file:///path" },
        { "pvc://claim/key",
          "spec.source.uri: pvc:// needs a cluster; on one machine use a path or file:///path" },
        { "https://user:secret@host/key",
          "spec.source.uri: https:// is not read here; download it first: on one machine use a "
          "path or file:///path" },
        { "ftp://host/key",
          "spec.source.uri: ftp:// is not known; on one machine use a path or file:///path" },
        { "file://host/a",
          "spec.source.uri: file://host names another machine; three slashes begin a path here: "
          "file:///path" },
        { "file://a.mp4",
          "spec.source.uri: file://a.mp4 names another machine; three slashes begin a path here: "
          "file:///path" },
        { "file://", "spec.source.uri: there is no path behind file:" },
        { "file:///", "spec.source.uri: there is no path behind file:" },
        { "file:///a%00b", "spec.source.uri: a path cannot hold %00" },
        { "file:///a%", "spec.source.uri: '%' must be followed by two hex digits; a '%' itself is "
                        "written %25" },
        { "file:///a%2", "spec.source.uri: '%' must be followed by two hex digits; a '%' itself "
                         "is written %25" },
        { "file:///a%zz", "spec.source.uri: '%' must be followed by two hex digits; a '%' itself "
                          "is written %25" },
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *path = NULL;

        CHECK_ERR(uri_to_path(&path, rows[i].uri, "spec.source.uri", &err), err, ERR_CONFIG);
        CHECK_STR(rows[i].uri, err.msg, rows[i].want);
        assert_null(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_file_uris_are_paths),
        cmocka_unit_test(what_is_no_path_here_says_what_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
