/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_write.h"

#include "common/hash.h"
#include "common/s3_sum.h"

#include <stdio.h>
#include <string.h>

#define COMPARE_MAX (1u << 20) /* an object without our header is read and compared up to here */

void s3_write_id(char out[S3_WRITE_ID_SIZE])
{
    unsigned char bytes[(S3_WRITE_ID_SIZE - 1) / 2];

    hash_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void s3_write_condition(struct s3_call *call, const struct s3_condition *condition)
{
    if (condition && condition->absent)
        s3_call_header(call, "if-none-match", "*");
    if (condition && condition->etag)
        s3_call_header(call, "if-match", condition->etag);
}

/* A server that keeps no metadata: only after a lost answer, and only byte for byte. */
static bool has_our_bytes(struct s3 *s3, const struct s3_call *call, const struct s3_write *write)
{
    AUTO_BUF struct buf buf;
    struct err err;

    buf_init(&buf, COMPARE_MAX);
    return call->maybe_done && write->data && write->len <= COMPARE_MAX &&
           s3_get_all(s3, call->key, COMPARE_MAX, &buf, NULL, &err) == 0 && buf.len == write->len &&
           (!buf.len || memcmp(buf.data, write->data, buf.len) == 0);
}

int s3_write_look(struct s3 *s3, struct s3_call *call, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call head = { .method = "HEAD", .key = call->key };
    struct s3_write *write = call->ctx;
    struct s3_object object;
    char id[128];

    if (s3_call(s3, &head, &response, err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    s3_call_object(&object, &response);
    if (write->data && object.size != write->len)
        return 0;
    if (http_header_find(&response, S3_WRITE_HEADER, id, sizeof(id))
            ? strcmp(id, write->id) != 0
            : !has_our_bytes(s3, call, write))
        return 0;
    memcpy(write->etag, object.etag, sizeof(write->etag));
    return 1;
}

bool s3_write_done(struct s3 *s3, struct s3_call *call)
{
    struct err err;

    return s3_write_look(s3, call, &err) > 0;
}

/* 404 of If-Match: what was to be replaced is gone. */
static bool is_conflict(const struct s3_condition *condition, const struct err *err)
{
    return err->code == ERR_CONFLICT ||
           (err->code == ERR_NOT_FOUND && condition && condition->etag);
}

/* Somebody was first: was that our own, unheard attempt? err becomes the truth when it was not. */
static int settle(struct s3 *s3, struct s3_call *call, const struct s3_condition *condition,
                  struct err *err)
{
    struct err look = { 0 };
    int rc;

    if (!is_conflict(condition, err))
        return -1;
    rc = s3_write_look(s3, call, &look);
    if (rc > 0)
        return 0;
    if (rc < 0)
        *err = look;
    else
        err->code = ERR_CONFLICT;
    return -1;
}

int s3_put(struct s3 *s3, const char *key, const void *data, size_t len,
           const struct s3_condition *condition, char etag_out[S3_ETAG_SIZE], struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_write write = { .data = data ? data : "", .len = len };
    struct s3_call call = { .method = "PUT",
                            .key = key,
                            .body = data ? data : "",
                            .body_len = len,
                            .conflict_repeats = true,
                            .done = s3_write_done,
                            .ctx = &write };
    char sum[S3_SUM_SIZE];

    s3_write_id(write.id);
    s3_sum_crc32(sum, write.data, len);
    s3_call_header(&call, S3_WRITE_HEADER, write.id);
    s3_call_header(&call, "x-amz-checksum-crc32", sum);
    s3_call_header(&call, "content-type", "application/octet-stream");
    s3_write_condition(&call, condition);
    if (s3_call(s3, &call, &response, err) < 0 && settle(s3, &call, condition, err) < 0)
        return -1;
    if (!write.etag[0])
        (void)http_header_find(&response, "etag", write.etag, sizeof(write.etag));
    if (etag_out)
        memcpy(etag_out, write.etag, S3_ETAG_SIZE);
    return 0;
}
