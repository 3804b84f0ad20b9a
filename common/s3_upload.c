/* SPDX-License-Identifier: Apache-2.0
 *
 * The id of an upload that callers see is "WRITE:ID": the id of the write (s3_write.h), given to
 * the object when the upload begins and looked for when its end is in doubt, and the server's.
 */
#include "common/mem.h"
#include "common/s3_call.h"
#include "common/s3_sum.h"
#include "common/s3_write.h"
#include "common/s3_xml.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX       (64u << 10)
#define PAGE_MAX_BYTES   (16u << 20)
#define COMPLETE_MAX     (4u << 20)
#define COMPLETE_STALL_S 300 /* a server may put the parts together without saying a word */
#define WRITE_LEN        (S3_WRITE_ID_SIZE - 1)

/* Puts an id apart. */
static int take_id(char write[S3_WRITE_ID_SIZE], const char **id, const char *upload_id,
                   struct err *err)
{
    if (strlen(upload_id) <= WRITE_LEN + 1 || upload_id[WRITE_LEN] != ':')
        return err_set(err, ERR_INTERNAL, "not an id of s3_upload_begin");
    memcpy(write, upload_id, WRITE_LEN);
    write[WRITE_LEN] = '\0';
    *id = upload_id + WRITE_LEN + 1;
    return 0;
}

int s3_upload_begin(struct s3 *s3, const char *key, char upload_id[S3_UPLOAD_MAX], struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "POST", .key = key };
    char write[S3_WRITE_ID_SIZE], id[S3_UPLOAD_MAX - S3_WRITE_ID_SIZE];

    s3_write_id(write);
    s3_call_query(&call, "uploads", "");
    s3_call_header(&call, S3_WRITE_HEADER, write);
    s3_call_header(&call, "content-type", "application/octet-stream");
    if (s3_call(s3, &call, &response, err) < 0 ||
        s3_xml_find(id, sizeof(id), response.body.data ? response.body.data : "", response.body.len,
                    "InitiateMultipartUploadResult/UploadId", err) < 0)
        return -1;
    (void)snprintf(upload_id, S3_UPLOAD_MAX, "%s:%s", write, id);
    return 0;
}

static bool has_etag(struct s3 *s3, struct s3_call *call, const struct http_response *response)
{
    char etag[S3_ETAG_SIZE];

    (void)s3, (void)call;
    return http_header_find(response, "etag", etag, sizeof(etag)) && etag[0];
}

int s3_upload_part(struct s3 *s3, const char *key, const char *upload_id, uint32_t number,
                   const void *data, size_t len, struct s3_part *out, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = {
        .method = "PUT", .key = key, .body = data, .body_len = len, .sound = has_etag
    };
    char write[S3_WRITE_ID_SIZE], text[16];
    const char *id = NULL;

    if (take_id(write, &id, upload_id, err) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "%u", number);
    s3_call_query(&call, "partNumber", text);
    s3_call_query(&call, "uploadId", id);
    if (s3_call(s3, &call, &response, err) < 0)
        return -1;
    out->number = number;
    (void)http_header_find(&response, "etag", out->etag, sizeof(out->etag));
    return 0;
}

static int add_part(struct buf *out, const struct s3_part *part, struct err *err)
{
    if (buf_printf(out, err, "<Part><PartNumber>%u</PartNumber><ETag>", part->number) < 0)
        return -1;
    for (const char *c = part->etag; *c; c++) {
        const char *text = *c == '"' ? "&quot;" : *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : NULL;
        int rc = text ? buf_append(out, text, strlen(text), err) : buf_append(out, c, 1, err);

        if (rc < 0)
            return -1;
    }
    return buf_printf(out, err, "</ETag></Part>");
}

static int make_list(struct buf *out, const struct s3_part *parts, size_t count, struct err *err)
{
    if (!count || count > S3_PARTS_MAX)
        return err_set(err, ERR_INTERNAL, "an upload of %zu parts", count);
    if (buf_printf(out, err, "<CompleteMultipartUpload>") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (add_part(out, &parts[i], err) < 0)
            return -1;
    }
    return buf_printf(out, err, "</CompleteMultipartUpload>");
}

/* 200 is sent before the work is done: only the document says how it went. */
static bool is_complete(struct s3 *s3, struct s3_call *call, const struct http_response *response)
{
    struct s3_write *write = call->ctx;
    struct err err;

    (void)s3;
    return s3_xml_find(write->etag, sizeof(write->etag),
                       response->body.data ? response->body.data : "", response->body.len,
                       "CompleteMultipartUploadResult/ETag", &err) == 0;
}

/* The upload is gone, or somebody was first: perhaps that was our own, unheard attempt. */
static int settle(struct s3 *s3, struct s3_call *call, const char *upload_id, struct err *err)
{
    struct err look = { 0 }, ignored;
    int rc;

    if (err->code != ERR_CONFLICT && err->code != ERR_NOT_FOUND)
        return -1;
    rc = s3_write_look(s3, call, &look);
    if (rc > 0)
        return 0;
    if (rc < 0)
        *err = look;
    else if (err->code == ERR_CONFLICT)
        (void)s3_upload_abort(s3, call->key, upload_id, &ignored);
    return -1;
}

int s3_upload_complete(struct s3 *s3, const char *key, const char *upload_id,
                       const struct s3_part *parts, size_t count,
                       const struct s3_condition *condition, char etag_out[S3_ETAG_SIZE],
                       struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    AUTO_BUF struct buf body;
    struct s3_write write = { 0 };
    struct s3_call call = { .method = "POST",
                            .key = key,
                            .stall_s = COMPLETE_STALL_S,
                            .body_max = ANSWER_MAX,
                            .error_in_body = true,
                            .sound = is_complete,
                            .done = s3_write_done,
                            .ctx = &write };
    const char *id = NULL;

    buf_init(&body, COMPLETE_MAX);
    if (take_id(write.id, &id, upload_id, err) < 0 || make_list(&body, parts, count, err) < 0)
        return -1;
    call.body = body.data;
    call.body_len = body.len;
    s3_call_query(&call, "uploadId", id);
    s3_call_header(&call, "content-type", "application/xml");
    s3_write_condition(&call, condition);
    if (s3_call(s3, &call, &response, err) < 0 && settle(s3, &call, upload_id, err) < 0)
        return -1;
    if (etag_out)
        memcpy(etag_out, write.etag, S3_ETAG_SIZE);
    return 0;
}

static int abort_upload(struct s3 *s3, const char *key, const char *id, struct err *err)
{
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "DELETE", .key = key };

    s3_call_query(&call, "uploadId", id);
    if (s3_call(s3, &call, &response, err) == 0 || err->code == ERR_NOT_FOUND)
        return 0;
    return -1;
}

int s3_upload_abort(struct s3 *s3, const char *key, const char *upload_id, struct err *err)
{
    char write[S3_WRITE_ID_SIZE];
    const char *id = NULL;

    return take_id(write, &id, upload_id, err) < 0 ? -1 : abort_upload(s3, key, id, err);
}

struct sweep {
    struct s3 *s3;
    const char *prefix;
    uint32_t count;
};

/* The prefix is looked at again: what is thrown away here must be ours. */
static int sweep_upload(void *ctx, const char *key, const char *id, struct err *err)
{
    struct sweep *sweep = ctx;

    if (strncmp(key, sweep->prefix, strlen(sweep->prefix)) != 0)
        return 0;
    if (abort_upload(sweep->s3, key, id, err) < 0)
        return -1;
    sweep->count++;
    return 0;
}

static int get_page(struct s3 *s3, const char *prefix, const struct s3_xml_page *after,
                    struct http_response *response, struct err *err)
{
    struct s3_call call = { .method = "GET", .body_max = PAGE_MAX_BYTES };

    s3_call_query(&call, "uploads", "");
    s3_call_query(&call, "prefix", prefix);
    s3_call_query(&call, "encoding-type", "url");
    if (after->next[0])
        s3_call_query(&call, "key-marker", after->next);
    if (after->next[0] && after->next_id[0])
        s3_call_query(&call, "upload-id-marker", after->next_id);
    return s3_call(s3, &call, response, err);
}

int s3_uploads_abort(struct s3 *s3, const char *prefix, uint32_t *count, struct err *err)
{
    AUTO_FREE struct s3_xml_page *page = xcalloc(1, sizeof(*page));
    AUTO_FREE struct s3_xml_page *after = xcalloc(1, sizeof(*page));
    struct sweep sweep = { .s3 = s3, .prefix = prefix };
    bool more;

    do {
        AUTO_RESPONSE struct http_response response = { 0 };

        if (get_page(s3, prefix, after, &response, err) < 0 ||
            s3_xml_uploads(page, response.body.data ? response.body.data : "", response.body.len,
                           sweep_upload, &sweep, err) < 0)
            return -1;
        more = page->truncated &&
               (strcmp(page->next, after->next) != 0 || strcmp(page->next_id, after->next_id) != 0);
        memcpy(after, page, sizeof(*after));
    } while (more);
    *count = sweep.count;
    return 0;
}
