/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_call.h - inside of common/s3: one request to S3 from signing to the last attempt. What is
 * worth repeating, and what an answer means, is decided here and nowhere else.
 */
#ifndef COMMON_S3_CALL_H
#define COMMON_S3_CALL_H

#include "common/http.h"
#include "common/s3.h"
#include "common/s3_credentials.h"
#include "common/sigv4.h"

#define S3_CALL_QUERY   6
#define S3_CALL_HEADERS 8
#define S3_WRITE_HEADER "x-amz-meta-stereo-write"

struct s3 {
    struct http *http;                  /* owned */
    char *bucket, *region;              /* owned */
    char *scheme, *host, *base;         /* owned; host as in the Host header, base "" or "/x" */
    bool in_host;                       /* the bucket is a part of host */
    struct s3_credentials *credentials; /* borrowed; may be NULL */
    uint32_t attempts, pause_ms;
    bool (*stop)(void *ctx);
    void *ctx;
    int64_t skew_ms; /* the server's clock minus ours, once it has said so */
};

struct s3_call {
    const char *method, *key; /* key NULL: the bucket itself */
    struct sigv4_pair query[S3_CALL_QUERY], headers[S3_CALL_HEADERS]; /* values borrowed */
    size_t query_count, header_count;
    const void *body;
    size_t body_len;
    void *into; /* as in http.h */
    size_t into_len, body_max;
    uint32_t stall_s;
    bool conflict_repeats; /* 409 is worth another attempt */
    bool error_in_body;    /* 200 may come with an <Error> */
    /* Is this 2xx whole and sound? false: repeat. May be NULL. */
    bool (*sound)(struct s3 *s3, struct s3_call *call, const struct http_response *response);
    /* After an attempt that may have been done without our hearing of it: was it? true ends the
     * call with success and an empty response. May be NULL. */
    bool (*done)(struct s3 *s3, struct s3_call *call);
    void *ctx;
    /* filled */
    int status;      /* of the last answer; 0: none came */
    char code[96];   /* its S3 code, "" when it has none */
    bool maybe_done; /* an attempt ended without saying whether it was done */
};

void s3_call_query(struct s3_call *call, const char *name, const char *value);
void s3_call_header(struct s3_call *call, const char *name, const char *value);
/* 0: a 2xx. The response is the caller's to clear in any case. */
int s3_call(struct s3 *s3, struct s3_call *call, struct http_response *response, struct err *err);
/* The path of a key (NULL: of the bucket) as it is sent. Caller frees. */
int s3_call_path(char **out, const struct s3 *s3, const char *key, struct err *err);
/* size, ETag and Last-Modified of an answer; size from Content-Range where there is one. */
void s3_call_object(struct s3_object *out, const struct http_response *response);
#endif
