/* SPDX-License-Identifier: Apache-2.0
 *
 * Where keys come from, against the services of tests/s3/faulty. Its keys have "canary" in them, as
 * have the tokens given to it: no message may.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/mem.h"
#include "common/s3.h"
#include "common/s3_credentials.h"
#include "common/s3_sources.h"
#include "tests/s3/fixture.h"

#include <pthread.h>
#include <time.h>

static struct fixture fixture;
static char token_path[128];

static const char *const names[] = {
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CA_BUNDLE",
};

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
    return buf_take(&response.body);
}

static void script(const char *text)
{
    free(control("PUT", "/_script", text));
}

static void check_log(const char *row, const char *part, int want)
{
    AUTO_FREE char *log = control("GET", "/_log", NULL);
    int count = 0;

    for (char *at = log; at && (at = strstr(at, part)); at++)
        count++;
    if (count != want)
        fail_msg("[%s] '%s' is %d times, want %d, in\n%s", row, part, count, want, log);
}

static void write_token(const char *text)
{
    struct err err;

    CHECK_OK(file_write(token_path, text, strlen(text), &err), err);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void use_sts(void)
{
    set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", token_path);
    set("AWS_ROLE_SESSION_NAME", "me");
    set("AWS_ENDPOINT_URL_STS", fixture.endpoint);
}

static void use_container(const char *path)
{
    AUTO_FREE char *url = xasprintf("%s%s", fixture.endpoint, path);

    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        (void)unsetenv(names[i]);
    script("");
    write_token("canary-identity\n");
    return 0;
}

static struct s3_credentials *open_credentials(void)
{
    struct s3_credentials *credentials = NULL;
    struct err err;

    CHECK_OK(s3_credentials_open(&credentials, NULL, NULL, NULL, &err), err);
    return credentials;
}

/* The id of the keys that are given now. */
static void check_id(struct s3_credentials *credentials, const char *want)
{
    struct s3_keys keys = { 0 };
    struct err err;

    CHECK_OK(s3_credentials_get(credentials, &keys, &err), err);
    CHECK_STR("id", keys.id, want);
    CHECK_INT(want, strncmp(keys.secret, "canary-secret-", 14), 0);
    CHECK_INT(want, strncmp(keys.token, "canary-token-", 13), 0);
    CHECK_INT(want, keys.end_ms > clock_unix_ms(), 1);
    s3_keys_clear(&keys);
}

static void check_failure(const char *row, enum err_code want, const char *part)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = open_credentials();
    struct s3_keys keys = { 0 };
    struct err err = { 0 };

    CHECK_INT(row, s3_credentials_get(credentials, &keys, &err), -1);
    CHECK_INT(row, err.code, want);
    CHECK_HAS(row, err.msg, part);
    if (strstr(err.msg, "canary"))
        fail_msg("[%s] %s", row, err.msg);
}

static void given_keys_are_the_keys(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    struct s3_credentials *none = NULL;
    struct s3_keys keys;
    struct err err;

    (void)state;
    use_sts();
    CHECK_OK(s3_credentials_open(&credentials, "id", "canary", "", &err), err);
    s3_credentials_drop(credentials);
    CHECK_OK(s3_credentials_get(credentials, &keys, &err), err);
    assert_string_equal(keys.id, "id");
    assert_string_equal(keys.secret, "canary");
    assert_null(keys.token);
    assert_int_equal(keys.end_ms, 0);
    s3_keys_clear(&keys);
    s3_keys_clear(&keys);
    CHECK_ERR(s3_credentials_open(&none, NULL, "canary", NULL, &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "S3 keys: the access key id is missing");
    CHECK_ERR(s3_credentials_open(&none, "id", "", NULL, &err), err, ERR_CONFIG);
}

static void without_any_source_all_are_named(void **state)
{
    struct s3_credentials *none = NULL;
    struct err err;

    (void)state;
    set("AWS_EC2_METADATA_DISABLED", "true");
    CHECK_ERR(s3_credentials_open(&none, NULL, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("names", err.msg, "AWS_WEB_IDENTITY_TOKEN_FILE");
    CHECK_HAS("names", err.msg, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    CHECK_HAS("names", err.msg, "AWS_EC2_METADATA_DISABLED");
}

static void a_web_identity_becomes_keys(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;

    (void)state;
    use_sts();
    use_container("/keys"); /* comes after it */
    credentials = open_credentials();
    check_id(credentials, "ID1");
    check_id(credentials, "ID1");
    check_log("sts",
              "form Action=AssumeRoleWithWebIdentity RoleArn=arn:aws:iam::1:role/r "
              "RoleSessionName=me Version=2011-06-15 WebIdentityToken=canary-identity\n",
              1);
    check_log("path", "STS / 200", 1);
    write_token("canary-second");
    s3_credentials_drop(credentials);
    check_id(credentials, "ID2");
    check_log("read anew", "WebIdentityToken=canary-second\n", 1);
}

static void a_container_is_asked_with_its_token(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL, *again = NULL;

    (void)state;
    use_container("/keys/x");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic canary");
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", fixture.endpoint); /* comes after it */
    credentials = open_credentials();
    check_id(credentials, "ID1");
    check_log("token", "authorization Basic canary\n", 1);
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_path);
    again = open_credentials();
    check_id(again, "ID2");
    check_log("token file", "authorization canary-identity\n", 1);
    check_log("instance", "TOKEN", 0);
}

static void only_near_addresses_get_a_token(void **state)
{
    static const struct {
        const char *url;
        bool want;
    } rows[] = {
        { "https://keys.example.com/x", true },
        { "http://127.0.0.1/x", true },
        { "http://127.9.9.9:80/x", true },
        { "http://localhost:1/x", true },
        { "http://[::1]:80/x", true },
        { "http://169.254.170.2/v2", true },
        { "http://169.254.170.23/v1", true },
        { "http://[fd00:ec2::23]/v1", true },
        { "http://example.com/x", false },
        { "http://127.0.0.1.example.com/x", false },
        { "http://localhost.example.com/", false },
        { "http://169.254.170.2@evil/x", false },
        { "http://127.0.0.1@evil.example/x", false },
        { "http://169.254.169.254/", false },
        { "http://[::1", false },
        { "http://[::1].evil/x", false },
        { "ftp://127.0.0.1/x", false },
        { "", false },
        { "http://", false },
        { "http://127.1/x", false },
        { "http://10.0.0.1\\@127.0.0.1/", false },
    };
    struct s3_credentials *none = NULL;
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(rows[i].url, s3_source_may_ask(rows[i].url), rows[i].want);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://canary.example.com/");
    CHECK_ERR(s3_credentials_open(&none, NULL, NULL, NULL, &err), err, ERR_CONFIG);
}

static void an_instance_is_asked_in_a_session(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;

    (void)state;
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", fixture.endpoint);
    credentials = open_credentials();
    check_id(credentials, "ID1");
    check_log("token", "TOKEN /latest/api/token 200", 1);
    check_log("role", "KEYS /latest/meta-data/iam/security-credentials/the-role 200", 1);
}

static void failures_are_told_apart(void **state)
{
    static const struct {
        const char *name, *script, *token;
        char source; /* s, c, i */
        enum err_code want;
        const char *part;
    } rows[] = {
        { "refused", "STS error 403 AccessDenied", "canary", 's', ERR_CONFIG,
          "S3 keys from STS: POST: HTTP 403 AccessDenied" },
        { "down", "STS error 500 E\nSTS error 500 E\nSTS error 503 E", "canary", 's',
          ERR_DEPENDENCY, "S3 keys from STS: " },
        { "no document", "STS garbage", "canary", 's', ERR_DEPENDENCY, "XML" },
        { "empty token", "", "\n", 's', ERR_CONFIG, "token is empty" },
        { "no token file", "", NULL, 's', ERR_CONFIG, "token: " },
        { "container refuses", "KEYS error 404 E", "canary", 'c', ERR_CONFIG,
          "S3 keys from the container's service: GET: HTTP 404" },
        { "container writes rubbish", "KEYS garbage", "canary", 'c', ERR_DEPENDENCY, "container" },
        { "token of two lines", "", "canary\ncanary", 'c', ERR_CONFIG, "line break" },
        { "no session", "TOKEN error 403 E", "canary", 'i', ERR_CONFIG, "hop limit" },
        { "no role", "ROLE error 404 E", "canary", 'i', ERR_CONFIG, "GET: HTTP 404" },
        { "over at once", "set life 5", "canary", 'c', ERR_DEPENDENCY, "end within a minute" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err;

        (void)setup(state);
        script(rows[i].script);
        if (rows[i].token)
            write_token(rows[i].token);
        else
            CHECK_OK(file_remove(token_path, &err), err);
        if (rows[i].source == 's')
            use_sts();
        if (rows[i].source == 'c') {
            use_container("/keys");
            set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_path);
        }
        set("AWS_EC2_METADATA_SERVICE_ENDPOINT", fixture.endpoint);
        check_failure(rows[i].name, rows[i].want, rows[i].part);
    }
}

static void a_short_outage_is_ridden_out(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;

    (void)state;
    use_sts();
    script("STS error 503 E\nSTS silent");
    credentials = open_credentials();
    check_id(credentials, "ID1");
}

static void nap_ms(int ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&ts, NULL);
}

/* The new ones are fetched when 300 s are left; the old ones serve while that fails. */
static void keys_are_fetched_again_before_they_end(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL, *other = NULL;

    (void)state;
    use_container("/keys");
    script("set life 302");
    credentials = open_credentials();
    other = open_credentials();
    check_id(credentials, "ID1");
    check_id(other, "ID2");
    check_id(credentials, "ID1");
    nap_ms(2600);
    check_id(credentials, "ID3");
    script("KEYS error 403 E");
    check_id(other, "ID2");
    check_id(other, "ID2"); /* not asked again at once */
    check_log("failed", "KEYS ", 1);
}

#define THREADS 8

struct getter {
    pthread_t thread;
    struct s3_credentials *credentials;
    struct s3_keys keys;
};

static void *get_one(void *ctx)
{
    struct getter *getter = ctx;
    struct err err;

    (void)s3_credentials_get(getter->credentials, &getter->keys, &err);
    return NULL;
}

static void threads_share_one_fetch(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    struct getter getters[THREADS];

    (void)state;
    use_sts();
    script("STS slow 0.3");
    credentials = open_credentials();
    for (size_t i = 0; i < THREADS; i++) {
        getters[i] = (struct getter){ .credentials = credentials };
        assert_int_equal(pthread_create(&getters[i].thread, NULL, get_one, &getters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(getters[i].thread, NULL);
        CHECK_STR("thread", getters[i].keys.id ? getters[i].keys.id : "none", "ID1");
        s3_keys_clear(&getters[i].keys);
    }
    check_log("one", "STS / 200", 1);
}

/* S3 itself says that a token is over: new keys, once. */
static void an_expired_token_is_changed(void **state)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = NULL;
    struct s3_opts opts = { .bucket = "b", .endpoint = fixture.endpoint, .pause_ms = 1 };
    struct s3_object object;
    struct err err;

    (void)state;
    use_container("/keys");
    script("set token canary-token-2");
    opts.credentials = credentials = open_credentials();
    CHECK_OK(s3_open(&s3, &opts, &err), err);
    CHECK_OK(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err);
    check_log("put", "PUT /b/k ", 2);
    check_log("keys", "KEYS ", 2);
    script("set token canary-token-1");
    CHECK_ERR(s3_head(s3, "k", &object, &err), err, ERR_NOT_FOUND); /* and without a body */
    check_log("head", "HEAD /b/k ", 2);
    script("set token never");
    CHECK_ERR(s3_put(s3, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("code", err.msg, "ExpiredToken");
    check_log("never", "PUT /b/k ", 2);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(given_keys_are_the_keys),
        T(without_any_source_all_are_named),
        T(a_web_identity_becomes_keys),
        T(a_container_is_asked_with_its_token),
        T(only_near_addresses_get_a_token),
        T(an_instance_is_asked_in_a_session),
        T(failures_are_told_apart),
        T(a_short_outage_is_ridden_out),
        T(keys_are_fetched_again_before_they_end),
        T(threads_share_one_fetch),
        T(an_expired_token_is_changed),
    };
    int rc;

    if (fixture_start(&fixture, "faulty") < 0)
        return 1;
    (void)snprintf(token_path, sizeof(token_path), "%s/token", fixture.dir);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop(&fixture);
    return rc;
}
