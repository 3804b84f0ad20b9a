/* SPDX-License-Identifier: Apache-2.0
 *
 * A film on a web server: ranged GETs, no HEAD (signed links are made for one method). What the
 * first answer says of the version (ETag, Last-Modified, size) every other one must say too.
 */
#include "common/clock.h"
#include "common/http.h"
#include "common/mem.h"
#include "worker/store/access.h"
#include "worker/store/ahead.h"
#include "worker/store/ops.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ATTEMPTS      6
#define REDIRECTS_MAX 5
#define PAUSE_MS      500
#define PAUSE_MAX_MS  20000
#define NAP_MS        50
#define AFTER_MAX_S   60
#define TEXT_MAX      320

struct https_reader {
    struct store_reader base;
    struct http *http;       /* owned */
    char *url, *name, *what; /* owned; name may be shown */
    char *at;                /* owned; where url was redirected to, or NULL */
    char etag[160];          /* strong, or "" */
    char modified[80];       /* as the server writes it, or "" */
    struct ahead *ahead;     /* owned; NULL before the first answer */
    int64_t after_ms;        /* the last refusal asked for so long a pause */
};

struct range {
    uint64_t offset;
    void *out;
    size_t len, got;
};

static bool is_stopped(void *ctx)
{
    (void)ctx;
    return access_is_stopped();
}

static int fail(const struct https_reader *reader, struct err *err, enum err_code code,
                const char *why)
{
    return err_set(err, code, "%s: %s: %s", reader->what, reader->name, why);
}

static int wait_ms(int64_t ms, struct err *err)
{
    for (; ms > 0; ms -= NAP_MS) {
        const struct timespec nap = { .tv_nsec = NAP_MS * 1000000L };

        if (access_is_stopped())
            return err_set(err, ERR_INTERRUPTED, "told to stop");
        (void)nanosleep(&nap, NULL);
    }
    return 0;
}

static int64_t pause_ms(int attempt)
{
    int64_t most = (int64_t)PAUSE_MS << attempt;
    uint32_t any;

    hash_random(&any, sizeof(any));
    return any % (uint32_t)(most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS) + 1;
}

static char *header(const struct http_response *response, const char *name, char out[TEXT_MAX])
{
    if (!http_header_find(response, name, out, TEXT_MAX))
        out[0] = '\0';
    return out;
}

/* Location: a whole URL, or a path on the same host. */
static int follow(struct https_reader *reader, const struct http_response *response,
                  struct err *err)
{
    const char *from = reader->at ? reader->at : reader->url;
    AUTO_FREE char *to = xcalloc(1, 8192);
    size_t origin = strlen("https://") + strcspn(from + strlen("https://"), "/?");
    char *next = NULL;

    if (!http_header_find(response, "location", to, 8192))
        return fail(reader, err, ERR_INPUT, "redirected to nowhere");
    if (strncmp(to, "https://", 8) == 0)
        next = xstrdup(to);
    else if (to[0] == '/' && to[1] != '/')
        next = xasprintf("%.*s%s", (int)origin, from, to);
    if (!next)
        return fail(reader, err, ERR_CONFIG, "redirected to what is not https");
    free(reader->at);
    reader->at = next;
    return 0;
}

static int changed(const struct https_reader *reader, struct err *err)
{
    return fail(reader, err, ERR_INPUT, "the film changed while it was being read");
}

/* 206: is it the range, of the version that was opened? Fills what is not known yet. */
static int take_range(struct https_reader *reader, const struct http_response *response,
                      struct range *range, struct err *err)
{
    char text[TEXT_MAX], etag[TEXT_MAX], modified[TEXT_MAX];
    unsigned long long first, last, total;

    if (sscanf(header(response, "content-range", text), "bytes %llu-%llu/%llu", &first, &last,
               &total) != 3 ||
        first != range->offset || last < first || last - first + 1 != response->into_len)
        return fail(reader, err, ERR_DEPENDENCY, "the answer is not the range asked for");
    (void)header(response, "etag", etag);
    (void)header(response, "last-modified", modified);
    if (etag[0] != '"' || strlen(etag) >= sizeof(reader->etag))
        etag[0] = '\0'; /* a weak one says nothing about bytes */
    if (strlen(modified) >= sizeof(reader->modified))
        modified[0] = '\0';
    if (!reader->ahead) {
        reader->base.stat.size = total;
        memcpy(reader->etag, etag, strlen(etag) + 1);
        memcpy(reader->modified, modified, strlen(modified) + 1);
    } else if (total != reader->base.stat.size || strcmp(etag, reader->etag) != 0 ||
               strcmp(modified, reader->modified) != 0) {
        return changed(reader, err);
    }
    range->got = response->into_len;
    reader->base.bytes += range->got;
    return 0;
}

static int refuse(const struct https_reader *reader, int status, struct err *err)
{
    bool again = status == 408 || status == 429 || status >= 500;
    bool absent = status == 404 || status == 410;
    char why[64];

    (void)snprintf(why, sizeof(why), "HTTP %d", status);
    return fail(reader, err, again ? ERR_DEPENDENCY : absent ? ERR_NOT_FOUND : ERR_CONFIG, why);
}

/* Seconds, as busy servers ask for; a date is not worth the trouble. */
static int64_t told_to_wait_ms(const struct http_response *response)
{
    char text[TEXT_MAX];
    unsigned long s = strtoul(header(response, "retry-after", text), NULL, 10);

    return (int64_t)(s < AFTER_MAX_S ? s : AFTER_MAX_S) * 1000;
}

/* One request, to where the last one ended. */
static int ask(struct https_reader *reader, struct range *range, struct http_response *response,
               struct err *err)
{
    char bytes[80], match[sizeof(reader->etag) + 16];
    const char *headers[2] = { bytes, match };
    struct http_request request = { .method = "GET",
                                    .url = reader->at ? reader->at : reader->url,
                                    .headers = headers,
                                    .header_count = reader->etag[0] ? 2 : 1,
                                    .into = range->out,
                                    .into_len = range->len };

    (void)snprintf(bytes, sizeof(bytes), "range: bytes=%llu-%llu",
                   (unsigned long long)range->offset,
                   (unsigned long long)(range->offset + range->len - 1));
    (void)snprintf(match, sizeof(match), "if-match: %s", reader->etag);
    return http_send(reader->http, &request, response, err);
}

/* 1: what was asked for is there; 0: ask again (somewhere else); -1. */
static int once(struct https_reader *reader, struct range *range, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };

    if (ask(reader, range, &response, err) < 0) {
        if (err->code == ERR_INPUT) /* more than asked for: the server knows no ranges */
            return fail(reader, err, ERR_CONFIG, "the server does not give ranges of bytes");
        return err_wrap(err, "%s", reader->what);
    }
    switch (response.status) {
    case 206:
        return take_range(reader, &response, range, err) < 0 ? -1 : 1;
    case 200:
        return fail(reader, err, ERR_CONFIG, "the server does not give ranges of bytes");
    case 412:
        return changed(reader, err);
    case 416:
        return fail(reader, err, ERR_INPUT, "the film is empty, or shorter than it was");
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return follow(reader, &response, err);
    default:
        break;
    }
    if (reader->at && (response.status == 401 || response.status == 403)) {
        free(TAKE(reader->at)); /* a redirection that is over: from the start once more */
        (void)refuse(reader, response.status, err);
        err->code = ERR_DEPENDENCY;
        return -1;
    }
    reader->after_ms = told_to_wait_ms(&response);
    return refuse(reader, response.status, err);
}

static int fetch(void *ctx, uint64_t offset, void *out, size_t len, size_t *got, struct err *err)
{
    struct https_reader *reader = ctx;
    struct range range = { .offset = offset, .out = out, .len = len };
    int attempt = 0, redirects = 0, rc;

    for (;;) {
        rc = once(reader, &range, err);
        if (rc > 0)
            break;
        if (rc == 0 && ++redirects > REDIRECTS_MAX)
            return fail(reader, err, ERR_CONFIG, "redirected too often");
        if (rc == 0)
            continue;
        if (err->code != ERR_DEPENDENCY || ++attempt == ATTEMPTS)
            return -1;
        if (wait_ms(pause_ms(attempt) + reader->after_ms, err) < 0)
            return -1;
        reader->after_ms = 0;
    }
    *got = range.got;
    return 0;
}

static int reader_read(struct store_reader *base, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    return ahead_read(((struct https_reader *)base)->ahead, offset, out, len, got, err);
}

static void reader_limit(struct store_reader *base, uint64_t end)
{
    ahead_limit(((struct https_reader *)base)->ahead, end);
}

static void reader_free(struct store_reader *base)
{
    struct https_reader *reader = (struct https_reader *)base;

    http_free(reader->http);
    ahead_free(reader->ahead);
    free(reader->url);
    free(reader->at);
    free(reader->name);
    free(reader->what);
    free(reader);
}

static const struct store_reader_ops reader_ops = { reader_read, reader_limit, reader_free };

int store_https_reader_open(struct store_reader **out, const char *url, const char *name,
                            const char *what, struct err *err)
{
    AUTO(store_reader) struct store_reader *base = NULL;
    struct https_reader *reader = xcalloc(1, sizeof(*reader));
    struct http_opts opts = { .ca_file = access_ca_file(), .stop = is_stopped };
    int64_t modified_ms;
    size_t got;
    char byte;

    base = &reader->base;
    base->ops = &reader_ops;
    reader->url = xstrdup(url);
    reader->name = xstrdup(name);
    reader->what = xstrdup(what);
    if (http_open(&reader->http, &opts, err) < 0 || fetch(reader, 0, &byte, 1, &got, err) < 0)
        return -1;
    if (reader->etag[0] || reader->modified[0])
        (void)snprintf(base->identity, sizeof(base->identity), "%s %s", reader->etag,
                       reader->modified);
    modified_ms = http_date_parse(reader->modified);
    base->stat.mtime_ns = modified_ms > 0 ? modified_ms * 1000000 : 0;
    reader->ahead = ahead_new(base->stat.size, fetch, reader);
    *out = TAKE(base);
    return 0;
}
