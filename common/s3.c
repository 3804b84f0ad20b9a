/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/s3_call.h"
#include "common/s3_sum.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS      6
#define PAUSE_MS      500
#define REGION        "us-east-1"
#define PRESIGN_MAX_S 604800
#define QUERY_MAX     (16u << 10)

static bool is_name(const char *text, const char *also)
{
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr(also, *text))
            return false;
    }
    return true;
}

/* "https://host:port/base": scheme, host without a default port, base. */
static int take_endpoint(struct s3 *s3, const char *endpoint, struct err *err)
{
    const char *mark = strstr(endpoint, "://"), *host = mark ? mark + 3 : NULL;
    const char *base = host ? host + strcspn(host, "/?#") : NULL;
    const char *port;
    size_t len;

    if (!host || base == host || strpbrk(base, "?# ") || memchr(host, '@', (size_t)(base - host)) ||
        (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0))
        return err_set(err, ERR_CONFIG,
                       "the S3 endpoint must be http://HOST[:PORT] or https://HOST[:PORT]");
    s3->scheme = xstrndup(endpoint, (size_t)(mark - endpoint));
    len = (size_t)(base - host);
    port = strcmp(s3->scheme, "https") == 0 ? ":443" : ":80";
    if (len > strlen(port) && memcmp(base - strlen(port), port, strlen(port)) == 0)
        len -= strlen(port);
    s3->host = xstrndup(host, len);
    len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    s3->base = xstrndup(base, len);
    return is_name(s3->host, ".:-[]_") && is_name(s3->base, "/-._~")
               ? 0
               : err_set(err, ERR_CONFIG, "the S3 endpoint has a character that does not belong");
}

/* Certificates of AWS cover one name before s3.REGION, so a bucket with a dot goes to the path. */
static int take_address(struct s3 *s3, const struct s3_opts *opts, struct err *err)
{
    AUTO_FREE char *made = NULL, *host = NULL;
    const char *domain = strncmp(s3->region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";

    if (!opts->endpoint)
        made = xasprintf("https://s3.%s.%s", s3->region, domain);
    if (take_endpoint(s3, opts->endpoint ? opts->endpoint : made, err) < 0)
        return -1;
    s3->in_host = opts->style == S3_STYLE_VIRTUAL ||
                  (opts->style == S3_STYLE_AUTO && !opts->endpoint && !strchr(s3->bucket, '.'));
    if (s3->in_host) {
        host = s3->host;
        s3->host = xasprintf("%s.%s", s3->bucket, host);
    }
    return 0;
}

int s3_open(struct s3 **out, const struct s3_opts *opts, struct err *err)
{
    AUTO(s3) struct s3 *s3 = xcalloc(1, sizeof(*s3));
    struct http_opts http = { .ca_file = opts->ca_file, .stop = opts->stop, .ctx = opts->ctx };

    s3->bucket = xstrdup(opts->bucket ? opts->bucket : "");
    s3->region = xstrdup(opts->region && opts->region[0] ? opts->region : REGION);
    s3->credentials = opts->credentials;
    s3->attempts = opts->attempts ? opts->attempts : ATTEMPTS;
    s3->pause_ms = opts->pause_ms ? opts->pause_ms : PAUSE_MS;
    s3->stop = opts->stop;
    s3->ctx = opts->ctx;
    if (!s3->bucket[0] || strlen(s3->bucket) > 255 || !is_name(s3->bucket, ".-_"))
        return err_set(err, ERR_CONFIG, "'%s' is no name of a bucket", s3->bucket);
    if (strlen(s3->region) > 63 || !is_name(s3->region, "-_"))
        return err_set(err, ERR_CONFIG, "'%s' is no region", s3->region);
    if (take_address(s3, opts, err) < 0 || http_open(&s3->http, &http, err) < 0)
        return -1;
    *out = TAKE(s3);
    return 0;
}

void s3_free(struct s3 *s3)
{
    if (!s3)
        return;
    http_free(s3->http);
    free(s3->bucket);
    free(s3->region);
    free(s3->scheme);
    free(s3->host);
    free(s3->base);
    free(s3);
}

int s3_head(struct s3 *s3, const char *key, struct s3_object *out, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "HEAD", .key = key };

    if (s3_call(s3, &call, &response, err) < 0)
        return -1;
    s3_call_object(out, &response);
    return 0;
}

int s3_head_bucket(struct s3 *s3, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "HEAD" };

    return s3_call(s3, &call, &response, err);
}

/* The bytes that a ranged answer must have; -1 when it is not the range that was asked for. */
static int64_t range_len(const struct http_response *response, uint64_t offset)
{
    char text[128];
    unsigned long long first, last, total;

    if (response->status == 200)
        return offset ? -1 : (int64_t)response->into_len; /* the server knows no ranges */
    if (!http_header_find(response, "content-range", text, sizeof(text)) ||
        sscanf(text, "bytes %llu-%llu/%llu", &first, &last, &total) != 3 || first != offset ||
        last < first || last >= total)
        return -1;
    return (int64_t)(last - first + 1);
}

static bool range_is_whole(struct s3 *s3, struct s3_call *call,
                           const struct http_response *response)
{
    const uint64_t *offset = call->ctx;
    struct s3_object object;
    int64_t len = range_len(response, *offset);

    (void)s3;
    s3_call_object(&object, response);
    return len >= 0 && (uint64_t)len == response->into_len &&
           (response->into_len == call->into_len || *offset + response->into_len == object.size);
}

/* 416: offset is at or behind the end. Not every server says there how large the object is. */
static int past_end(struct s3 *s3, const char *key, size_t *got, struct s3_object *object,
                    struct err *err)
{
    *got = 0;
    return object ? s3_head(s3, key, object, err) : 0;
}

int s3_get(struct s3 *s3, const char *key, uint64_t offset, void *out, size_t len, size_t *got,
           const char *if_etag, struct s3_object *object, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "GET",
                            .key = key,
                            .into = out,
                            .into_len = len,
                            .sound = range_is_whole,
                            .ctx = &offset };
    char range[64];

    if (!len || offset > INT64_MAX - len)
        return err_set(err, ERR_INTERNAL, "a range of %zu bytes", len);
    (void)snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)offset,
                   (unsigned long long)(offset + len - 1));
    s3_call_header(&call, "range", range);
    if (if_etag)
        s3_call_header(&call, "if-match", if_etag);
    if (s3_call(s3, &call, &response, err) < 0) {
        if (call.status == 416)
            return past_end(s3, key, got, object, err);
        if (err->code == ERR_INPUT)
            err->code = ERR_DEPENDENCY; /* more bytes than the range has */
        return -1;
    }
    *got = response.into_len;
    if (object)
        s3_call_object(object, &response);
    return 0;
}

static bool body_is_whole(struct s3 *s3, struct s3_call *call, const struct http_response *response)
{
    (void)s3, (void)call;
    return s3_sum_holds(response);
}

int s3_get_all(struct s3 *s3, const char *key, size_t max_bytes, struct buf *out,
               struct s3_object *object, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = {
        .method = "GET", .key = key, .body_max = max_bytes ? max_bytes : 1, .sound = body_is_whole
    };

    s3_call_header(&call, "x-amz-checksum-mode", "ENABLED");
    if (s3_call(s3, &call, &response, err) < 0)
        return -1;
    if (response.body.len > max_bytes || response.body.len > out->max - out->len)
        return err_set(err, ERR_INPUT, "s3://%s/%s: larger than %zu bytes", s3->bucket, key,
                       max_bytes);
    if (buf_append(out, response.body.data, response.body.len, err) < 0)
        return -1;
    if (object) {
        s3_call_object(object, &response);
        object->size = response.body.len;
    }
    return 0;
}

int s3_delete(struct s3 *s3, const char *key, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "DELETE", .key = key };

    if (s3_call(s3, &call, &response, err) == 0 || err->code == ERR_NOT_FOUND)
        return 0;
    return -1;
}

int s3_presign(struct s3 *s3, const char *key, uint32_t seconds, char **url, struct err *err)
{
    AUTO_BUF struct buf query;
    AUTO_FREE char *path = NULL;
    struct sigv4_pair host = { "host", s3->host };
    struct sigv4_request request = {
        .method = "GET", .headers = &host, .header_count = 1, .payload_hash = "UNSIGNED-PAYLOAD"
    };
    struct sigv4_signer signer = { .region = s3->region,
                                   .service = "s3",
                                   .unix_ms = clock_unix_ms() + s3->skew_ms };
    struct s3_keys keys = { 0 };
    int rc;

    buf_init(&query, QUERY_MAX);
    if (!s3->credentials || !seconds || seconds > PRESIGN_MAX_S)
        return err_set(err, ERR_CONFIG, "a signed URL needs keys and 1 to %d seconds",
                       PRESIGN_MAX_S);
    if (s3_call_path(&path, s3, key, err) < 0 ||
        s3_credentials_get(s3->credentials, &keys, err) < 0)
        return -1;
    request.path = path;
    signer.id = keys.id;
    signer.secret = keys.secret;
    signer.token = keys.token;
    rc = sigv4_presign(&query, &request, &signer, seconds, err);
    s3_keys_clear(&keys);
    if (rc == 0)
        *url = xasprintf("%s://%s%s?%s", s3->scheme, s3->host, path, query.data);
    return rc;
}
