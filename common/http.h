/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - one HTTP request at a time over libcurl: the caller waits. A handle belongs to one
 * thread at a time and keeps its connections; handles share nothing. Redirects are not followed,
 * certificates are always verified, paths are sent as they are written, proxies come from the
 * environment. Nothing is repeated here, but libcurl itself sends a request again when a kept
 * connection turns out to be closed: a write may therefore arrive twice.
 *
 * http_send: 0 for any status. ERR_DEPENDENCY: no or half an answer (repeat); ERR_CONFIG: a bad
 * URL, or a certificate that is not accepted; ERR_INTERRUPTED: stop() said so; ERR_INPUT: the body
 * is larger than body_max. Messages name the host, never the path, the query or a header.
 */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include "common/auto.h"
#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

struct http_opts {
    const char *ca_file; /* PEM; NULL: the system's */
    bool no_proxy;       /* even when the environment names one */
    uint32_t connect_ms; /* 0 = 10000 */
    bool (*stop)(void *ctx);
    void *ctx;
};
int http_open(struct http **out, const struct http_opts *opts, struct err *err);
void http_free(struct http *http);
AUTO_DEFINE(http, struct http *, http_free)

struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_len;
    /* The body of a 2xx goes to `into` when there is one (more than into_len is an error), else to
     * response->body, at most body_max. Of other answers the first 64 KiB are kept. */
    void *into;
    size_t into_len;
    size_t body_max;   /* 0 = 64 KiB */
    uint32_t stall_s;  /* without a byte in either direction; 0 = 30 */
    uint32_t total_ms; /* 0: no limit */
};

struct http_response {
    int status;
    /* Names in lower case, "name: value\n" each, of the last answer (not of a proxy's CONNECT). */
    struct buf headers;
    struct buf body;
    size_t into_len; /* bytes that came into request->into */
    bool sent;       /* also after -1: the server may have seen and done the request */
};
void http_response_clear(struct http_response *response);
#define AUTO_RESPONSE __attribute__((cleanup(http_response_clear)))
/* *response is made anew; clear it also after an error. */
int http_send(struct http *http, const struct http_request *request, struct http_response *response,
              struct err *err);
/* The first header of this lower-case name into out; false: there is none, or it does not fit. */
bool http_header_find(const struct http_response *response, const char *name, char *out,
                      size_t size);
/* An HTTP date in Unix ms, or -1. */
int64_t http_date_parse(const char *text);

/* One line as it came: true when it is a header, appended to headers as above; a status line
 * starts anew. Pure but for memory; lines over the limit of headers are left out. */
bool http_header_take(struct buf *headers, const char *line, size_t len);
#endif
