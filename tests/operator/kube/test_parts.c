/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the client needs no network: lines, Status objects, paths, versions.
 */
#include "tests/common/check.h"

#include "common/buf.h"
#include "common/mem.h"
#include "operator/kube/client.h"

#include <stdlib.h>

/* --- lines --- */

/* Lines joined by '|', so that one string says them all. */
struct heard {
    char text[256];
    uint32_t lines, stop_at;
};

static bool hear(void *ctx, const char *text, size_t len)
{
    struct heard *heard = ctx;
    size_t used = strlen(heard->text);

    (void)snprintf(heard->text + used, sizeof(heard->text) - used, "%.*s|", (int)len, text);
    return ++heard->lines != heard->stop_at;
}

/* Each piece is a heap block of its own size: reading past it is seen by ASan. */
static int feed(struct kube_lines *lines, const char *text, size_t len, struct heard *heard)
{
    AUTO_FREE char *piece = xmalloc(len ? len : 1);

    memcpy(piece, text, len);
    return kube_lines_feed(lines, piece, len, hear, heard);
}

static void test_lines_whatever_the_chunks(void **state)
{
    static const char text[] = "{\"a\":\"\xC3\xA4\xF0\x9F\x8E\xAC\"}\n\n{}\nlong long line\nrest";
    const size_t len = sizeof(text) - 1;

    (void)state;
    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second++) {
            struct kube_lines *lines = kube_lines_new(100);
            struct heard heard = { .lines = 0 };

            assert_int_equal(feed(lines, text, first, &heard), 0);
            assert_int_equal(feed(lines, text + first, second - first, &heard), 0);
            assert_int_equal(feed(lines, text + second, len - second, &heard), 0);
            assert_string_equal(heard.text,
                                "{\"a\":\"\xC3\xA4\xF0\x9F\x8E\xAC\"}||{}|long long line|");
            kube_lines_free(lines);
        }
    }
}

static void test_lines_have_a_longest(void **state)
{
    static const struct {
        const char *row, *first, *second;
        int rc;
        const char *heard;
    } rows[] = {
        { "at once", "12345678\n", "", 0, "12345678|" },
        { "in two", "1234", "5678\n", 0, "12345678|" },
        { "one too long", "123456789\n", "", -1, "" },
        { "too long in two", "1234", "56789\n", -1, "" },
        { "no end of it", "12345678", "9", -1, "" },
        { "after a good one", "12\n", "123456789", -1, "12|" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct kube_lines *lines = kube_lines_new(8);
        struct heard heard = { .lines = 0 };
        int rc = feed(lines, rows[i].first, strlen(rows[i].first), &heard);

        if (rc == 0)
            rc = feed(lines, rows[i].second, strlen(rows[i].second), &heard);
        CHECK_INT(rows[i].row, rc, rows[i].rc);
        CHECK_STR(rows[i].row, heard.text, rows[i].heard);
        kube_lines_free(lines);
    }
}

static void test_lines_stop_when_told(void **state)
{
    struct kube_lines *lines = kube_lines_new(100);
    struct heard heard = { .stop_at = 2 };

    (void)state;
    assert_int_equal(feed(lines, "1\n2\n3\n", 6, &heard), -1);
    assert_string_equal(heard.text, "1|2|");
    kube_lines_free(lines);
    kube_lines_free(NULL);
}

/* --- status --- */

#define STATUS "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","

static void test_status(void **state)
{
    static const struct {
        const char *row, *body;
        int http, code;
        const char *reason, *message, *cause;
        uint32_t retry_after_s;
        enum err_code class;
    } rows[] = {
        { "not found",
          STATUS "\"message\":\"pods \\\"a\\\" not found\",\"reason\":\"NotFound\","
                 "\"code\":404}",
          404, 404, "NotFound", "pods \"a\" not found", "", 0, ERR_NOT_FOUND },
        { "exists", STATUS "\"message\":\"m\",\"reason\":\"AlreadyExists\",\"code\":409}", 409, 409,
          "AlreadyExists", "m", "", 0, ERR_CONFLICT },
        { "invalid",
          STATUS "\"message\":\"m\",\"reason\":\"Invalid\",\"details\":{\"causes\":[{"
                 "\"reason\":\"FieldValueInvalid\",\"field\":\"spec\"},{\"reason\":\"x\"}"
                 "]},\"code\":422}",
          422, 422, "Invalid", "m", "FieldValueInvalid", 0, ERR_CONFIG },
        { "forbidden", STATUS "\"message\":\"user may not\",\"reason\":\"Forbidden\",\"code\":403}",
          403, 403, "Forbidden", "user may not", "", 0, ERR_CONFIG },
        { "quota",
          STATUS "\"message\":\"pods \\\"a\\\" is forbidden: exceeded quota: q\","
                 "\"reason\":\"Forbidden\",\"code\":403}",
          403, 403, "Forbidden", "pods \"a\" is forbidden: exceeded quota: q", "", 0,
          ERR_DEPENDENCY },
        { "terminating",
          STATUS "\"message\":\"m\",\"reason\":\"Forbidden\",\"details\":{\"causes\":"
                 "[{\"reason\":\"NamespaceTerminating\"}]},\"code\":403}",
          403, 403, "Forbidden", "m", "NamespaceTerminating", 0, ERR_DEPENDENCY },
        { "unauthorized", STATUS "\"message\":\"Unauthorized\",\"code\":401}", 401, 401, "",
          "Unauthorized", "", 0, ERR_CONFIG },
        { "busy",
          STATUS "\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":7},"
                 "\"code\":429}",
          429, 429, "TooManyRequests", "TooManyRequests", "", 7, ERR_DEPENDENCY },
        { "in a stream of 200",
          STATUS "\"message\":\"too old resource version: 1 (2)\","
                 "\"reason\":\"Expired\",\"code\":410}",
          200, 410, "Expired", "too old resource version: 1 (2)", "", 0, ERR_DEPENDENCY },
        { "a proxy's page", "<html>\r\n\tBad \x01gateway</html>\n", 502, 502, "",
          "<html>   Bad  gateway</html>", "", 0, ERR_DEPENDENCY },
        { "nothing", "", 503, 503, "", "HTTP 503 without a word", "", 0, ERR_DEPENDENCY },
        { "some other JSON", "{\"kind\":\"Pod\"}", 500, 500, "", "{\"kind\":\"Pod\"}", "", 0,
          ERR_DEPENDENCY },
        { "an array", "[1]", 500, 500, "", "[1]", "", 0, ERR_DEPENDENCY },
        { "wrong types", STATUS "\"message\":5,\"reason\":[],\"code\":\"x\",\"details\":7}", 500,
          500, "", "no reason given", "", 0, ERR_DEPENDENCY },
        { "a code of fantasy", STATUS "\"message\":\"m\",\"code\":99999}", 500, 500, "", "m", "", 0,
          ERR_DEPENDENCY },
        { "for ever",
          STATUS "\"message\":\"m\",\"details\":{\"retryAfterSeconds\":-1},"
                 "\"code\":429}",
          429, 429, "", "m", "", 0, ERR_DEPENDENCY },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *body = xstrdup(rows[i].body);
        struct kube_status status;
        struct err err = { 0 };

        kube_status_parse(&status, rows[i].http, body, strlen(body));
        CHECK_INT(rows[i].row, status.code, rows[i].code);
        CHECK_STR(rows[i].row, status.reason, rows[i].reason);
        CHECK_STR(rows[i].row, status.message, rows[i].message);
        CHECK_STR(rows[i].row, status.cause, rows[i].cause);
        CHECK_INT(rows[i].row, status.retry_after_s, rows[i].retry_after_s);
        CHECK_INT(rows[i].row, kube_status_err(&err, &status, "pod a"), -1);
        CHECK_INT(rows[i].row, err.code, rows[i].class);
        CHECK_HAS(rows[i].row, err.msg, "pod a: ");
    }
}

static void test_status_cuts_what_is_long(void **state)
{
    AUTO_FREE char *words = xmalloc(100001);
    AUTO_FREE char *body = NULL;
    struct kube_status status;

    (void)state;
    memset(words, 'w', 100000);
    words[100000] = '\0';
    kube_status_parse(&status, 500, words, 100000);
    assert_int_equal(strlen(status.message), sizeof(status.message) - 1);
    body = xasprintf(STATUS "\"message\":\"%s\",\"reason\":\"%s\"}", words, words);
    kube_status_parse(&status, 500, body, strlen(body));
    assert_int_equal(strlen(status.message), sizeof(status.message) - 1);
    assert_int_equal(strlen(status.reason), sizeof(status.reason) - 1);
    kube_status_parse(&status, 500, NULL, 0);
    assert_string_equal(status.message, "HTTP 500 without a word");
}

/* --- paths --- */

static void test_path(void **state)
{
    static const struct kube_resource pods = { "", "v1", "pods", "Pod" };
    static const struct kube_resource jobs = { "stereojob.io", "v1alpha1", "stereojobs",
                                               "StereoJob" };
    static const struct {
        const struct kube_resource *resource;
        const char *space, *name, *sub, *query, *want;
    } rows[] = {
        { &pods, NULL, NULL, NULL, NULL, "/api/v1/pods" },
        { &pods, "a", NULL, NULL, "watch=true&x=%2C",
          "/api/v1/namespaces/a/pods?watch=true&x=%2C" },
        { &jobs, "a", "b", "status", "fieldManager=x",
          "/apis/stereojob.io/v1alpha1/namespaces/a/stereojobs/b/status?fieldManager=x" },
        { &jobs, NULL, "b", NULL, NULL, "/apis/stereojob.io/v1alpha1/stereojobs/b" },
        { &pods, "a/../b", "c?d#e f%\xC3\xA4~._-", NULL, NULL,
          "/api/v1/namespaces/a%2F..%2Fb/pods/c%3Fd%23e%20f%25%C3%A4~._-" },
    };
    char long_name[254], long_space[64];
    AUTO_FREE char *path = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_FREE char *got =
            kube_path(rows[i].resource, rows[i].space, rows[i].name, rows[i].sub, rows[i].query);

        assert_string_equal(got, rows[i].want);
    }
    memset(long_name, 'n', sizeof(long_name) - 1);
    memset(long_space, 's', sizeof(long_space) - 1);
    long_name[sizeof(long_name) - 1] = long_space[sizeof(long_space) - 1] = '\0';
    path = kube_path(&jobs, long_space, long_name, "status", long_name);
    assert_int_equal(strlen(path), strlen("/apis/stereojob.io/v1alpha1/namespaces//stereojobs/"
                                          "/status?") +
                                       2 * (sizeof(long_name) - 1) + sizeof(long_space) - 1);
}

/* --- versions --- */

static void test_version(void **state)
{
    static const struct {
        const char *a, *b;
        int want;
    } rows[] = {
        { "1", "2", -1 },
        { "10", "9", 1 },
        { "7", "7", 0 },
        { "007", "7", 0 },
        { "0", "00", 0 },
        { "18446744073709551616", "18446744073709551615", 1 },
        { "99999999999999999999999999999998", "99999999999999999999999999999999", -1 },
        { "", "1", 0 },
        { "1", "", 0 },
        { "a", "1", 0 },
        { "-1", "1", 0 },
        { "1 ", "2", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int got = kube_version_compare(rows[i].a, rows[i].b);
        int back = kube_version_compare(rows[i].b, rows[i].a);

        CHECK_INT(rows[i].a, (got > 0) - (got < 0), rows[i].want);
        CHECK_INT(rows[i].a, (back > 0) - (back < 0), -rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_whatever_the_chunks),
        cmocka_unit_test(test_lines_have_a_longest),
        cmocka_unit_test(test_lines_stop_when_told),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_status_cuts_what_is_long),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
