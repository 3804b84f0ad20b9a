/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http.h"

#include "common/mem.h"

#include <ctype.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX   (64u << 10)
#define BODY_DEFAULT  (64u << 10)
#define CONNECT_MS    10000
#define STALL_S       30
#define KEEPALIVE_S   30L
#define HOST_SIZE     256
#define RECEIVE_BYTES (256L << 10)

struct http {
    CURL *curl;    /* owned */
    char *ca_file; /* owned; may be NULL */
    bool no_proxy;
    uint32_t connect_ms;
    bool (*stop)(void *ctx);
    void *ctx;
    char error[CURL_ERROR_SIZE]; /* libcurl's words about the last failure */
};

/* What a transfer's callbacks need. */
struct transfer {
    struct http *http;
    const struct http_request *request;
    struct http_response *response;
    bool stopped, too_large, no_memory;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_open(struct http **out, const struct http_opts *opts, struct err *err)
{
    struct http *http;

    (void)pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(global_result));
    http = xcalloc(1, sizeof(*http));
    http->curl = curl_easy_init();
    if (!http->curl) {
        free(http);
        return err_set(err, ERR_NOMEM, "libcurl has no memory");
    }
    http->ca_file = opts->ca_file ? xstrdup(opts->ca_file) : NULL;
    http->no_proxy = opts->no_proxy;
    http->connect_ms = opts->connect_ms ? opts->connect_ms : CONNECT_MS;
    http->stop = opts->stop;
    http->ctx = opts->ctx;
    *out = http;
    return 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    free(http->ca_file);
    free(http);
}

void http_response_clear(struct http_response *response)
{
    buf_clear(&response->headers);
    buf_clear(&response->body);
}

bool http_header_take(struct buf *headers, const char *line, size_t len)
{
    char name[128];
    const char *colon = memchr(line, ':', len), *value;
    size_t name_len = colon ? (size_t)(colon - line) : 0;
    struct err err;

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        buf_clear(headers);
        return false;
    }
    if (!name_len || name_len >= sizeof(name) || memchr(line, '\0', len))
        return false;
    for (size_t i = 0; i < name_len; i++) {
        if (!isgraph((unsigned char)line[i]))
            return false;
        name[i] = (char)tolower((unsigned char)line[i]);
    }
    value = colon + 1;
    len -= name_len + 1;
    for (; len && (*value == ' ' || *value == '\t'); value++)
        len--;
    while (len && isspace((unsigned char)value[len - 1]))
        len--;
    if (memchr(value, '\n', len) || memchr(value, '\r', len) || headers->max < name_len + len + 3 ||
        headers->len > headers->max - name_len - len - 3)
        return false;
    return buf_printf(headers, &err, "%.*s: %.*s\n", (int)name_len, name, (int)len, value) == 0;
}

bool http_header_find(const struct http_response *response, const char *name, char *out,
                      size_t size)
{
    size_t name_len = strlen(name);
    const char *line = response->headers.data;

    while (line && *line) {
        const char *end = strchr(line, '\n');

        if (strncmp(line, name, name_len) == 0 && strncmp(line + name_len, ": ", 2) == 0) {
            const char *value = line + name_len + 2;
            size_t len = (size_t)(end - value);

            if (len >= size)
                return false;
            memcpy(out, value, len);
            out[len] = '\0';
            return true;
        }
        line = end + 1;
    }
    return false;
}

int64_t http_date_parse(const char *text)
{
    time_t seconds = curl_getdate(text, NULL);

    return seconds < 0 ? -1 : (int64_t)seconds * 1000;
}

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    struct transfer *transfer = ctx;

    (void)one;
    (void)http_header_take(&transfer->response->headers, line, len);
    return len;
}

/* What does not fit of an error's body is let go. */
static size_t take_error_body(struct http_response *response, const char *data, size_t len)
{
    size_t room = response->body.len < BODY_DEFAULT ? BODY_DEFAULT - response->body.len : 0;
    struct err err;

    response->body.max = BODY_DEFAULT;
    (void)buf_append(&response->body, data, len < room ? len : room, &err);
    return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
    struct transfer *transfer = ctx;
    struct http_response *response = transfer->response;
    const struct http_request *request = transfer->request;
    long status = 0;
    struct err err;

    (void)one;
    (void)curl_easy_getinfo(transfer->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299)
        return take_error_body(response, data, len);
    if (request->into) {
        if (len > request->into_len - response->into_len) {
            transfer->too_large = true;
            return 0;
        }
        memcpy((char *)request->into + response->into_len, data, len);
        response->into_len += len;
        return len;
    }
    if (buf_append(&response->body, data, len, &err) == 0)
        return len;
    transfer->too_large = err.code == ERR_CONFIG;
    transfer->no_memory = err.code == ERR_NOMEM;
    return 0;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *transfer = ctx;

    (void)down_total, (void)down, (void)up_total, (void)up;
    if (transfer->http->stop && transfer->http->stop(transfer->http->ctx))
        transfer->stopped = true;
    return transfer->stopped;
}

/* Programs that are started meanwhile must not hold a connection open. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    (void)ctx, (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(curl, option, value) != CURLE_OK)                                     \
            return err_set(err, ERR_INTERNAL, "libcurl refuses " #option);                         \
    } while (0)

/* What is the same for every request. */
static int set_fixed(struct http *http, struct err *err)
{
    CURL *curl = http->curl;

    curl_easy_reset(curl); /* keeps connections and resolved names */
    http->error[0] = '\0';
    SET(CURLOPT_ERRORBUFFER, http->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
    /* Refused while the one before is still held, after a name that was not found. */
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, RECEIVE_BYTES);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_ms);
    if (http->no_proxy)
        SET(CURLOPT_NOPROXY, "*");
    if (http->ca_file)
        SET(CURLOPT_CAINFO, http->ca_file);
    return 0;
}

static int set_request(struct transfer *transfer, struct curl_slist *headers, struct err *err)
{
    const struct http_request *request = transfer->request;
    CURL *curl = transfer->http->curl;

    SET(CURLOPT_URL, request->url);
    if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (request->body || strcmp(request->method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)(request->stall_s ? request->stall_s : STALL_S));
    SET(CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    return 0;
}

static void free_list(struct curl_slist *list)
{
    curl_slist_free_all(list);
}

AUTO_DEFINE(slist, struct curl_slist *, free_list)

static int add_header(struct curl_slist **list, const char *line, struct err *err)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (!more)
        return err_set(err, ERR_NOMEM, "libcurl has no memory");
    *list = more;
    return 0;
}

/* The caller's, and those of libcurl's own that nobody wants taken out. */
static int make_headers(struct curl_slist **list, const struct http_request *request,
                        struct err *err)
{
    bool typed = false;

    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->headers[i];

        if (strpbrk(line, "\r\n"))
            return err_set(err, ERR_CONFIG, "a header has a line break in it");
        typed = typed || strncasecmp(line, "Content-Type:", 13) == 0;
        if (add_header(list, line, err) < 0)
            return -1;
    }
    if (!typed && add_header(list, "Content-Type:", err) < 0)
        return -1;
    return add_header(list, "Expect:", err); /* a server that ignores it costs a second */
}

/* host:port of a URL, without user, path and query. */
static void name_host(char out[HOST_SIZE], const char *url)
{
    const char *start = strstr(url, "://"), *end, *at;
    size_t len;

    start = start ? start + 3 : url;
    end = start + strcspn(start, "/?#");
    at = memrchr(start, '@', (size_t)(end - start));
    if (at)
        start = at + 1;
    len = (size_t)(end - start);
    (void)snprintf(out, HOST_SIZE, "%.*s", len < HOST_SIZE ? (int)len : HOST_SIZE - 1, start);
}

/* Failures before a byte of the request can have left. */
static bool was_sent(const struct transfer *transfer, CURLcode rc)
{
    long bytes = 0;

    switch (rc) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return false;
    default:
        (void)curl_easy_getinfo(transfer->http->curl, CURLINFO_REQUEST_SIZE, &bytes);
        return bytes > 0;
    }
}

static enum err_code code_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return ERR_CONFIG;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_DEPENDENCY;
    }
}

static int report(const struct transfer *transfer, CURLcode rc, struct err *err)
{
    const struct http *http = transfer->http;
    char host[HOST_SIZE];

    name_host(host, transfer->request->url);
    if (transfer->stopped)
        return err_set(err, ERR_INTERRUPTED, "%s: told to stop", host);
    if (transfer->too_large)
        return err_set(err, ERR_INPUT, "%s: the answer is larger than %zu bytes", host,
                       transfer->request->into ? transfer->request->into_len
                                               : transfer->response->body.max);
    if (transfer->no_memory)
        return err_set(err, ERR_NOMEM, "%s: no memory for the answer", host);
    return err_set(err, code_of(rc), "%s: %s", host,
                   http->error[0] ? http->error : curl_easy_strerror(rc));
}

int http_send(struct http *http, const struct http_request *request, struct http_response *response,
              struct err *err)
{
    struct transfer transfer = { .http = http, .request = request, .response = response };
    AUTO(slist) struct curl_slist *headers = NULL;
    long status = 0;
    CURLcode rc;

    *response = (struct http_response){ 0 };
    buf_init(&response->headers, HEADERS_MAX);
    buf_init(&response->body, request->body_max ? request->body_max : BODY_DEFAULT);
    if (make_headers(&headers, request, err) < 0 || set_fixed(http, err) < 0 ||
        set_request(&transfer, headers, err) < 0)
        return -1;
    rc = curl_easy_perform(http->curl);
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    response->sent = rc == CURLE_OK || was_sent(&transfer, rc);
    return rc == CURLE_OK ? 0 : report(&transfer, rc, err);
}
