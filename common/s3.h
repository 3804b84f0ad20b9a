/* SPDX-License-Identifier: Apache-2.0
 *
 * s3.h - objects of one bucket on AWS S3 or any compatible server: SigV4 over common/http. No
 * policy and no libav. A handle belongs to one thread at a time; handles share nothing, so that
 * several threads open one each.
 *
 * Errors: ERR_NOT_FOUND (404), ERR_CONFLICT (412, and 409 of a conditional write after its
 * retries), ERR_CONFIG (403, wrong region, no such bucket, bad option: the message names bucket,
 * key and the server's Code and Message), ERR_DEPENDENCY (5xx, 429, timeouts, resets, after retries
 * with backoff and jitter; a write whose answer was lost is looked up before it is repeated),
 * ERR_INTERRUPTED.
 */
#ifndef COMMON_S3_H
#define COMMON_S3_H

#include "common/auto.h"
#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3;
struct s3_credentials; /* common/s3_credentials.h: where keys come from, refreshed before they end
                        */

enum s3_style { S3_STYLE_AUTO, S3_STYLE_PATH, S3_STYLE_VIRTUAL }; /* auto: path with an endpoint */

struct s3_opts {
    const char *bucket;
    const char *endpoint; /* "https://host:port"; NULL: AWS by region */
    const char *region;   /* NULL: us-east-1 */
    const char *ca_file;  /* PEM; NULL: the system's */
    enum s3_style style;
    struct s3_credentials *credentials; /* borrowed; NULL: unsigned requests */
    uint32_t attempts;                  /* of one request; 0 = 6 */
    uint32_t pause_ms; /* at most, before the second attempt; doubled each time; 0 = 500 */
    /* Asked between attempts and during transfers; true ends the call as ERR_INTERRUPTED. */
    bool (*stop)(void *ctx);
    void *ctx;
};
int s3_open(struct s3 **out, const struct s3_opts *opts, struct err *err);
void s3_free(struct s3 *s3);
AUTO_DEFINE(s3, struct s3 *, s3_free)

#define S3_ETAG_SIZE 128
struct s3_object {
    char etag[S3_ETAG_SIZE]; /* as the server writes it, with its quotes */
    uint64_t size;           /* of the whole object */
    int64_t mtime_ms;        /* Last-Modified; 0 = not told */
};

/* When a write may happen. Both NULL/false: always. */
struct s3_condition {
    bool absent;      /* If-None-Match: * */
    const char *etag; /* If-Match */
};

int s3_head(struct s3 *s3, const char *key, struct s3_object *out, struct err *err);
/* ERR_NOT_FOUND: there is no such bucket. */
int s3_head_bucket(struct s3 *s3, struct err *err);
/* [offset, offset + len) into out (len bytes at most, caller's); *got < len only at the end of the
 * object. if_etag (may be NULL): ERR_CONFLICT when the object is another by now. */
int s3_get(struct s3 *s3, const char *key, uint64_t offset, void *out, size_t len, size_t *got,
           const char *if_etag, struct s3_object *object, struct err *err);
/* A small object whole; ERR_INPUT when larger than max_bytes. */
int s3_get_all(struct s3 *s3, const char *key, size_t max_bytes, struct buf *out,
               struct s3_object *object, struct err *err);
/* One request, with x-amz-content-sha256 (signed: a server takes no other bytes) and a CRC-32 that
 * the server keeps. Whether a write with a lost answer was done is known by a random id in the
 * object's metadata (x-amz-meta-stereo-write). If-Match on an absent key is ERR_CONFLICT too.
 * etag_out may be NULL. */
int s3_put(struct s3 *s3, const char *key, const void *data, size_t len,
           const struct s3_condition *condition, char etag_out[S3_ETAG_SIZE], struct err *err);
int s3_delete(struct s3 *s3, const char *key, struct err *err); /* absent is fine */

/* Every key under prefix, in the server's order; each() returns -1 (err filled) to stop. */
int s3_list(struct s3 *s3, const char *prefix,
            int (*each)(void *ctx, const char *key, uint64_t size, struct err *err), void *ctx,
            struct err *err);

/* A URL that anybody may GET for `seconds` (604800 at most); caller frees. */
int s3_presign(struct s3 *s3, const char *key, uint32_t seconds, char **url, struct err *err);

/* A multipart upload. upload_id is opaque: the server's and an id of the write. Parts are numbered
 * from 1, may come in any order and be sent again; all but the last are at least S3_PART_MIN bytes.
 * After ERR_CONFLICT of complete the upload is aborted. */
#define S3_PART_MIN   (5u << 20)
#define S3_PARTS_MAX  10000
#define S3_UPLOAD_MAX 1024
struct s3_part {
    uint32_t number;
    char etag[S3_ETAG_SIZE];
};
int s3_upload_begin(struct s3 *s3, const char *key, char upload_id[S3_UPLOAD_MAX], struct err *err);
int s3_upload_part(struct s3 *s3, const char *key, const char *upload_id, uint32_t number,
                   const void *data, size_t len, struct s3_part *out, struct err *err);
/* parts in rising order of number. etag_out may be NULL. */
int s3_upload_complete(struct s3 *s3, const char *key, const char *upload_id,
                       const struct s3_part *parts, size_t count,
                       const struct s3_condition *condition, char etag_out[S3_ETAG_SIZE],
                       struct err *err);
int s3_upload_abort(struct s3 *s3, const char *key, const char *upload_id, struct err *err);
/* Uploads begun under prefix and never ended (of killed workers) are aborted; *count says how many.
 */
int s3_uploads_abort(struct s3 *s3, const char *prefix, uint32_t *count, struct err *err);
#endif
