/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_xml.h - the XML that S3 and STS answer with. A bounded pull parser: depth, names and texts
 * have limits, document types are refused, attributes are skipped, prefixes of names are dropped.
 * Pure. Errors are ERR_DEPENDENCY: a server that writes this is broken.
 */
#ifndef COMMON_S3_XML_H
#define COMMON_S3_XML_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define S3_XML_TEXT_MAX 8192 /* bytes of one element's text (a session token has some 2000) */
#define S3_XML_PATH_MAX 256

enum s3_xml_event { S3_XML_OPEN, S3_XML_CLOSE, S3_XML_END };

/* Open struct; read path and text after each event. */
struct s3_xml {
    const char *at, *end;
    char path[S3_XML_PATH_MAX]; /* "ListBucketResult/Contents/Key", of the element of the event */
    char text[S3_XML_TEXT_MAX]; /* at CLOSE of an element without children: what stood in it */
    size_t text_len;
    bool leaving;   /* the path's last name is dropped before the next event */
    bool closing;   /* <a/>: the CLOSE comes next */
    bool has_child; /* the element that is open had one: it has no text */
    bool had_root;
};
void s3_xml_init(struct s3_xml *xml, const char *data, size_t len);
int s3_xml_next(struct s3_xml *xml, enum s3_xml_event *event, struct err *err);

struct s3_xml_error {
    char code[96], message[256], region[64];
};
/* False when data is no <Error> document (also STS's <ErrorResponse>). Control characters of the
 * message become "?". */
bool s3_xml_error(struct s3_xml_error *out, const char *data, size_t len);

/* The first text at a path into out. ERR_DEPENDENCY when absent or longer than size - 1. */
int s3_xml_find(char *out, size_t size, const char *data, size_t len, const char *path,
                struct err *err);

struct s3_xml_page {
    bool truncated;
    char next[S3_XML_TEXT_MAX];    /* continuation token, or the next key marker */
    char next_id[S3_XML_TEXT_MAX]; /* the next upload id marker */
};
/* ListObjectsV2 */
int s3_xml_list(struct s3_xml_page *page, const char *data, size_t len,
                int (*each)(void *ctx, const char *key, uint64_t size, struct err *err), void *ctx,
                struct err *err);
/* ListMultipartUploads */
int s3_xml_uploads(struct s3_xml_page *page, const char *data, size_t len,
                   int (*each)(void *ctx, const char *key, const char *id, struct err *err),
                   void *ctx, struct err *err);
#endif
