/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that AWS publishes: the examples of the S3 API reference ("Signature Calculations for
 * the Authorization Header", "Authenticating Requests: Using Query Parameters") and of the SigV4
 * test suite.
 */
#include "tests/common/check.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/sigv4.h"

#define EMPTY     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_HOST   "examplebucket.s3.amazonaws.com"
#define S3_DATE   "20130524T000000Z"
#define S3_ID     "AKIAIOSFODNN7EXAMPLE"
#define S3_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define PUT_HASH  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
#define TEXT_MAX  8192

static const struct sigv4_signer s3_signer = {
    .id = S3_ID,
    .secret = S3_SECRET,
    .region = "us-east-1",
    .service = "s3",
    .unix_ms = 1369353600000,
};
static const struct sigv4_signer suite_signer = {
    .id = "AKIDEXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "service",
    .unix_ms = 1440938160000,
};

struct row {
    const char *name;
    const struct sigv4_signer *signer;
    const char *method, *path, *hash;
    struct sigv4_pair query[4], headers[6]; /* ended by a NULL name */
    const char *names, *signature;
};

#define S3_HEADERS(hash)                                                                           \
    { "Host", S3_HOST }, { "x-amz-content-sha256", hash },                                         \
    {                                                                                              \
        "x-amz-date", S3_DATE                                                                      \
    }
#define SUITE_HEADERS                                                                              \
    { "Host", "example.amazonaws.com" },                                                           \
    {                                                                                              \
        "X-Amz-Date", "20150830T123600Z"                                                           \
    }

static const struct row rows[] = {
    { .name = "S3: GET object",
      .signer = &s3_signer,
      .method = "GET",
      .path = "/test.txt",
      .hash = EMPTY,
      .headers = { S3_HEADERS(EMPTY), { "Range", "bytes=0-9" } },
      .names = "host;range;x-amz-content-sha256;x-amz-date",
      .signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { .name = "S3: PUT object",
      .signer = &s3_signer,
      .method = "PUT",
      .path = "/test%24file.text",
      .hash = PUT_HASH,
      .headers = { S3_HEADERS(PUT_HASH),
                   { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
                   { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
      .names = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      .signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { .name = "S3: GET bucket lifecycle",
      .signer = &s3_signer,
      .method = "GET",
      .path = "/",
      .hash = EMPTY,
      .query = { { "lifecycle", "" } },
      .headers = { S3_HEADERS(EMPTY) },
      .names = "host;x-amz-content-sha256;x-amz-date",
      .signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { .name = "S3: list objects",
      .signer = &s3_signer,
      .method = "GET",
      .path = "/",
      .hash = EMPTY,
      .query = { { "prefix", "J" }, { "max-keys", "2" } },
      .headers = { S3_HEADERS(EMPTY) },
      .names = "host;x-amz-content-sha256;x-amz-date",
      .signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
    { .name = "suite: get-vanilla",
      .signer = &suite_signer,
      .method = "GET",
      .path = "/",
      .hash = EMPTY,
      .headers = { SUITE_HEADERS },
      .names = "host;x-amz-date",
      .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { .name = "suite: get-vanilla-query-order-key-case",
      .signer = &suite_signer,
      .method = "GET",
      .path = "/",
      .hash = EMPTY,
      .query = { { "Param2", "value2" }, { "Param1", "value1" } },
      .headers = { SUITE_HEADERS },
      .names = "host;x-amz-date",
      .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    { .name = "suite: get-header-value-trim",
      .signer = &suite_signer,
      .method = "GET",
      .path = "/",
      .hash = EMPTY,
      .headers = { SUITE_HEADERS, { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" } },
      .names = "host;my-header1;my-header2;x-amz-date",
      .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    { .name = "suite: get-utf8",
      .signer = &suite_signer,
      .method = "GET",
      .path = "/%E1%88%B4",
      .hash = EMPTY,
      .headers = { SUITE_HEADERS },
      .names = "host;x-amz-date",
      .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    { .name = "suite: post-vanilla",
      .signer = &suite_signer,
      .method = "POST",
      .path = "/",
      .hash = EMPTY,
      .headers = { SUITE_HEADERS },
      .names = "host;x-amz-date",
      .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
};

static struct sigv4_request request_of(const struct row *row)
{
    struct sigv4_request request = { .method = row->method,
                                     .path = row->path,
                                     .query = row->query,
                                     .headers = row->headers,
                                     .payload_hash = row->hash };

    while (request.query_count < COUNT(row->query) && row->query[request.query_count].name)
        request.query_count++;
    while (request.header_count < COUNT(row->headers) && row->headers[request.header_count].name)
        request.header_count++;
    return request;
}

static void published_signatures_are_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sigv4_request request = request_of(&rows[i]);
        AUTO_BUF struct buf out;
        char want[512];
        struct err err;

        buf_init(&out, TEXT_MAX);
        CHECK_OK(sigv4_authorize(&out, &request, rows[i].signer, &err), err);
        (void)snprintf(want, sizeof(want),
                       "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, "
                       "SignedHeaders=%s, Signature=%s",
                       rows[i].signer->id, rows[i].signer == &s3_signer ? "20130524" : "20150830",
                       rows[i].signer->service, rows[i].names, rows[i].signature);
        CHECK_STR(rows[i].name, out.data, want);
    }
}

/* The steps between, of AWS's example of GET object. */
static void canonical_request_and_string_to_sign(void **state)
{
    struct sigv4_request request = request_of(&rows[0]);
    AUTO_BUF struct buf canonical, text;
    struct err err;

    (void)state;
    buf_init(&canonical, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    CHECK_OK(sigv4_canonical(&canonical, &request, &err), err);
    assert_string_equal(canonical.data, "GET\n"
                                        "/test.txt\n"
                                        "\n"
                                        "host:" S3_HOST "\n"
                                        "range:bytes=0-9\n"
                                        "x-amz-content-sha256:" EMPTY "\n"
                                        "x-amz-date:20130524T000000Z\n"
                                        "\n"
                                        "host;range;x-amz-content-sha256;x-amz-date\n" EMPTY);
    CHECK_OK(sigv4_string(&text, &s3_signer, canonical.data, &err), err);
    assert_string_equal(text.data,
                        "AWS4-HMAC-SHA256\n"
                        "20130524T000000Z\n"
                        "20130524/us-east-1/s3/aws4_request\n"
                        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
}

static void the_published_url_is_met(void **state)
{
    struct sigv4_pair host = { "host", S3_HOST };
    struct sigv4_request request = { .method = "GET",
                                     .path = "/test.txt",
                                     .headers = &host,
                                     .header_count = 1,
                                     .payload_hash = "UNSIGNED-PAYLOAD" };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, TEXT_MAX);
    CHECK_OK(sigv4_presign(&out, &request, &s3_signer, 86400, &err), err);
    assert_string_equal(
        out.data,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void a_session_token_goes_into_the_url(void **state)
{
    struct sigv4_pair host = { "host", S3_HOST };
    struct sigv4_request request = { .method = "GET",
                                     .path = "/test.txt",
                                     .headers = &host,
                                     .header_count = 1,
                                     .payload_hash = "UNSIGNED-PAYLOAD" };
    struct sigv4_signer signer = s3_signer;
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, TEXT_MAX);
    signer.token = "to+ken/==";
    CHECK_OK(sigv4_presign(&out, &request, &signer, 60, &err), err);
    CHECK_HAS("token", out.data, "&X-Amz-Security-Token=to%2Bken%2F%3D%3D&X-Amz-SignedHeaders=");
}

static void paths_are_encoded_once_and_never_made_shorter(void **state)
{
    static const char *const pairs[][2] = {
        { "a b", "a%20b" },
        { "a+b", "a%2Bb" },
        { "film (1)*'!~.mp4", "film%20%281%29%2A%27%21~.mp4" },
        { "\xc3\xa4/\xe6\x98\xa0.mp4", "%C3%A4/%E6%98%A0.mp4" },
        { "a//b/./../c", "a//b/./../c" },
        { "/first", "/first" },
        { "100%25", "100%2525" },
        { "\x01\x7f\xff", "%01%7F%FF" },
        { "a?b#c&d=e", "a%3Fb%23c%26d%3De" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        AUTO_BUF struct buf out;
        struct err err;

        buf_init(&out, TEXT_MAX);
        CHECK_OK(sigv4_encode(&out, pairs[i][0], true, &err), err);
        CHECK_STR(pairs[i][0], out.data, pairs[i][1]);
    }
}

/* Encoded names are what is sorted, and a name that is the start of another comes first. */
static void queries_are_sorted_by_their_encoded_names(void **state)
{
    static const struct sigv4_pair query[] = { { "ab", "2" }, { "a~", "" },  { "a b", "x y" },
                                               { "a", "/" },  { "ab", "1" }, { "A", "+" } };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, TEXT_MAX);
    CHECK_OK(sigv4_query(&out, query, COUNT(query), &err), err);
    assert_string_equal(out.data, "A=%2B&a=%2F&a%20b=x%20y&ab=1&ab=2&a~=");
}

static void a_header_comes_once(void **state)
{
    static const struct sigv4_pair headers[] = { { "Host", "a" }, { "host", "b" } };
    struct sigv4_request request = {
        .method = "GET", .path = "/", .headers = headers, .header_count = 2, .payload_hash = EMPTY
    };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, TEXT_MAX);
    CHECK_ERR(sigv4_authorize(&out, &request, &s3_signer, &err), err, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_signatures_are_met),
        cmocka_unit_test(canonical_request_and_string_to_sign),
        cmocka_unit_test(the_published_url_is_met),
        cmocka_unit_test(a_session_token_goes_into_the_url),
        cmocka_unit_test(paths_are_encoded_once_and_never_made_shorter),
        cmocka_unit_test(queries_are_sorted_by_their_encoded_names),
        cmocka_unit_test(a_header_comes_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
