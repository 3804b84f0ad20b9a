/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_call.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/s3_xml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define URL_MAX        (16u << 10)
#define LINE_MAX_BYTES (16u << 10)
#define PAUSE_MAX_MS   20000
#define AFTER_MAX_MS   60000 /* of Retry-After */
#define NAP_MS         100
#define SKEW_MS        (4 * 60 * 1000) /* AWS refuses from 15 minutes on */
#define HIDE_FROM      12              /* characters of a secret that are enough to know it by */

enum verdict {
    VERDICT_GOOD,
    VERDICT_REPEAT,    /* not done */
    VERDICT_AMBIGUOUS, /* perhaps done; repeat */
    VERDICT_SKEWED,    /* our clock is wrong */
    VERDICT_EXPIRED,   /* the keys are over */
    VERDICT_FINAL,
};

/* Header lines for common/http. */
struct lines {
    char *list[SIGV4_PAIRS_MAX]; /* owned */
    size_t count;
};

static void lines_clear(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        explicit_bzero(lines->list[i], strlen(lines->list[i]));
        free(lines->list[i]);
    }
}

void s3_call_query(struct s3_call *call, const char *name, const char *value)
{
    assert(call->query_count < S3_CALL_QUERY);
    call->query[call->query_count++] = (struct sigv4_pair){ name, value };
}

void s3_call_header(struct s3_call *call, const char *name, const char *value)
{
    assert(call->header_count < S3_CALL_HEADERS);
    call->headers[call->header_count++] = (struct sigv4_pair){ name, value };
}

int s3_call_path(char **out, const struct s3 *s3, const char *key, struct err *err)
{
    AUTO_BUF struct buf path;

    buf_init(&path, URL_MAX);
    if (key && !key[0]) /* its path would be the bucket's: DELETE there is not meant */
        return err_set(err, ERR_INTERNAL, "s3://%s: an empty key", s3->bucket);
    if (buf_printf(&path, err, "%s", s3->base) < 0)
        return -1;
    if (!s3->in_host &&
        (buf_printf(&path, err, "/") < 0 || sigv4_encode(&path, s3->bucket, false, err) < 0))
        return -1;
    if ((key || !path.len) &&
        (buf_printf(&path, err, "/") < 0 || (key && sigv4_encode(&path, key, true, err) < 0)))
        return -1;
    *out = buf_take(&path);
    return 0;
}

static int make_url(char **out, const struct s3 *s3, const struct s3_call *call, const char *path,
                    struct err *err)
{
    AUTO_BUF struct buf url;

    buf_init(&url, URL_MAX);
    if (buf_printf(&url, err, "%s://%s%s", s3->scheme, s3->host, path) < 0)
        return -1;
    if (call->query_count && (buf_append(&url, "?", 1, err) < 0 ||
                              sigv4_query(&url, call->query, call->query_count, err) < 0))
        return -1;
    *out = buf_take(&url);
    return 0;
}

static void add_line(struct lines *lines, const char *name, const char *value)
{
    lines->list[lines->count++] = xasprintf("%s: %s", name, value);
}

static int add_authorization(struct lines *lines, const struct sigv4_request *request,
                             const struct sigv4_signer *signer, struct err *err)
{
    AUTO_BUF struct buf value;

    buf_init(&value, LINE_MAX_BYTES);
    if (sigv4_authorize(&value, request, signer, err) < 0)
        return -1;
    add_line(lines, "Authorization", value.data);
    return 0;
}

/* keys NULL: unsigned. */
static int make_lines(struct lines *lines, const struct s3 *s3, const struct s3_call *call,
                      const char *path, const char *hash, const struct s3_keys *keys,
                      struct err *err)
{
    struct sigv4_pair headers[S3_CALL_HEADERS + 4];
    struct sigv4_request request = { .method = call->method,
                                     .path = path,
                                     .query = call->query,
                                     .headers = headers,
                                     .query_count = call->query_count,
                                     .payload_hash = hash };
    struct sigv4_signer signer = { .region = s3->region,
                                   .service = "s3",
                                   .unix_ms = clock_unix_ms() + s3->skew_ms };
    char date[SIGV4_DATE_SIZE];
    size_t n = call->header_count;

    memcpy(headers, call->headers, n * sizeof(headers[0]));
    sigv4_date(date, signer.unix_ms);
    headers[n++] = (struct sigv4_pair){ "host", s3->host };
    headers[n++] = (struct sigv4_pair){ "x-amz-content-sha256", hash };
    if (keys) {
        headers[n++] = (struct sigv4_pair){ "x-amz-date", date };
        if (keys->token)
            headers[n++] = (struct sigv4_pair){ "x-amz-security-token", keys->token };
        signer.id = keys->id;
        signer.secret = keys->secret;
    }
    request.header_count = n;
    for (size_t i = 0; i < n; i++)
        add_line(lines, headers[i].name, headers[i].value);
    return keys ? add_authorization(lines, &request, &signer, err) : 0;
}

static int send_once(struct s3 *s3, const struct s3_call *call, const char *hash,
                     const struct s3_keys *keys, struct http_response *response, struct err *err)
{
    __attribute__((cleanup(lines_clear))) struct lines lines = { 0 };
    AUTO_FREE char *path = NULL, *url = NULL;
    struct http_request request = { .method = call->method,
                                    .body = call->body,
                                    .body_len = call->body_len,
                                    .into = call->into,
                                    .into_len = call->into_len,
                                    .body_max = call->body_max,
                                    .stall_s = call->stall_s };

    if (s3_call_path(&path, s3, call->key, err) < 0 || make_url(&url, s3, call, path, err) < 0 ||
        make_lines(&lines, s3, call, path, hash, keys, err) < 0)
        return -1;
    request.url = url;
    request.headers = (const char *const *)lines.list;
    request.header_count = lines.count;
    return http_send(s3->http, &request, response, err);
}

static bool is_one_of(const char *code, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(code, *list) == 0)
            return true;
    }
    return false;
}

/* How far the server's Date is from our clock; 0 without one. */
static int64_t measure_skew(const struct http_response *response)
{
    char date[64];
    int64_t then;

    if (!http_header_find(response, "date", date, sizeof(date)))
        return 0;
    then = http_date_parse(date);
    return then < 0 ? 0 : then - clock_unix_ms();
}

static bool is_skewed(const struct s3 *s3, const struct http_response *response)
{
    int64_t rest = measure_skew(response) - s3->skew_ms;

    return rest > SKEW_MS || rest < -SKEW_MS;
}

/* The answer to a HEAD has no body, so that its code has to be guessed. */
static enum verdict judge_head(const struct s3 *s3, const struct http_response *response,
                               const struct s3_keys *keys)
{
    if (response->status == 403 && is_skewed(s3, response))
        return VERDICT_SKEWED;
    if ((response->status == 400 || response->status == 403) && keys && keys->token)
        return VERDICT_EXPIRED;
    return VERDICT_FINAL;
}

static enum verdict judge_code(const char *code)
{
    static const char *const not_done[] = { "SlowDown",
                                            "Throttling",
                                            "ThrottlingException",
                                            "RequestTimeout",
                                            "BadDigest",
                                            "IncompleteBody",
                                            "XAmzContentSHA256Mismatch",
                                            "XAmzContentChecksumMismatch",
                                            "RequestLimitExceeded",
                                            "TooManyRequests",
                                            "OperationAborted",
                                            NULL };
    static const char *const expired[] = { "ExpiredToken", "ExpiredTokenException",
                                           "TokenRefreshRequired", NULL };

    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        return VERDICT_SKEWED;
    if (is_one_of(code, expired))
        return VERDICT_EXPIRED;
    if (is_one_of(code, not_done))
        return VERDICT_REPEAT;
    if (strcmp(code, "InternalError") == 0 || strcmp(code, "ServiceUnavailable") == 0)
        return VERDICT_AMBIGUOUS;
    return VERDICT_FINAL;
}

static enum verdict judge(struct s3 *s3, struct s3_call *call, const struct http_response *response,
                          const struct s3_xml_error *error, const struct s3_keys *keys)
{
    enum verdict verdict = judge_code(error->code);

    if (response->status >= 200 && response->status <= 299 && !error->code[0])
        return !call->sound || call->sound(s3, call, response) ? VERDICT_GOOD : VERDICT_AMBIGUOUS;
    if (verdict != VERDICT_FINAL)
        return verdict;
    if (response->status == 429)
        return VERDICT_REPEAT;
    if (response->status == 408 || (response->status >= 500 && response->status != 501))
        return VERDICT_AMBIGUOUS;
    if (response->status == 409 && call->conflict_repeats)
        return VERDICT_REPEAT;
    return strcmp(call->method, "HEAD") == 0 ? judge_head(s3, response, keys) : VERDICT_FINAL;
}

static uint64_t random_below(uint64_t limit)
{
    uint64_t value;

    hash_random(&value, sizeof(value));
    return limit ? value % limit : 0;
}

static int64_t retry_after_ms(const struct http_response *response)
{
    char text[64], *end;
    int64_t ms;

    if (!http_header_find(response, "retry-after", text, sizeof(text)))
        return 0;
    ms = (int64_t)strtoul(text, &end, 10);
    if (end != text && !*end)
        ms = ms < AFTER_MAX_MS ? ms * 1000 : AFTER_MAX_MS;
    else
        ms = http_date_parse(text) - clock_unix_ms();
    return ms < 0 ? 0 : ms > AFTER_MAX_MS ? AFTER_MAX_MS : ms;
}

/* Full jitter: anything up to the first pause doubled at each attempt; never before Retry-After. */
static int64_t pause_of(const struct s3 *s3, uint32_t attempt, const struct http_response *response)
{
    uint64_t limit = (uint64_t)s3->pause_ms << (attempt < 16 ? attempt : 16);
    int64_t ms = (int64_t)random_below((limit < PAUSE_MAX_MS ? limit : PAUSE_MAX_MS) + 1);
    int64_t after = retry_after_ms(response);

    return ms > after ? ms : after;
}

static int wait_ms(const struct s3 *s3, int64_t ms, struct err *err)
{
    int64_t end = clock_mono_us() + ms * 1000, left;

    for (;;) {
        struct timespec nap = { 0, 0 };

        if (s3->stop && s3->stop(s3->ctx))
            return err_set(err, ERR_INTERRUPTED, "told to stop");
        left = (end - clock_mono_us()) / 1000;
        if (left <= 0)
            return 0;
        nap.tv_nsec = (left < NAP_MS ? left : NAP_MS) * 1000000;
        (void)nanosleep(&nap, NULL);
    }
}

static void name_call(char *out, size_t size, const struct s3 *s3, const struct s3_call *call)
{
    (void)snprintf(out, size, "s3://%s%s%s", s3->bucket, call->key ? "/" : "",
                   call->key ? call->key : "");
}

static bool shows(const char *text, const char *secret)
{
    char start[HIDE_FROM + 1] = "";

    if (!secret || strlen(secret) < HIDE_FROM)
        return false;
    memcpy(start, secret, HIDE_FROM);
    return strstr(text, start) != NULL;
}

/* A server that repeats what it was sent must not bring a secret into a log. */
static void hide_secrets(struct s3_xml_error *error, const struct s3_keys *keys)
{
    if (keys && (shows(error->message, keys->secret) || shows(error->message, keys->token)))
        (void)snprintf(error->message, sizeof(error->message), "(a message with a secret in it)");
}

/* Where else the bucket is, as far as the answer tells. */
static void find_region(char *out, size_t size, const struct http_response *response,
                        const struct s3_xml_error *error)
{
    if (!http_header_find(response, "x-amz-bucket-region", out, size))
        (void)snprintf(out, size, "%s", error->region);
}

static enum err_code code_of(int status, const char *code)
{
    if (strcmp(code, "NoSuchBucket") == 0)
        return ERR_CONFIG;
    if (status == 404)
        return ERR_NOT_FOUND;
    if (status == 409 || status == 412)
        return ERR_CONFLICT;
    if (status == 408 || status == 429 || (status >= 500 && status != 501) || status < 300)
        return ERR_DEPENDENCY;
    return ERR_CONFIG;
}

/* Of an <Error> that came with a 200. */
static enum err_code class_of_code(const char *code)
{
    if (strcmp(code, "PreconditionFailed") == 0 || strcmp(code, "ConditionalRequestConflict") == 0)
        return ERR_CONFLICT;
    return strcmp(code, "NoSuchUpload") == 0 ? ERR_NOT_FOUND : ERR_CONFIG;
}

static int explain(const struct s3 *s3, const struct s3_call *call,
                   const struct http_response *response, const struct s3_xml_error *error,
                   struct err *err)
{
    enum err_code class = code_of(response->status, error->code);
    char region[64] = "", name[320];

    name_call(name, sizeof(name), s3, call);
    find_region(region, sizeof(region), response, error);
    if (response->status < 300 && error->code[0] && judge_code(error->code) == VERDICT_FINAL)
        class = class_of_code(error->code);
    if (region[0] && strcmp(region, s3->region) != 0 && response->status != 404)
        return err_set(err, ERR_CONFIG, "%s: the bucket is in region %s, not %s", name, region,
                       s3->region);
    if (response->status >= 300 && response->status < 400)
        return err_set(err, ERR_CONFIG, "%s: redirected (HTTP %d): another endpoint is needed%s%s",
                       name, response->status, error->message[0] ? ": " : "", error->message);
    if (response->status < 300 && !error->code[0])
        return err_set(err, ERR_DEPENDENCY, "%s: the answer is not whole", name);
    return err_set(err, class, "%s: HTTP %d%s%s%s%s", name, response->status,
                   error->code[0] ? " " : "", error->code, error->message[0] ? ": " : "",
                   error->message);
}

/* State of one s3_call. */
struct attempts {
    char hash[HASH_HEX_SIZE];
    uint32_t made;
    bool clock_set, keys_dropped;
};

/* After an answer or none: 1 to go on, 0 when the call ends (its result in *rc). */
static int next_step(struct s3 *s3, struct s3_call *call, struct attempts *attempts,
                     enum verdict verdict, const struct http_response *response)
{
    if (verdict == VERDICT_SKEWED && !attempts->clock_set) {
        attempts->clock_set = true;
        s3->skew_ms = measure_skew(response);
        return 1;
    }
    if (verdict == VERDICT_EXPIRED && !attempts->keys_dropped && s3->credentials) {
        attempts->keys_dropped = true;
        s3_credentials_drop(s3->credentials);
        return 1;
    }
    if (verdict == VERDICT_AMBIGUOUS)
        call->maybe_done = true;
    return (verdict == VERDICT_REPEAT || verdict == VERDICT_AMBIGUOUS) &&
           attempts->made < s3->attempts;
}

static enum verdict judge_failure(const struct http_response *response, const struct err *err)
{
    if (err->code != ERR_DEPENDENCY)
        return VERDICT_FINAL;
    return response->sent ? VERDICT_AMBIGUOUS : VERDICT_REPEAT;
}

/* One attempt: the verdict, and err filled unless it is good. */
static enum verdict attempt(struct s3 *s3, struct s3_call *call, const struct attempts *attempts,
                            struct http_response *response, struct err *err)
{
    struct s3_keys keys = { 0 };
    struct s3_xml_error error = { 0 };
    enum verdict verdict;
    char name[320];

    name_call(name, sizeof(name), s3, call);
    if (s3->credentials && s3_credentials_get(s3->credentials, &keys, err) < 0)
        return VERDICT_FINAL;
    if (send_once(s3, call, attempts->hash, s3->credentials ? &keys : NULL, response, err) < 0) {
        verdict = judge_failure(response, err);
        (void)err_wrap(err, "%s", name);
    } else {
        call->status = response->status;
        if (response->status > 299 || call->error_in_body)
            (void)s3_xml_error(&error, response->body.data ? response->body.data : "",
                               response->body.len);
        verdict = judge(s3, call, response, &error, s3->credentials ? &keys : NULL);
        hide_secrets(&error, s3->credentials ? &keys : NULL);
        (void)snprintf(call->code, sizeof(call->code), "%s", error.code);
        if (verdict != VERDICT_GOOD)
            (void)explain(s3, call, response, &error, err);
    }
    s3_keys_clear(&keys);
    return verdict;
}

int s3_call(struct s3 *s3, struct s3_call *call, struct http_response *response, struct err *err)
{
    struct attempts attempts = { 0 };

    *response = (struct http_response){ 0 };
    hash_hex(attempts.hash, call->body ? call->body : "", call->body_len);
    for (;;) {
        enum verdict verdict;
        int64_t pause;

        http_response_clear(response);
        call->status = 0;
        call->code[0] = '\0';
        attempts.made++;
        verdict = attempt(s3, call, &attempts, response, err);
        if (verdict == VERDICT_GOOD)
            return 0;
        if (!next_step(s3, call, &attempts, verdict, response))
            break;
        pause = pause_of(s3, attempts.made - 1, response);
        if (verdict != VERDICT_SKEWED && verdict != VERDICT_EXPIRED && wait_ms(s3, pause, err) < 0)
            return -1;
        if (verdict == VERDICT_AMBIGUOUS && call->done && call->done(s3, call))
            return 0;
    }
    if (call->maybe_done && err->code == ERR_DEPENDENCY && call->done && call->done(s3, call))
        return 0;
    return -1;
}

void s3_call_object(struct s3_object *out, const struct http_response *response)
{
    char text[128];
    const char *slash;

    *out = (struct s3_object){ 0 };
    (void)http_header_find(response, "etag", out->etag, sizeof(out->etag));
    if (http_header_find(response, "content-length", text, sizeof(text)))
        out->size = strtoull(text, NULL, 10);
    if (http_header_find(response, "content-range", text, sizeof(text))) {
        slash = strrchr(text, '/');
        out->size = slash ? strtoull(slash + 1, NULL, 10) : 0;
    }
    if (http_header_find(response, "last-modified", text, sizeof(text))) {
        out->mtime_ms = http_date_parse(text);
        out->mtime_ms = out->mtime_ms < 0 ? 0 : out->mtime_ms;
    }
}
