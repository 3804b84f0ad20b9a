/* SPDX-License-Identifier: Apache-2.0
 *
 * One request at a time, against tests/s3/faulty, which serves whatever path is asked for.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/mem.h"
#include "common/s3.h"
#include "tests/s3/fixture.h"

static struct fixture fixture;

struct ask {
    const char *method, *path, *body;
    const char *header;
    void *into;
    size_t into_len, body_max;
    uint32_t stall_s, total_ms;
};

static int send_ask(const struct ask *ask, const struct http_opts *opts, const char *base,
                    struct http_response *response, struct err *err)
{
    AUTO(http) struct http *http = NULL;
    AUTO_FREE char *url = xasprintf("%s%s", base, ask->path);
    const char *const headers[] = { ask->header };
    struct http_request request = { .method = ask->method,
                                    .url = url,
                                    .headers = headers,
                                    .header_count = ask->header != NULL,
                                    .body = ask->body,
                                    .body_len = ask->body ? strlen(ask->body) : 0,
                                    .into = ask->into,
                                    .into_len = ask->into_len,
                                    .body_max = ask->body_max,
                                    .stall_s = ask->stall_s,
                                    .total_ms = ask->total_ms };

    *response = (struct http_response){ 0 };
    return http_open(&http, opts, err) < 0 ? -1 : http_send(http, &request, response, err);
}

static const struct http_opts plain;

static void must(const char *method, const char *path, const char *body)
{
    struct ask ask = { .method = method, .path = path, .body = body };
    AUTO_RESPONSE struct http_response response = { 0 };
    struct err err;

    CHECK_OK(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err);
    if (response.status / 100 != 2)
        fail_msg("%s %s: %d %s", method, path, response.status, response.body.data);
}

/* Objects are made by a client of S3; what is looked at is the transport. */
static void put_object(const char *key, const char *data, size_t len)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = fixture_open(&fixture, "b", &credentials);
    struct err err;

    CHECK_OK(s3_put(s3, key, data, len, NULL, NULL, &err), err);
}

static void script(const char *text)
{
    must("PUT", "/_script", text);
}

#define SUM "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void bodies_have_limits(void **state)
{
    AUTO_FREE char *large = xcalloc(200000, 1);
    char into[16] = "";
    struct ask ask = { .method = "GET", .path = "/b/k", .header = SUM };
    struct err err;

    (void)state;
    script("");
    memset(large, 'x', 200000);
    put_object("k", large, 200000);
    {
        AUTO_RESPONSE struct http_response response = { 0 };

        CHECK_ERR(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err, ERR_INPUT);
        CHECK_HAS("limit", err.msg, "larger than 65536 bytes");
    }
    {
        AUTO_RESPONSE struct http_response response = { 0 };

        ask.body_max = 200000;
        CHECK_OK(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err);
        assert_int_equal(response.body.len, 200000);
    }
    {
        AUTO_RESPONSE struct http_response response = { 0 };

        ask.into = into;
        ask.into_len = 10;
        CHECK_ERR(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err, ERR_INPUT);
        assert_string_equal(into, "");
    }
    {
        AUTO_RESPONSE struct http_response response = { 0 };

        put_object("k", "0123456789", 10);
        CHECK_OK(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err);
        assert_int_equal(response.into_len, 10);
        assert_string_equal(into, "0123456789");
    }
}

static void silence_has_a_limit(void **state)
{
    struct ask rows[] = { { .method = "GET", .path = "/b/k", .stall_s = 1 },
                          { .method = "GET", .path = "/b/k", .total_ms = 500 } };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_RESPONSE struct http_response response = { 0 };
        int64_t before = clock_mono_us();
        struct err err;

        script("GET stall 6");
        CHECK_ERR(send_ask(&rows[i], &plain, fixture.endpoint, &response, &err), err,
                  ERR_DEPENDENCY);
        assert_true(response.sent);
        assert_in_range(clock_mono_us() - before, 450000, 4500000);
    }
}

static void what_never_left_is_known(void **state)
{
    static const struct {
        const char *base;
        enum err_code want;
    } rows[] = {
        { "http://127.0.0.1:1", ERR_DEPENDENCY },
        { "http://no-such-host.invalid", ERR_DEPENDENCY },
        { "http://user:canary@127.0.0.1:1", ERR_DEPENDENCY },
        { "http://[::", ERR_CONFIG },
        { "file:///etc/hostname?", ERR_CONFIG },
    };
    struct ask ask = { .method = "PUT", .path = "/b/k?canary=1", .body = "x" };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_RESPONSE struct http_response response = { 0 };
        struct err err;

        CHECK_ERR(send_ask(&ask, &plain, rows[i].base, &response, &err), err, rows[i].want);
        assert_false(response.sent);
        assert_null(strstr(err.msg, "canary"));
    }
}

/* A name server that has no answer now may have one at the next try, of the same handle. */
static void a_name_is_asked_for_again(void **state)
{
    struct http_request request = { .method = "GET", .url = "http://no-such-host.invalid/k" };
    AUTO(http) struct http *http = NULL;
    struct err err;

    (void)state;
    CHECK_OK(http_open(&http, &plain, &err), err);
    for (int i = 0; i < 3; i++) {
        AUTO_RESPONSE struct http_response response = { 0 };

        if (i == 2) {
            AUTO_FREE char *url = xasprintf("%s/_log", fixture.endpoint);

            request.url = url;
            CHECK_OK(http_send(http, &request, &response, &err), err);
        } else {
            CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_DEPENDENCY);
        }
    }
}

static void a_header_with_a_line_break_is_refused(void **state)
{
    struct ask ask = { .method = "GET", .path = "/b/k", .header = "X: a\r\nHost: b" };
    AUTO_RESPONSE struct http_response response = { 0 };
    struct err err;

    (void)state;
    CHECK_ERR(send_ask(&ask, &plain, fixture.endpoint, &response, &err), err, ERR_CONFIG);
}

/* 1 with TLS, 0 when this machine cannot make a certificate. */
static int tls_base(char *out, size_t size, const char *host)
{
    AUTO_FREE char *path = xasprintf("%s/tls", fixture.dir), *port = NULL;
    size_t len;
    struct err err;

    if (file_read(&port, &len, path, 16, &err) < 0)
        return 0;
    (void)snprintf(out, size, "https://%s:%s", host, port);
    return 1;
}

static void certificates_are_verified(void **state)
{
    AUTO_FREE char *ca = xasprintf("%s/ca.pem", fixture.dir);
    struct http_opts ours = { .ca_file = ca }, missing = { .ca_file = "/nonexistent/ca.pem" };
    struct ask ask = { .method = "GET", .path = "/_log" };
    char base[64];

    (void)state;
    if (!tls_base(base, sizeof(base), "localhost"))
        skip();
    for (int i = 0; i < 4; i++) {
        AUTO_RESPONSE struct http_response response = { 0 };
        const struct http_opts *opts = i == 0 ? &plain : i == 1 ? &missing : &ours;
        struct err err;

        if (i == 2)
            (void)tls_base(base, sizeof(base), "127.0.0.1"); /* not the certificate's name */
        if (i == 3)
            (void)tls_base(base, sizeof(base), "localhost");
        if (i < 3) {
            CHECK_ERR(send_ask(&ask, opts, base, &response, &err), err, ERR_CONFIG);
            assert_false(response.sent);
        } else {
            CHECK_OK(send_ask(&ask, opts, base, &response, &err), err);
            assert_int_equal(response.status, 200);
        }
    }
}

static void a_proxy_comes_from_the_environment(void **state)
{
    struct ask ask = { .method = "GET", .path = "/_log" };
    struct http_opts direct = { .no_proxy = true };

    (void)state;
    script("");
    assert_int_equal(setenv("http_proxy", fixture.endpoint, 1), 0);
    for (int i = 0; i < 3; i++) {
        AUTO_RESPONSE struct http_response response = { 0 };
        struct err err;
        int rc;

        if (i == 1)
            assert_int_equal(setenv("no_proxy", "example.invalid", 1), 0);
        rc = send_ask(&ask, i == 2 ? &direct : &plain, "http://example.invalid", &response, &err);
        CHECK_INT("proxy", rc, i == 0 ? 0 : -1);
        (void)unsetenv("no_proxy");
    }
    (void)unsetenv("http_proxy");
}

static void headers_of_the_last_answer(void **state)
{
    static const char *const lines[] = {
        "HTTP/1.1 100 Continue\r\n", "Old: x\r\n",       "\r\n",         "HTTP/1.1 200 OK\r\n",
        "ETag:\t \"a b\" \r\n",      "X-Empty:\r\n",     "no colon\r\n", ": no name\r\n",
        "bad name: x\r\n",           "ETAG: second\r\n", "\r\n",
    };
    struct http_response response = { .status = 200 };
    char out[16];

    (void)state;
    buf_init(&response.headers, 64);
    for (size_t i = 0; i < COUNT(lines); i++)
        (void)http_header_take(&response.headers, lines[i], strlen(lines[i]));
    assert_string_equal(response.headers.data, "etag: \"a b\"\nx-empty: \netag: second\n");
    assert_true(http_header_find(&response, "etag", out, sizeof(out)));
    assert_string_equal(out, "\"a b\"");
    assert_true(http_header_find(&response, "x-empty", out, sizeof(out)));
    assert_string_equal(out, "");
    assert_false(http_header_find(&response, "old", out, sizeof(out)));
    assert_false(http_header_find(&response, "eta", out, sizeof(out)));
    assert_false(http_header_find(&response, "etag", out, 5));
    assert_false(http_header_take(&response.headers, "long: xxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 35));
    http_response_clear(&response);
}

static void dates(void **state)
{
    (void)state;
    assert_int_equal(http_date_parse("Fri, 24 May 2013 00:00:00 GMT"), 1369353600000);
    assert_int_equal(http_date_parse("yesterday"), -1);
    assert_int_equal(http_date_parse(""), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_have_limits),
        cmocka_unit_test(silence_has_a_limit),
        cmocka_unit_test(what_never_left_is_known),
        cmocka_unit_test(a_name_is_asked_for_again),
        cmocka_unit_test(a_header_with_a_line_break_is_refused),
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(a_proxy_comes_from_the_environment),
        cmocka_unit_test(headers_of_the_last_answer),
        cmocka_unit_test(dates),
    };
    int rc;

    if (fixture_start(&fixture, "faulty") < 0)
        return 1;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop(&fixture);
    return rc;
}
