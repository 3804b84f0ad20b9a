/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a server that fails on purpose (tests/s3/faulty): what is in the bucket in the
 * end, what the caller is told, and how often the server was asked.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/http.h"
#include "common/mem.h"
#include "common/s3.h"
#include "common/s3_credentials.h"
#include "tests/s3/fixture.h"

#define BUCKET "b"

static struct fixture fixture;
static struct s3_credentials *credentials;
static struct s3 *s3;

static char *control(const char *method, const char *path, const char *body)
{
    AUTO(http) struct http *http = NULL;
    AUTO_RESPONSE struct http_response response = { 0 };
    AUTO_FREE char *url = xasprintf("%s%s", fixture.endpoint, path);
    struct http_opts opts = { .no_proxy = true };
    struct http_request request = {
        .method = method, .url = url, .body = body, .body_len = body ? strlen(body) : 0
    };
    struct err err;

    CHECK_OK(http_open(&http, &opts, &err), err);
    CHECK_OK(http_send(http, &request, &response, &err), err);
    assert_int_equal(response.status, 200);
    return buf_take(&response.body);
}

static void script(const char *text)
{
    free(control("PUT", "/_script", text));
}

/* How often `what` begins a line of the server's log. */
static int asked(const char *what)
{
    AUTO_FREE char *log = control("GET", "/_log", NULL);
    int count = 0;

    for (char *line = log; line && *line; line = strchr(line, '\n'), line += line != NULL)
        count += strncmp(line, what, strlen(what)) == 0;
    return count;
}

static void open_client(void)
{
    s3 = fixture_open(&fixture, BUCKET, &credentials);
}

static void close_client(void)
{
    s3_free(TAKE(s3));
    s3_credentials_free(TAKE(credentials));
}

/* Each test has a client of its own: clocks and connections are remembered in it. */
static int setup(void **state)
{
    (void)state;
    script("");
    open_client();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_client();
    return 0;
}

static void check_object(const char *row, const char *key, const char *want)
{
    AUTO_BUF struct buf buf;
    struct err err;

    buf_init(&buf, 1 << 20);
    CHECK_OK(s3_get_all(s3, key, 1 << 20, &buf, NULL, &err), err);
    CHECK_STR(row, buf.data ? buf.data : "", want);
}

struct put_row {
    const char *name, *script;
    bool absent;
    enum err_code want;
    const char *object; /* in the bucket after it */
    int puts, heads;    /* requests */
};

static void writes_are_done_once_and_known_again(void **state)
{
    static const struct put_row rows[] = {
        { "plain", "", true, ERR_NONE, "ours", 1, 0 },
        { "503 storm", "PUT error 503 SlowDown\nPUT error 503 SlowDown\nPUT error 503 SlowDown",
          true, ERR_NONE, "ours", 4, 0 },
        { "429", "PUT error 429 TooManyRequests", true, ERR_NONE, "ours", 2, 0 },
        { "500, not done", "PUT error 500 InternalError", true, ERR_NONE, "ours", 2, 1 },
        { "500 after it was done", "PUT done-error 500 InternalError", true, ERR_NONE, "ours", 1,
          1 },
        { "502 of a proxy after it was done", "PUT done-error 502 Bad", true, ERR_NONE, "ours", 1,
          1 },
        { "lost answer", "PUT done-silent", true, ERR_NONE, "ours", 1, 1 },
        { "lost answer, no condition", "PUT done-silent", false, ERR_NONE, "ours", 1, 1 },
        { "lost request", "PUT silent", true, ERR_NONE, "ours", 2, 1 },
        { "lost answer, and HEAD is down for a while", "PUT done-silent\nHEAD error 503 SlowDown",
          true, ERR_NONE, "ours", 1, 2 },
        { "lost answer of a server without metadata", "set nometa 1\nPUT done-silent", true,
          ERR_NONE, "ours", 1, 1 },
        { "409 race, then it is free", "PUT error 409 ConditionalRequestConflict", true, ERR_NONE,
          "ours", 2, 0 },
        { "409 race, lost", "PUT error 409 ConditionalRequestConflict\nPUT rival theirs", true,
          ERR_CONFLICT, "theirs", 2, 1 },
        { "somebody was first, and the look at it is refused",
          "PUT rival theirs\nHEAD error 403 AccessDenied", true, ERR_CONFIG, "theirs", 1, 1 },
        { "somebody was first", "PUT rival theirs", true, ERR_CONFLICT, "theirs", 1, 1 },
        { "somebody was first with the same bytes", "PUT rival ours", true, ERR_CONFLICT, "ours", 1,
          1 },
        { "lost answer and somebody else was first", "PUT silent\nPUT rival theirs", true,
          ERR_CONFLICT, "theirs", 2, 2 },
        { "lost answer, somebody else was first with as many bytes", "PUT silent\nPUT rival outs",
          true, ERR_CONFLICT, "outs", 2, 2 },
        { "damaged on the way", "PUT error 400 XAmzContentSHA256Mismatch", true, ERR_NONE, "ours",
          2, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct s3_condition condition = { .absent = rows[i].absent };
        char etag[S3_ETAG_SIZE] = "";
        struct err err = { 0 };
        int rc;

        script(rows[i].script);
        close_client();
        open_client(); /* a new connection: on a kept one libcurl itself sends again */
        rc = s3_put(s3, "k", "ours", 4, &condition, etag, &err);
        if (rc < 0 && rows[i].want == ERR_NONE)
            fail_msg("[%s] %s", rows[i].name, err.msg);
        CHECK_INT(rows[i].name, rc, rows[i].want == ERR_NONE ? 0 : -1);
        CHECK_INT(rows[i].name, err.code * (rc < 0), rows[i].want);
        CHECK_INT(rows[i].name, asked("PUT "), rows[i].puts);
        CHECK_INT(rows[i].name, asked("HEAD "), rows[i].heads);
        check_object(rows[i].name, "k", rows[i].object);
        CHECK_INT(rows[i].name, etag[0] != '\0', rc == 0);
    }
}

/* libcurl sends a request again when a kept connection ends without a byte: 412 for our own write.
 */
static void a_write_that_libcurl_repeats_is_ours(void **state)
{
    struct s3_condition absent = { .absent = true };
    struct s3_object object;
    struct err err;

    (void)state;
    script("PUT done-silent");
    CHECK_ERR(s3_head(s3, "k", &object, &err), err, ERR_NOT_FOUND);
    CHECK_OK(s3_put(s3, "k", "ours", 4, &absent, NULL, &err), err);
    assert_int_equal(asked("PUT /b/k none"), 1);
    assert_int_equal(asked("PUT /b/k 412"), 1);
}

/* A server may refuse a large body without reading it, and hang up on what is still coming. */
static void an_early_refusal_is_heard(void **state)
{
    struct s3_condition absent = { .absent = true };
    size_t len = 32u << 20;
    AUTO_FREE char *large = xcalloc(len, 1);
    struct err err;

    (void)state;
    CHECK_OK(s3_put(s3, "k", "theirs", 6, NULL, NULL, &err), err);
    CHECK_ERR(s3_put(s3, "k", large, len, &absent, NULL, &err), err, ERR_CONFLICT);
    check_object("early", "k", "theirs");
    CHECK_ERR(s3_put(s3, "new", large, len, &absent, NULL, &err), err, ERR_CONFIG);
}

static void a_server_that_stays_down_is_given_up(void **state)
{
    struct err err;

    (void)state;
    script("PUT error 503 SlowDown\nPUT error 503 SlowDown\nPUT error 503 SlowDown\n"
           "PUT error 503 SlowDown\nPUT error 503 SlowDown\nPUT error 503 SlowDown\n");
    CHECK_ERR(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err, ERR_DEPENDENCY);
    CHECK_STR("message", err.msg, "s3://b/k: HTTP 503 SlowDown: the server says SlowDown");
    assert_int_equal(asked("PUT "), 6);
}

/* The last of all attempts was done, and its answer lost. */
static void the_last_attempt_is_looked_at_too(void **state)
{
    struct s3_condition absent = { .absent = true };
    struct err err;

    (void)state;
    script("PUT error 500 E\nPUT error 500 E\nPUT error 500 E\nPUT error 500 E\nPUT error 500 E\n"
           "PUT done-error 500 E\n");
    CHECK_OK(s3_put(s3, "k", "x", 1, &absent, NULL, &err), err);
    assert_int_equal(asked("PUT "), 6);
    script("PUT error 500 E\nPUT error 500 E\nPUT error 500 E\nPUT error 500 E\nPUT error 500 E\n"
           "PUT error 500 E\n");
    CHECK_ERR(s3_put(s3, "k", "x", 1, &absent, NULL, &err), err, ERR_DEPENDENCY);
}

static void retry_after_is_kept(void **state)
{
    int64_t before = clock_mono_us();
    struct err err;

    (void)state;
    script("PUT error 503 SlowDown Retry-After=1");
    CHECK_OK(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err);
    assert_in_range(clock_mono_us() - before, 1000000, 5000000);
}

static void reads_are_whole_or_repeated(void **state)
{
    static const char *const scripts[] = { "GET half", "GET silent", "GET error 500 InternalError",
                                           "GET half\nGET half\nGET error 503 SlowDown",
                                           "GET stall 0.1" };
    char out[64];
    size_t got;
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        struct s3_object object;

        script(scripts[i]);
        CHECK_OK(s3_put(s3, "k", "0123456789", 10, NULL, NULL, &err), err);
        CHECK_OK(s3_get(s3, "k", 2, out, 6, &got, NULL, &object, &err), err);
        CHECK_INT(scripts[i], got, 6);
        CHECK_INT(scripts[i], memcmp(out, "234567", 6), 0);
        CHECK_INT(scripts[i], object.size, 10);
        script(scripts[i]);
        CHECK_OK(s3_put(s3, "k", "0123456789", 10, NULL, NULL, &err), err);
        check_object(scripts[i], "k", "0123456789");
    }
}

static void a_wrong_byte_is_seen_by_its_checksum(void **state)
{
    (void)state;
    script("GET flip\nGET flip");
    {
        struct err err;

        CHECK_OK(s3_put(s3, "k", "0123456789", 10, NULL, NULL, &err), err);
    }
    check_object("flip", "k", "0123456789");
    assert_int_equal(asked("GET "), 3);
}

static void a_server_without_ranges_is_no_danger(void **state)
{
    char out[16];
    size_t got;
    struct err err;

    (void)state;
    script("GET whole\nGET more\n");
    CHECK_OK(s3_put(s3, "k", "0123456789", 10, NULL, NULL, &err), err);
    CHECK_ERR(s3_get(s3, "k", 2, out, 3, &got, NULL, NULL, &err), err, ERR_DEPENDENCY);
    CHECK_ERR(s3_get(s3, "k", 2, out, 3, &got, NULL, NULL, &err), err, ERR_DEPENDENCY);
    script("GET whole\nGET whole\nGET whole\nGET whole\nGET whole\nGET whole\nGET whole");
    CHECK_OK(s3_put(s3, "k", "0123456789", 10, NULL, NULL, &err), err);
    CHECK_OK(s3_get(s3, "k", 0, out, 10, &got, NULL, NULL, &err), err);
    assert_int_equal(got, 10);
    CHECK_ERR(s3_get(s3, "k", 4, out, 16, &got, NULL, NULL, &err), err, ERR_DEPENDENCY);
    CHECK_HAS("range", err.msg, "the answer is not whole");
}

struct complete_row {
    const char *name, *script;
    enum err_code want;
    const char *object; /* NULL: none */
    int completes;
};

static void the_end_of_an_upload_is_known_again(void **state)
{
    static const struct complete_row rows[] = {
        { "plain", "", ERR_NONE, "ours", 1 },
        { "lost answer", "COMPLETE done-silent", ERR_NONE, "ours", 2 }, /* by libcurl */
        { "lost request", "COMPLETE silent", ERR_NONE, "ours", 2 },
        { "500 after it was done", "COMPLETE done-error 500 InternalError", ERR_NONE, "ours", 1 },
        { "200 with an error", "COMPLETE body-error InternalError", ERR_NONE, "ours", 2 },
        { "200 with an error, but done", "COMPLETE done-body-error InternalError", ERR_NONE, "ours",
          1 },
        { "200 with SlowDown", "COMPLETE body-error SlowDown", ERR_NONE, "ours", 2 },
        { "200 that is no document", "COMPLETE garbage", ERR_NONE, "ours", 2 },
        { "200 cut short", "COMPLETE half", ERR_NONE, "ours", 1 },
        { "lost answer, and the look at the object is refused",
          "COMPLETE done-silent\nHEAD error 403 AccessDenied", ERR_CONFIG, "ours", 2 },
        { "409: begin again", "COMPLETE error 409 ConditionalRequestConflict", ERR_CONFLICT, NULL,
          1 },
        { "200 with 409's code", "COMPLETE body-error ConditionalRequestConflict", ERR_CONFLICT,
          NULL, 1 },
        { "409, and somebody was first", "COMPLETE rival theirs", ERR_CONFLICT, "theirs", 1 },
        { "200 with a refusal", "COMPLETE body-error InvalidPart", ERR_CONFIG, NULL, 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct s3_condition absent = { .absent = true };
        char id[S3_UPLOAD_MAX], etag[S3_ETAG_SIZE] = "";
        struct s3_part parts[2];
        struct s3_object object;
        struct err err = { 0 };
        int rc;

        script(rows[i].script);
        CHECK_OK(s3_upload_begin(s3, "u", id, &err), err);
        CHECK_OK(s3_upload_part(s3, "u", id, 1, "ou", 2, &parts[0], &err), err);
        CHECK_OK(s3_upload_part(s3, "u", id, 2, "rs", 2, &parts[1], &err), err);
        rc = s3_upload_complete(s3, "u", id, parts, 2, &absent, etag, &err);
        if (rc < 0 && rows[i].want == ERR_NONE)
            fail_msg("[%s] %s", rows[i].name, err.msg);
        CHECK_INT(rows[i].name, err.code * (rc < 0), rows[i].want);
        CHECK_INT(rows[i].name, asked("COMPLETE "), rows[i].completes);
        CHECK_INT(rows[i].name, asked("ABORT "), rows[i].want == ERR_CONFLICT);
        CHECK_INT(rows[i].name, etag[0] == '"', rc == 0);
        if (rows[i].object)
            check_object(rows[i].name, "u", rows[i].object);
        else
            CHECK_INT(rows[i].name, s3_head(s3, "u", &object, &err), -1);
    }
}

static void parts_and_beginnings_are_repeated(void **state)
{
    char id[S3_UPLOAD_MAX];
    struct s3_part part;
    uint32_t count;
    struct err err;

    (void)state;
    script(
        "BEGIN error 503 SlowDown\nBEGIN done-silent\nPART done-silent\nPART half\nPART error 500 "
        "InternalError\nABORT error 500 InternalError\n");
    CHECK_OK(s3_upload_begin(s3, "u/1", id, &err), err);
    CHECK_OK(s3_upload_part(s3, "u/1", id, 1, "x", 1, &part, &err), err);
    CHECK_OK(s3_upload_complete(s3, "u/1", id, &part, 1, NULL, NULL, &err), err);
    check_object("upload", "u/1", "x");
    CHECK_OK(s3_uploads_abort(s3, "u/", &count, &err), err);
    assert_int_equal(count, 1); /* the one whose beginning nobody heard of */
}

static void a_wrong_clock_is_set_once(void **state)
{
    struct s3_object object;
    struct err err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        script(i ? "set clock -7200" : "set clock 86400");
        CHECK_OK(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err);
        assert_int_equal(asked("PUT "), 2);
        check_object("clock", "k", "x");
        assert_int_equal(asked("GET "), 1);
        close_client();
        open_client();
        CHECK_OK(s3_head(s3, "k", &object, &err), err); /* no body to read the code from */
        assert_int_equal(asked("HEAD "), 2);
    }
}

static void the_right_region_is_named(void **state)
{
    struct s3_object object;
    struct err err;

    (void)state;
    script("set region eu-west-1");
    CHECK_ERR(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_STR("400", err.msg, "s3://b/k: the bucket is in region eu-west-1, not us-east-1");
    CHECK_ERR(s3_head(s3, "k", &object, &err), err, ERR_CONFIG);
    CHECK_STR("HEAD", err.msg, "s3://b/k: the bucket is in region eu-west-1, not us-east-1");
    script("PUT error 301 PermanentRedirect x-amz-bucket-region=ap-south-1\n"
           "PUT error 307 TemporaryRedirect Location=http://127.0.0.1:1/b/k");
    CHECK_ERR(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("301", err.msg, "region ap-south-1, not us-east-1");
    CHECK_ERR(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("307", err.msg, "redirected (HTTP 307)");
    assert_int_equal(asked("PUT "), 2);
}

static int count_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    (void)key, (void)size, (void)err;
    ++*(int *)ctx;
    return 0;
}

static int stop_at_two(void *ctx, const char *key, uint64_t size, struct err *err)
{
    (void)key, (void)size;
    return ++*(int *)ctx == 2 ? err_set(err, ERR_INPUT, "enough") : 0;
}

static void lists_go_on_page_by_page(void **state)
{
    int count = 0;
    struct err err;

    (void)state;
    script("set page 2\nLIST error 503 SlowDown\nLIST half\n");
    for (int i = 0; i < 5; i++) {
        char key[8] = { 'l', '/', (char)('a' + i), '&', '\0' };

        CHECK_OK(s3_put(s3, key, "x", 1, NULL, NULL, &err), err);
    }
    CHECK_OK(s3_list(s3, "l/", count_key, &count, &err), err);
    assert_int_equal(count, 5);
    count = 0;
    CHECK_ERR(s3_list(s3, "l/", stop_at_two, &count, &err), err, ERR_INPUT);
    assert_int_equal(count, 2);
    script("LIST garbage");
    CHECK_ERR(s3_list(s3, "l/", count_key, &count, &err), err, ERR_DEPENDENCY);
}

static bool stop_now(void *ctx)
{
    return clock_mono_us() > *(int64_t *)ctx;
}

static void told_to_stop_ends_pauses_and_transfers(void **state)
{
    static const char *const scripts[] = { "PUT error 503 SlowDown Retry-After=30", "PUT stall 5" };

    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        AUTO(s3) struct s3 *own = NULL;
        int64_t before = clock_mono_us(), at = before + 300000;
        struct s3_opts opts = { .bucket = BUCKET,
                                .endpoint = fixture.endpoint,
                                .credentials = credentials,
                                .stop = stop_now,
                                .ctx = &at };
        struct err err;

        script(scripts[i]);
        CHECK_OK(s3_open(&own, &opts, &err), err);
        CHECK_ERR(s3_put(own, "k", "x", 1, NULL, NULL, &err), err, ERR_INTERRUPTED);
        assert_in_range(clock_mono_us() - before, 290000, 3000000);
    }
}

static void secrets_stay_secret(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *temporary = NULL;
    AUTO(s3) struct s3 *own = NULL;
    struct s3_opts opts = { .bucket = BUCKET, .endpoint = fixture.endpoint };
    struct err err;

    (void)state;
    script("PUT echo\nPUT error 403 AccessDenied\n");
    CHECK_OK(s3_credentials_open(&temporary, "id", "canary-secret", "canary-token-canary", &err),
             err);
    opts.credentials = temporary;
    CHECK_OK(s3_open(&own, &opts, &err), err);
    for (int i = 0; i < 2; i++) {
        CHECK_ERR(s3_put(own, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
        if (strstr(err.msg, "canary"))
            fail_msg("%s", err.msg);
        CHECK_HAS("code", err.msg, "AccessDenied");
    }
}

/* DELETE of "" would be DELETE of the bucket. */
static void an_empty_key_asks_nothing(void **state)
{
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 3);
    CHECK_ERR(s3_delete(s3, "", &err), err, ERR_INTERNAL);
    CHECK_ERR(s3_put(s3, "", "x", 1, NULL, NULL, &err), err, ERR_INTERNAL);
    CHECK_ERR(s3_get_all(s3, "", 10, &buf, NULL, &err), err, ERR_INTERNAL);
    assert_int_equal(asked("DELETE ") + asked("LIST ") + asked("PUT "), 0);
    CHECK_OK(s3_put(s3, "k", "four", 4, NULL, NULL, &err), err);
    CHECK_ERR(s3_get_all(s3, "k", 10, &buf, NULL, &err), err, ERR_INPUT); /* buf has no room */
}

static void a_closed_port_is_told_in_words(void **state)
{
    AUTO(s3) struct s3 *own = NULL;
    struct s3_opts opts = {
        .bucket = BUCKET, .endpoint = "http://127.0.0.1:1", .attempts = 2, .pause_ms = 1
    };
    struct s3_object object;
    struct err err;

    (void)state;
    CHECK_OK(s3_open(&own, &opts, &err), err);
    CHECK_ERR(s3_head(own, "k", &object, &err), err, ERR_DEPENDENCY);
    CHECK_HAS("closed", err.msg, "s3://b/k: 127.0.0.1:1: ");
}

static void bad_options_are_config_errors(void **state)
{
    static const struct s3_opts rows[] = {
        { .bucket = "" },
        { .bucket = NULL },
        { .bucket = "a/b" },
        { .bucket = "b", .region = "eu west" },
        { .bucket = "b", .endpoint = "s3.example.com" },
        { .bucket = "b", .endpoint = "ftp://x" },
        { .bucket = "b", .endpoint = "https://" },
        { .bucket = "b", .endpoint = "https://canary:canary@x" },
        { .bucket = "b", .endpoint = "https://x?y" },
        { .bucket = "b", .endpoint = "https://x\r\ny" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct s3 *none = NULL;
        struct err err;

        CHECK_ERR(s3_open(&none, &rows[i], &err), err, ERR_CONFIG);
        assert_null(none);
        assert_null(strstr(err.msg, "canary"));
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(writes_are_done_once_and_known_again),
        T(a_write_that_libcurl_repeats_is_ours),
        T(an_early_refusal_is_heard),
        T(a_server_that_stays_down_is_given_up),
        T(the_last_attempt_is_looked_at_too),
        T(retry_after_is_kept),
        T(reads_are_whole_or_repeated),
        T(a_wrong_byte_is_seen_by_its_checksum),
        T(a_server_without_ranges_is_no_danger),
        T(the_end_of_an_upload_is_known_again),
        T(parts_and_beginnings_are_repeated),
        T(a_wrong_clock_is_set_once),
        T(the_right_region_is_named),
        T(lists_go_on_page_by_page),
        T(told_to_stop_ends_pauses_and_transfers),
        T(secrets_stay_secret),
        T(an_empty_key_asks_nothing),
        T(a_closed_port_is_told_in_words),
        T(bad_options_are_config_errors),
    };
    int rc;

    if (fixture_start(&fixture, "faulty") < 0)
        return 1;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop(&fixture);
    return rc;
}
