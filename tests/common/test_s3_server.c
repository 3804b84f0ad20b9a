/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a real S3 server (tests/s3/server).
 */
#include "tests/common/check.h"

#include "common/http.h"
#include "common/mem.h"
#include "common/s3.h"
#include "common/s3_credentials.h"
#include "tests/s3/fixture.h"

#include <pthread.h>

#define BUCKET "films"

static struct fixture fixture;
static struct s3_credentials *credentials;
static struct s3 *s3;

static int setup(void **state)
{
    struct err err = { 0 };

    (void)state;
    if (fixture_make_bucket(&fixture, BUCKET, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    s3 = fixture_open(&fixture, BUCKET, &credentials);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    s3_free(s3);
    s3_credentials_free(credentials);
    fixture_stop(&fixture);
    return 0;
}

static void put_text(const char *key, const char *text)
{
    struct err err;

    CHECK_OK(s3_put(s3, key, text, strlen(text), NULL, NULL, &err), err);
}

static char *get_text(const char *key)
{
    struct buf buf;
    struct err err;

    buf_init(&buf, 1 << 20);
    CHECK_OK(s3_get_all(s3, key, 1 << 20, &buf, NULL, &err), err);
    return buf_take(&buf);
}

static void what_is_put_is_got(void **state)
{
    AUTO_FREE char *text = NULL;
    char etag[S3_ETAG_SIZE] = "";
    struct s3_object object;
    struct err err;

    (void)state;
    CHECK_OK(s3_put(s3, "dir/a.txt", "hello", 5, NULL, etag, &err), err);
    text = get_text("dir/a.txt");
    assert_string_equal(text, "hello");
    CHECK_OK(s3_head(s3, "dir/a.txt", &object, &err), err);
    assert_int_equal(object.size, 5);
    assert_string_equal(object.etag, etag);
    assert_true(object.mtime_ms > 1500000000000);
    put_text("dir/a.txt", "other");
    free(text);
    text = get_text("dir/a.txt");
    assert_string_equal(text, "other");
    CHECK_OK(s3_delete(s3, "dir/a.txt", &err), err);
    CHECK_OK(s3_delete(s3, "dir/a.txt", &err), err);
    CHECK_ERR(s3_head(s3, "dir/a.txt", &object, &err), err, ERR_NOT_FOUND);
    CHECK_HAS("head", err.msg, "s3://films/dir/a.txt: HTTP 404");
}

static void an_empty_object(void **state)
{
    AUTO_FREE char *text = NULL;
    struct s3_object object = { .size = 7 };
    size_t got = 7;
    char out[8];
    struct err err;

    (void)state;
    CHECK_OK(s3_put(s3, "empty", NULL, 0, NULL, NULL, &err), err);
    text = get_text("empty");
    assert_string_equal(text, "");
    CHECK_OK(s3_get(s3, "empty", 0, out, sizeof(out), &got, NULL, &object, &err), err);
    assert_int_equal(got, 0);
    assert_int_equal(object.size, 0);
}

static void ranges_end_with_the_object(void **state)
{
    struct s3_object object;
    char out[16] = "";
    size_t got;
    struct err err;

    (void)state;
    put_text("r", "0123456789");
    CHECK_OK(s3_get(s3, "r", 2, out, 3, &got, NULL, &object, &err), err);
    assert_int_equal(got, 3);
    assert_memory_equal(out, "234", 3);
    assert_int_equal(object.size, 10);
    CHECK_OK(s3_get(s3, "r", 0, out, 10, &got, NULL, &object, &err), err);
    assert_int_equal(got, 10);
    CHECK_OK(s3_get(s3, "r", 7, out, sizeof(out), &got, NULL, NULL, &err), err);
    assert_int_equal(got, 3);
    assert_memory_equal(out, "789", 3);
    CHECK_OK(s3_get(s3, "r", 10, out, sizeof(out), &got, NULL, &object, &err), err);
    assert_int_equal(got, 0);
    CHECK_OK(s3_get(s3, "r", 2, out, 3, &got, object.etag[0] ? object.etag : NULL, &object, &err),
             err);
    CHECK_ERR(s3_get(s3, "r", 2, out, 3, &got, "\"other\"", &object, &err), err, ERR_CONFLICT);
    CHECK_ERR(s3_get(s3, "none", 2, out, 3, &got, NULL, &object, &err), err, ERR_NOT_FOUND);
}

static void a_large_one_is_refused_whole(void **state)
{
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 100);
    put_text("r", "0123456789");
    CHECK_ERR(s3_get_all(s3, "r", 9, &buf, NULL, &err), err, ERR_INPUT);
    CHECK_OK(s3_get_all(s3, "r", 10, &buf, NULL, &err), err);
    assert_string_equal(buf.data, "0123456789");
}

static void strange_keys_come_back(void **state)
{
    static const char *const keys[] = {
        "with space",
        "plus+and%percent%2f",
        "\xc3\xa4/\xe6\x98\xa0\xe7\x94\xbb.mp4",
        "query?&=#;:@!$'()*,[]",
        "tilde~-_.",
        "a<b>&\"quoted\"",
        "tab\tkey",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        AUTO_FREE char *text = NULL;

        put_text(keys[i], keys[i]);
        text = get_text(keys[i]);
        CHECK_STR(keys[i], text, keys[i]);
    }
}

struct seen {
    char keys[64][64];
    uint64_t sizes[64];
    size_t count;
};

static int see(void *ctx, const char *key, uint64_t size, struct err *err)
{
    struct seen *seen = ctx;

    if (seen->count == COUNT(seen->keys))
        return err_set(err, ERR_INTERNAL, "too many");
    (void)snprintf(seen->keys[seen->count], sizeof(seen->keys[0]), "%s", key);
    seen->sizes[seen->count++] = size;
    return 0;
}

static void lists_are_sorted_and_decoded(void **state)
{
    struct seen seen = { .count = 0 };
    struct err err;

    (void)state;
    put_text("list/b c+d", "12");
    put_text("list/a&b", "1");
    put_text("list/\xc3\xa4", "123");
    put_text("listing", "1");
    CHECK_OK(s3_list(s3, "list/", see, &seen, &err), err);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.keys[0], "list/a&b");
    assert_string_equal(seen.keys[1], "list/b c+d");
    assert_string_equal(seen.keys[2], "list/\xc3\xa4");
    assert_int_equal(seen.sizes[2], 3);
    seen.count = 0;
    CHECK_OK(s3_list(s3, "nothing/", see, &seen, &err), err);
    assert_int_equal(seen.count, 0);
}

static int count_keys(void *ctx, const char *key, uint64_t size, struct err *err)
{
    unsigned *count = ctx;
    char want[32];

    (void)snprintf(want, sizeof(want), "page/%05u", *count);
    if (strcmp(key, want) != 0 || size != 1)
        return err_set(err, ERR_INTERNAL, "%s is not %s", key, want);
    ++*count;
    return 0;
}

static void lists_have_many_pages(void **state)
{
    unsigned count = 0;
    char key[32];
    struct err err;

    (void)state;
    for (unsigned i = 0; i < 1100; i++) {
        (void)snprintf(key, sizeof(key), "page/%05u", i);
        put_text(key, "x");
    }
    CHECK_OK(s3_list(s3, "page/", count_keys, &count, &err), err);
    assert_int_equal(count, 1100);
}

static void conditions_are_kept(void **state)
{
    struct s3_condition absent = { .absent = true }, match = { .etag = NULL };
    char etag[S3_ETAG_SIZE], other[S3_ETAG_SIZE];
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    CHECK_OK(s3_put(s3, "c", "1", 1, &absent, etag, &err), err);
    CHECK_ERR(s3_put(s3, "c", "2", 1, &absent, NULL, &err), err, ERR_CONFLICT);
    CHECK_ERR(s3_put(s3, "c", "1", 1, &absent, NULL, &err), err, ERR_CONFLICT);
    match.etag = etag;
    CHECK_OK(s3_put(s3, "c", "3", 1, &match, other, &err), err);
    CHECK_ERR(s3_put(s3, "c", "4", 1, &match, NULL, &err), err, ERR_CONFLICT);
    text = get_text("c");
    assert_string_equal(text, "3");
    CHECK_OK(s3_delete(s3, "c", &err), err);
    match.etag = other;
    CHECK_ERR(s3_put(s3, "c", "5", 1, &match, NULL, &err), err, ERR_CONFLICT);
}

struct racer {
    pthread_t thread;
    char key[32], text[8];
    pthread_barrier_t *start;
    int rc;
    enum err_code code;
};

static void *race(void *ctx)
{
    AUTO(s3_credentials) struct s3_credentials *own = NULL;
    AUTO(s3) struct s3 *handle = fixture_open(&fixture, BUCKET, &own);
    struct s3_condition absent = { .absent = true };
    struct racer *racer = ctx;
    struct s3_object object;
    struct err err = { 0 };

    (void)s3_head(handle, "warm", &object, &err); /* a connection */
    (void)pthread_barrier_wait(racer->start);
    racer->rc = s3_put(handle, racer->key, racer->text, strlen(racer->text), &absent, NULL, &err);
    racer->code = racer->rc < 0 ? err.code : ERR_NONE;
    return NULL;
}

static void one_of_four_writers_wins(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct racer racers[4];
        pthread_barrier_t start;
        AUTO_FREE char *text = NULL;
        int winner = -1, wins = 0;

        (void)pthread_barrier_init(&start, NULL, COUNT(racers));
        for (unsigned i = 0; i < COUNT(racers); i++) {
            racers[i] = (struct racer){ .start = &start };
            (void)snprintf(racers[i].key, sizeof(racers[i].key), "race/%u", round);
            (void)snprintf(racers[i].text, sizeof(racers[i].text), "%u", i);
            assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        for (unsigned i = 0; i < COUNT(racers); i++) {
            (void)pthread_join(racers[i].thread, NULL);
            winner = racers[i].rc == 0 ? (int)i : winner;
            wins += racers[i].rc == 0;
            CHECK_INT("loser", racers[i].code, racers[i].rc == 0 ? ERR_NONE : ERR_CONFLICT);
        }
        (void)pthread_barrier_destroy(&start);
        assert_int_equal(wins, 1);
        text = get_text(racers[winner].key);
        assert_string_equal(text, racers[winner].text);
    }
}

#define PART S3_PART_MIN

static void begin(const char *key, char id[S3_UPLOAD_MAX])
{
    struct err err;

    CHECK_OK(s3_upload_begin(s3, key, id, &err), err);
}

static void send_part(const char *key, const char *id, uint32_t number, const char *data,
                      size_t len, struct s3_part *out)
{
    struct err err;

    CHECK_OK(s3_upload_part(s3, key, id, number, data, len, out, &err), err);
}

static void parts_in_any_order_are_one_object(void **state)
{
    AUTO_FREE char *data = xmalloc(PART + 10), *back = xmalloc(PART + 100);
    char id[S3_UPLOAD_MAX], etag[S3_ETAG_SIZE];
    struct s3_part parts[2];
    struct s3_object object;
    size_t got;
    struct err err;

    (void)state;
    for (size_t i = 0; i < PART + 10; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    begin("up/big one", id);
    send_part("up/big one", id, 2, data + PART, 10, &parts[1]);
    send_part("up/big one", id, 1, data + 5, PART, &parts[0]); /* sent again, with other bytes */
    send_part("up/big one", id, 1, data, PART, &parts[0]);
    CHECK_ERR(s3_head(s3, "up/big one", &object, &err), err, ERR_NOT_FOUND);
    CHECK_OK(s3_upload_complete(s3, "up/big one", id, parts, 2, NULL, etag, &err), err);
    CHECK_OK(s3_get(s3, "up/big one", 0, back, PART + 100, &got, etag, &object, &err), err);
    assert_int_equal(got, PART + 10);
    assert_memory_equal(back, data, got);
    assert_string_equal(object.etag, etag);
    /* the end of an upload that has ended: it was ours */
    CHECK_OK(s3_upload_complete(s3, "up/big one", id, parts, 2, NULL, etag, &err), err);
}

static uint32_t abort_all(const char *prefix)
{
    uint32_t count = 99;
    struct err err;

    CHECK_OK(s3_uploads_abort(s3, prefix, &count, &err), err);
    return count;
}

static void a_lost_race_ends_the_upload(void **state)
{
    struct s3_condition absent = { .absent = true };
    char id[S3_UPLOAD_MAX];
    struct s3_part part;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    begin("lost/x", id);
    send_part("lost/x", id, 1, "ours", 4, &part);
    put_text("lost/x", "theirs");
    CHECK_ERR(s3_upload_complete(s3, "lost/x", id, &part, 1, &absent, NULL, &err), err,
              ERR_CONFLICT);
    text = get_text("lost/x");
    assert_string_equal(text, "theirs");
    assert_int_equal(abort_all("lost/"), 0);
    begin("lost/y", id);
    send_part("lost/y", id, 1, "ours", 4, &part);
    CHECK_OK(s3_upload_complete(s3, "lost/y", id, &part, 1, &absent, NULL, &err), err);
}

static void uploads_of_killed_workers_are_swept(void **state)
{
    char ids[3][S3_UPLOAD_MAX], other[S3_UPLOAD_MAX];
    struct s3_part part;
    struct err err;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        begin("sweep/a b+c", ids[i]);
    begin("sweeper", other);
    send_part("sweep/a b+c", ids[1], 1, "x", 1, &part);
    assert_int_equal(abort_all("sweep/"), 3);
    assert_int_equal(abort_all("sweep/"), 0);
    CHECK_ERR(s3_upload_complete(s3, "sweep/a b+c", ids[1], &part, 1, NULL, NULL, &err), err,
              ERR_NOT_FOUND);
    CHECK_OK(s3_upload_abort(s3, "sweep/a b+c", ids[2], &err), err); /* absent is fine */
    CHECK_OK(s3_upload_abort(s3, "sweeper", other, &err), err);
    assert_int_equal(abort_all(""), 0);
}

static void a_signed_url_opens_without_keys(void **state)
{
    AUTO(http) struct http *http = NULL;
    AUTO_RESPONSE struct http_response response = { 0 };
    AUTO_FREE char *url = NULL;
    struct http_opts opts = { .no_proxy = true };
    struct http_request request = { .method = "GET" };
    struct err err;

    (void)state;
    put_text("signed/a b+\xc3\xa4", "for you");
    CHECK_OK(s3_presign(s3, "signed/a b+\xc3\xa4", 60, &url, &err), err);
    CHECK_OK(http_open(&http, &opts, &err), err);
    request.url = url;
    CHECK_OK(http_send(http, &request, &response, &err), err);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body.data, "for you");
    CHECK_ERR(s3_presign(s3, "x", 604801, &url, &err), err, ERR_CONFIG);
}

/* films.localhost: both ways of naming a bucket see the same objects. */
static void a_bucket_may_be_in_the_host(void **state)
{
    AUTO_FREE char *endpoint = xasprintf("http://localhost%s", strrchr(fixture.endpoint, ':'));
    struct s3_opts opts = { .bucket = BUCKET,
                            .endpoint = endpoint,
                            .style = S3_STYLE_VIRTUAL,
                            .credentials = credentials };
    AUTO(s3) struct s3 *host = NULL;
    AUTO_FREE char *text = NULL;
    unsigned count = 0;
    struct err err;

    (void)state;
    CHECK_OK(s3_open(&host, &opts, &err), err);
    CHECK_OK(s3_put(host, "page/00000", "x", 1, NULL, NULL, &err), err);
    text = get_text("page/00000");
    assert_string_equal(text, "x");
    CHECK_OK(s3_list(host, "page/00000", count_keys, &count, &err), err);
    assert_int_equal(count, 1);
}

static void refusals_are_told_apart(void **state)
{
    struct s3_opts opts = { .bucket = "nosuchbucket", .endpoint = fixture.endpoint };
    AUTO(s3_credentials) struct s3_credentials *wrong = NULL;
    AUTO(s3) struct s3 *nowhere = NULL, *denied = NULL, *anybody = NULL;
    AUTO_BUF struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 100);
    opts.credentials = credentials;
    CHECK_OK(s3_open(&nowhere, &opts, &err), err);
    CHECK_ERR(s3_get_all(nowhere, "k", 9, &buf, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("bucket", err.msg, "s3://nosuchbucket/k: HTTP 404 NoSuchBucket: ");
    opts.bucket = BUCKET;
    CHECK_OK(s3_credentials_open(&wrong, fixture.access, "canary-wrong-secret", NULL, &err), err);
    opts.credentials = wrong;
    CHECK_OK(s3_open(&denied, &opts, &err), err);
    CHECK_ERR(s3_get_all(denied, "k", 9, &buf, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("keys", err.msg, "SignatureDoesNotMatch");
    assert_null(strstr(err.msg, "canary"));
    opts.credentials = NULL;
    CHECK_OK(s3_open(&anybody, &opts, &err), err);
    CHECK_ERR(s3_put(anybody, "k", "x", 1, NULL, NULL, &err), err, ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got),
        cmocka_unit_test(an_empty_object),
        cmocka_unit_test(ranges_end_with_the_object),
        cmocka_unit_test(a_large_one_is_refused_whole),
        cmocka_unit_test(strange_keys_come_back),
        cmocka_unit_test(lists_are_sorted_and_decoded),
        cmocka_unit_test(lists_have_many_pages),
        cmocka_unit_test(conditions_are_kept),
        cmocka_unit_test(one_of_four_writers_wins),
        cmocka_unit_test(parts_in_any_order_are_one_object),
        cmocka_unit_test(a_lost_race_ends_the_upload),
        cmocka_unit_test(uploads_of_killed_workers_are_swept),
        cmocka_unit_test(a_signed_url_opens_without_keys),
        cmocka_unit_test(a_bucket_may_be_in_the_host),
        cmocka_unit_test(refusals_are_told_apart),
    };
    int rc = fixture_start(&fixture, "server");

    if (rc == FIXTURE_SKIP)
        return FIXTURE_SKIP;
    return rc < 0 ? 1 : cmocka_run_group_tests(tests, setup, teardown);
}
