/* SPDX-License-Identifier: Apache-2.0
 *
 * sigv4.h - AWS Signature Version 4: the canonical request, the string to sign, the signature; in
 * a header or in a URL. Pure: no clock, no I/O. Paths are taken as they are sent (S3's way: encoded
 * once, "//" and ".." kept).
 */
#ifndef COMMON_SIGV4_H
#define COMMON_SIGV4_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGV4_PAIRS_MAX 24
#define SIGV4_DATE_SIZE 17 /* "20130524T000000Z" */

struct sigv4_pair {
    const char *name, *value;
};

struct sigv4_request {
    const char *method;
    const char *path; /* encoded, begins with "/" */
    /* Neither needs an order. Queries are not encoded yet. Every header given is signed, each name
     * comes once. */
    const struct sigv4_pair *query, *headers;
    size_t query_count, header_count; /* together SIGV4_PAIRS_MAX - 6 at most */
    const char *payload_hash;         /* hex of SHA-256, or "UNSIGNED-PAYLOAD" */
};

struct sigv4_signer {
    const char *id, *secret;
    const char *token; /* temporary keys; presign puts it in the URL, a header is the caller's */
    const char *region, *service;
    int64_t unix_ms;
};

/* Unreserved characters stay, all else becomes %XX; "/" stays when keep_slash. */
int sigv4_encode(struct buf *out, const char *text, bool keep_slash, struct err *err);
/* name=value&..., encoded, in the canonical order: also what to send. */
int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count, struct err *err);
void sigv4_date(char out[SIGV4_DATE_SIZE], int64_t unix_ms);

/* Steps, open for tests. */
int sigv4_canonical(struct buf *out, const struct sigv4_request *request, struct err *err);
int sigv4_string(struct buf *out, const struct sigv4_signer *signer, const char *canonical,
                 struct err *err);

/* The value of Authorization. The request's headers must hold host and x-amz-date. */
int sigv4_authorize(struct buf *out, const struct sigv4_request *request,
                    const struct sigv4_signer *signer, struct err *err);
/* The whole query of a URL that is good for `seconds` from signer->unix_ms. */
int sigv4_presign(struct buf *out, const struct sigv4_request *request,
                  const struct sigv4_signer *signer, uint32_t seconds, struct err *err);
#endif
