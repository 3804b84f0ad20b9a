/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sigv4.h"

#include "common/auto.h"
#include "common/hash.h"
#include "common/mem.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TEXT_MAX   (64u << 10) /* of anything built here */
#define SCOPE_SIZE 192
#define KEY_BYTES  32

/* A name and a value of our own, for sorting. */
struct pair {
    char *name, *value; /* owned */
};

struct pairs {
    struct pair list[SIGV4_PAIRS_MAX];
    size_t count;
};

static void pairs_clear(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->list[i].name);
        free(pairs->list[i].value);
    }
    pairs->count = 0;
}

#define AUTO_PAIRS __attribute__((cleanup(pairs_clear)))

static int by_name_then_value(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order ? order : strcmp(left->value, right->value);
}

static void pairs_sort(struct pairs *pairs)
{
    qsort(pairs->list, pairs->count, sizeof(pairs->list[0]), by_name_then_value);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

int sigv4_encode(struct buf *out, const char *text, bool keep_slash, struct err *err)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (is_unreserved(c) || (keep_slash && c == '/')) {
            if (buf_append(out, text, 1, err) < 0)
                return -1;
        } else if (buf_printf(out, err, "%%%02X", c) < 0) {
            return -1;
        }
    }
    return 0;
}

static int encoded(char **out, const char *text, struct err *err)
{
    AUTO_BUF struct buf buf;

    buf_init(&buf, TEXT_MAX);
    if (sigv4_encode(&buf, text, false, err) < 0)
        return -1;
    *out = buf_take(&buf);
    return 0;
}

int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count, struct err *err)
{
    AUTO_PAIRS struct pairs pairs = { 0 };

    if (count > SIGV4_PAIRS_MAX)
        return err_set(err, ERR_INTERNAL, "%zu query parameters", count);
    for (size_t i = 0; i < count; i++) {
        struct pair *pair = &pairs.list[pairs.count++];

        if (encoded(&pair->name, query[i].name, err) < 0 ||
            encoded(&pair->value, query[i].value, err) < 0)
            return -1;
    }
    pairs_sort(&pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        if (buf_printf(out, err, "%s%s=%s", i ? "&" : "", pairs.list[i].name, pairs.list[i].value) <
            0)
            return -1;
    }
    return 0;
}

void sigv4_date(char out[SIGV4_DATE_SIZE], int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;

    out[0] = '\0';
    if (gmtime_r(&seconds, &tm))
        (void)strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

/* Without blanks around it, and one for each run of them inside. */
static char *trimmed(const char *value)
{
    char *out = xstrdup(value), *to = out;

    for (; *value; value++) {
        if (*value != ' ' && *value != '\t')
            *to++ = *value;
        else if (to > out && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > out && to[-1] == ' ')
        to--;
    *to = '\0';
    return out;
}

static int sorted_headers(struct pairs *pairs, const struct sigv4_request *request, struct err *err)
{
    if (request->header_count > SIGV4_PAIRS_MAX)
        return err_set(err, ERR_INTERNAL, "%zu headers", request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        struct pair *pair = &pairs->list[pairs->count++];

        pair->name = xstrdup(request->headers[i].name);
        pair->value = trimmed(request->headers[i].value);
        for (char *c = pair->name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    }
    pairs_sort(pairs);
    for (size_t i = 1; i < pairs->count; i++) {
        if (strcmp(pairs->list[i - 1].name, pairs->list[i].name) == 0)
            return err_set(err, ERR_INTERNAL, "header %s twice", pairs->list[i].name);
    }
    return 0;
}

/* "host;x-amz-date" */
static int add_names(struct buf *out, const struct pairs *headers, struct err *err)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (buf_printf(out, err, "%s%s", i ? ";" : "", headers->list[i].name) < 0)
            return -1;
    }
    return 0;
}

static int add_headers(struct buf *out, const struct pairs *headers, struct err *err)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct pair *pair = &headers->list[i];

        if (buf_printf(out, err, "%s:%s\n", pair->name, pair->value) < 0)
            return -1;
    }
    return 0;
}

int sigv4_canonical(struct buf *out, const struct sigv4_request *request, struct err *err)
{
    AUTO_PAIRS struct pairs headers = { 0 };

    if (sorted_headers(&headers, request, err) < 0 ||
        buf_printf(out, err, "%s\n%s\n", request->method, request->path) < 0 ||
        sigv4_query(out, request->query, request->query_count, err) < 0 ||
        buf_append(out, "\n", 1, err) < 0 || add_headers(out, &headers, err) < 0 ||
        buf_append(out, "\n", 1, err) < 0 || add_names(out, &headers, err) < 0)
        return -1;
    return buf_printf(out, err, "\n%s", request->payload_hash);
}

static int format_scope(char out[SCOPE_SIZE], const struct sigv4_signer *signer, struct err *err)
{
    char date[SIGV4_DATE_SIZE];
    int n;

    sigv4_date(date, signer->unix_ms);
    n = snprintf(out, SCOPE_SIZE, "%.8s/%s/%s/aws4_request", date, signer->region, signer->service);
    if (n < 0 || n >= SCOPE_SIZE)
        return err_set(err, ERR_CONFIG, "the region's name is too long");
    return 0;
}

int sigv4_string(struct buf *out, const struct sigv4_signer *signer, const char *canonical,
                 struct err *err)
{
    char date[SIGV4_DATE_SIZE], scope[SCOPE_SIZE], hash[HASH_HEX_SIZE];

    if (format_scope(scope, signer, err) < 0)
        return -1;
    sigv4_date(date, signer->unix_ms);
    hash_hex(hash, canonical, strlen(canonical));
    return buf_printf(out, err, "%s\n%s\n%s\n%s", ALGORITHM, date, scope, hash);
}

static void from_hex(unsigned char out[KEY_BYTES], const char hex[HASH_HEX_SIZE])
{
    for (size_t i = 0; i < KEY_BYTES; i++) {
        unsigned char high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];

        out[i] = (unsigned char)((high <= '9' ? high - '0' : high - 'a' + 10) << 4 |
                                 (low <= '9' ? low - '0' : low - 'a' + 10));
    }
}

static void derive(unsigned char key[KEY_BYTES], const void *from, size_t from_len,
                   const char *text, size_t text_len)
{
    char hex[HASH_HEX_SIZE];

    hash_hmac(hex, from, from_len, text, text_len);
    from_hex(key, hex);
    OPENSSL_cleanse(hex, sizeof(hex));
}

static int sign(char hex[HASH_HEX_SIZE], const struct sigv4_signer *signer, const char *text,
                struct err *err)
{
    AUTO_BUF struct buf secret;
    unsigned char key[KEY_BYTES];
    char date[SIGV4_DATE_SIZE];

    buf_init(&secret, TEXT_MAX);
    sigv4_date(date, signer->unix_ms);
    if (buf_printf(&secret, err, "AWS4%s", signer->secret) < 0)
        return -1;
    derive(key, secret.data, secret.len, date, 8);
    OPENSSL_cleanse(secret.data, secret.len);
    derive(key, key, KEY_BYTES, signer->region, strlen(signer->region));
    derive(key, key, KEY_BYTES, signer->service, strlen(signer->service));
    derive(key, key, KEY_BYTES, "aws4_request", strlen("aws4_request"));
    hash_hmac(hex, key, KEY_BYTES, text, strlen(text));
    OPENSSL_cleanse(key, sizeof(key));
    return 0;
}

static int signature(char hex[HASH_HEX_SIZE], const struct sigv4_request *request,
                     const struct sigv4_signer *signer, struct err *err)
{
    AUTO_BUF struct buf canonical, text;

    buf_init(&canonical, TEXT_MAX);
    buf_init(&text, TEXT_MAX);
    if (sigv4_canonical(&canonical, request, err) < 0 ||
        sigv4_string(&text, signer, canonical.data, err) < 0)
        return -1;
    return sign(hex, signer, text.data, err);
}

int sigv4_authorize(struct buf *out, const struct sigv4_request *request,
                    const struct sigv4_signer *signer, struct err *err)
{
    AUTO_PAIRS struct pairs headers = { 0 };
    char scope[SCOPE_SIZE], hex[HASH_HEX_SIZE];

    if (format_scope(scope, signer, err) < 0 || signature(hex, request, signer, err) < 0 ||
        sorted_headers(&headers, request, err) < 0 ||
        buf_printf(out, err, "%s Credential=%s/%s, SignedHeaders=", ALGORITHM, signer->id, scope) <
            0 ||
        add_names(out, &headers, err) < 0)
        return -1;
    return buf_printf(out, err, ", Signature=%s", hex);
}

/* The request's own parameters and those of a presigned URL. */
static size_t presign_query(struct sigv4_pair query[SIGV4_PAIRS_MAX],
                            const struct sigv4_request *request, const struct sigv4_signer *signer,
                            const char *credential, const char *date, const char *seconds,
                            const char *names)
{
    size_t count = request->query_count;

    if (count)
        memcpy(query, request->query, count * sizeof(*query));
    query[count++] = (struct sigv4_pair){ "X-Amz-Algorithm", ALGORITHM };
    query[count++] = (struct sigv4_pair){ "X-Amz-Credential", credential };
    query[count++] = (struct sigv4_pair){ "X-Amz-Date", date };
    query[count++] = (struct sigv4_pair){ "X-Amz-Expires", seconds };
    query[count++] = (struct sigv4_pair){ "X-Amz-SignedHeaders", names };
    if (signer->token)
        query[count++] = (struct sigv4_pair){ "X-Amz-Security-Token", signer->token };
    return count;
}

int sigv4_presign(struct buf *out, const struct sigv4_request *request,
                  const struct sigv4_signer *signer, uint32_t seconds, struct err *err)
{
    AUTO_PAIRS struct pairs headers = { 0 };
    AUTO_BUF struct buf credential, names;
    struct sigv4_pair query[SIGV4_PAIRS_MAX];
    struct sigv4_request signed_request = *request;
    char date[SIGV4_DATE_SIZE], scope[SCOPE_SIZE], hex[HASH_HEX_SIZE], seconds_text[16];

    buf_init(&credential, TEXT_MAX);
    buf_init(&names, TEXT_MAX);
    sigv4_date(date, signer->unix_ms);
    (void)snprintf(seconds_text, sizeof(seconds_text), "%u", seconds);
    if (request->query_count > SIGV4_PAIRS_MAX - 6)
        return err_set(err, ERR_INTERNAL, "%zu query parameters", request->query_count);
    if (format_scope(scope, signer, err) < 0 || sorted_headers(&headers, request, err) < 0 ||
        add_names(&names, &headers, err) < 0 ||
        buf_printf(&credential, err, "%s/%s", signer->id, scope) < 0)
        return -1;
    signed_request.query = query;
    signed_request.query_count = presign_query(query, request, signer, credential.data, date,
                                               seconds_text, names.data ? names.data : "");
    if (signature(hex, &signed_request, signer, err) < 0 ||
        sigv4_query(out, query, signed_request.query_count, err) < 0)
        return -1;
    return buf_printf(out, err, "&X-Amz-Signature=%s", hex);
}
