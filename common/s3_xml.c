/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_xml.h"

#include "common/auto.h"
#include "common/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 4096 /* a key has 1024 bytes; an encoded one three times that */

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_DEPENDENCY, "the server's XML %s", what);
}

void s3_xml_init(struct s3_xml *xml, const char *data, size_t len)
{
    *xml = (struct s3_xml){ .at = data, .end = data + len };
}

static size_t left(const struct s3_xml *xml)
{
    return (size_t)(xml->end - xml->at);
}

static bool starts(const struct s3_xml *xml, const char *with)
{
    size_t len = strlen(with);

    return left(xml) >= len && memcmp(xml->at, with, len) == 0;
}

/* Past the next `mark`. */
static int skip_past(struct s3_xml *xml, const char *mark, struct err *err)
{
    const char *found = memmem(xml->at, left(xml), mark, strlen(mark));

    if (!found)
        return bad(err, "ends in the middle");
    xml->at = found + strlen(mark);
    return 0;
}

static int add_text(struct s3_xml *xml, const char *data, size_t len, struct err *err)
{
    if (len >= sizeof(xml->text) - xml->text_len)
        return bad(err, "has a text that is too long");
    if (memchr(data, '\0', len))
        return bad(err, "has a NUL in it");
    memcpy(xml->text + xml->text_len, data, len);
    xml->text_len += len;
    xml->text[xml->text_len] = '\0';
    return 0;
}

static size_t put_utf8(char out[4], uint32_t c)
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1)
        out[0] = (char)c;
    for (size_t i = n; n > 1 && i-- > 0; c >>= 6)
        out[i] = (char)(i ? 0x80 | (c & 0x3f) : lead[n] | c);
    return n;
}

/* "#xE9" or "#233", without & and ;. 0: none that text may hold. */
static uint32_t parse_char(const char *name)
{
    bool hex = name[1] == 'x';
    const char *digits = name + (hex ? 2 : 1);
    char *end;
    unsigned long c;

    if (!isxdigit((unsigned char)*digits))
        return 0;
    c = strtoul(digits, &end, hex ? 16 : 10);
    if (*end || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    return (uint32_t)c;
}

static int add_entity(struct s3_xml *xml, struct err *err)
{
    static const struct {
        const char *name, *text;
    } known[] = {
        { "lt", "<" }, { "gt", ">" }, { "amp", "&" }, { "quot", "\"" }, { "apos", "'" },
    };
    const char *semicolon = memchr(xml->at, ';', left(xml) < 12 ? left(xml) : 12);
    char name[12] = "", utf8[4];
    uint32_t c;

    if (!semicolon)
        return bad(err, "has a broken entity");
    memcpy(name, xml->at + 1, (size_t)(semicolon - xml->at) - 1);
    xml->at = semicolon + 1;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0)
            return add_text(xml, known[i].text, 1, err);
    }
    c = name[0] == '#' ? parse_char(name) : 0;
    if (!c)
        return bad(err, "has an unknown entity");
    return add_text(xml, utf8, put_utf8(utf8, c), err);
}

static int add_cdata(struct s3_xml *xml, struct err *err)
{
    const char *from = xml->at + strlen("<![CDATA[");

    if (skip_past(xml, "]]>", err) < 0)
        return -1;
    if (xml->at - strlen("]]>") < from)
        return bad(err, "ends in the middle");
    return add_text(xml, from, (size_t)(xml->at - from) - strlen("]]>"), err);
}

/* Character data up to the next tag; outside of the root only blanks may stand. */
static int take_text(struct s3_xml *xml, struct err *err)
{
    const char *from = xml->at;

    if (*xml->at == '&')
        return xml->path[0] ? add_entity(xml, err) : bad(err, "has text outside of its root");
    while (left(xml) && *xml->at != '<' && *xml->at != '&')
        xml->at++;
    if (xml->path[0])
        return add_text(xml, from, (size_t)(xml->at - from), err);
    for (; from < xml->at; from++) {
        if (!isspace((unsigned char)*from))
            return bad(err, "has text outside of its root");
    }
    return 0;
}

static bool ends_name(char c)
{
    return isspace((unsigned char)c) || c == '>' || c == '/' || c == '<' || c == '=' || c == '\0' ||
           c == '"' || c == '\'' || c == '&';
}

/* The name at `at`, without its prefix. Its length, 0 when there is none. */
static size_t take_name(struct s3_xml *xml, const char **name)
{
    *name = xml->at;
    while (left(xml) && !ends_name(*xml->at)) {
        if (*xml->at++ == ':')
            *name = xml->at;
    }
    return (size_t)(xml->at - *name);
}

static int push(struct s3_xml *xml, const char *name, size_t len, struct err *err)
{
    size_t have = strlen(xml->path);

    if (have + len + 2 > sizeof(xml->path))
        return bad(err, "is nested too deep");
    if (have)
        xml->path[have++] = '/';
    memcpy(xml->path + have, name, len);
    xml->path[have + len] = '\0';
    return 0;
}

static void pop(struct s3_xml *xml)
{
    char *slash = strrchr(xml->path, '/');

    *(slash ? slash : xml->path) = '\0';
}

/* Attributes are passed over; a > may stand in their quotes. */
static int skip_attributes(struct s3_xml *xml, bool *closed, struct err *err)
{
    char quote = '\0';

    for (; left(xml); xml->at++) {
        char c = *xml->at;

        if (quote) {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            return bad(err, "has a tag in a tag");
        } else if (c == '>') {
            *closed = xml->at[-1] == '/';
            xml->at++;
            return 0;
        }
    }
    return bad(err, "ends in the middle");
}

static int open_tag(struct s3_xml *xml, enum s3_xml_event *event, struct err *err)
{
    const char *name;
    size_t len;

    xml->at++;
    len = take_name(xml, &name);
    if (!len)
        return bad(err, "has a tag without a name");
    if (!xml->path[0] && xml->had_root)
        return bad(err, "has two roots");
    if (push(xml, name, len, err) < 0 || skip_attributes(xml, &xml->closing, err) < 0)
        return -1;
    xml->had_root = true;
    xml->has_child = false;
    xml->text_len = 0;
    xml->text[0] = '\0';
    *event = S3_XML_OPEN;
    return 0;
}

/* An element that had children has no text of its own that anybody reads. */
static void close_element(struct s3_xml *xml, enum s3_xml_event *event)
{
    if (xml->has_child) {
        xml->text_len = 0;
        xml->text[0] = '\0';
    }
    xml->has_child = true; /* of the parent, from here on */
    xml->leaving = true;
    *event = S3_XML_CLOSE;
}

static int close_tag(struct s3_xml *xml, enum s3_xml_event *event, struct err *err)
{
    const char *slash = strrchr(xml->path, '/'), *open = slash ? slash + 1 : xml->path, *name;
    size_t len;

    xml->at += 2;
    len = take_name(xml, &name);
    while (left(xml) && isspace((unsigned char)*xml->at))
        xml->at++;
    if (!len || len != strlen(open) || memcmp(open, name, len) != 0 || !left(xml) ||
        *xml->at != '>')
        return bad(err, "closes what is not open");
    xml->at++;
    close_element(xml, event);
    return 0;
}

int s3_xml_next(struct s3_xml *xml, enum s3_xml_event *event, struct err *err)
{
    if (xml->leaving) {
        pop(xml);
        xml->leaving = false;
        xml->text_len = 0;
        xml->text[0] = '\0';
    }
    if (xml->closing) {
        xml->closing = false;
        close_element(xml, event);
        return 0;
    }
    while (left(xml)) {
        int rc;

        if (*xml->at != '<')
            rc = take_text(xml, err);
        else if (starts(xml, "<?"))
            rc = skip_past(xml, "?>", err);
        else if (starts(xml, "<!--"))
            rc = skip_past(xml, "-->", err);
        else if (starts(xml, "<![CDATA[") && xml->path[0])
            rc = add_cdata(xml, err);
        else if (starts(xml, "<!"))
            rc = bad(err, "has a document type");
        else if (starts(xml, "</"))
            return close_tag(xml, event, err);
        else
            return open_tag(xml, event, err);
        if (rc < 0)
            return -1;
    }
    if (xml->path[0] || !xml->had_root)
        return bad(err, "ends in the middle");
    *event = S3_XML_END;
    return 0;
}

/* Copies as much as fits, for people: no control characters. */
static void copy_plain(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; *text && n + 1 < size; text++)
        out[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    out[n] = '\0';
}

bool s3_xml_error(struct s3_xml_error *out, const char *data, size_t len)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    struct err err;
    bool is_error = false;

    *out = (struct s3_xml_error){ 0 };
    s3_xml_init(xml, data, len);
    while (event != S3_XML_END && s3_xml_next(xml, &event, &err) == 0) {
        const char *path = xml->path;

        if (strncmp(path, "ErrorResponse/", 14) == 0)
            path += 14;
        is_error = is_error || strcmp(path, "Error") == 0;
        if (event != S3_XML_CLOSE)
            continue;
        if (strcmp(path, "Error/Code") == 0)
            copy_plain(out->code, sizeof(out->code), xml->text);
        else if (strcmp(path, "Error/Message") == 0)
            copy_plain(out->message, sizeof(out->message), xml->text);
        else if (strcmp(path, "Error/Region") == 0)
            copy_plain(out->region, sizeof(out->region), xml->text);
    }
    return is_error;
}

int s3_xml_find(char *out, size_t size, const char *data, size_t len, const char *path,
                struct err *err)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    bool found = false;

    s3_xml_init(xml, data, len);
    while (event != S3_XML_END) {
        if (s3_xml_next(xml, &event, err) < 0)
            return -1;
        if (event != S3_XML_CLOSE || found || strcmp(xml->path, path) != 0)
            continue;
        if (xml->text_len >= size)
            return err_set(err, ERR_DEPENDENCY, "the server's %s is too long", path);
        memcpy(out, xml->text, xml->text_len + 1);
        found = true;
    }
    return found ? 0 : err_set(err, ERR_DEPENDENCY, "the server's answer has no %s", path);
}

/* %41+ -> "A ", in place: encoding-type=url. */
static int unescape(char *text, struct err *err)
{
    char *to = text;

    for (const char *at = text; *at; at++) {
        char hex[3] = "";

        if (*at != '%') {
            *to++ = (char)(*at == '+' ? ' ' : *at);
            continue;
        }
        if (!isxdigit((unsigned char)at[1]) || !isxdigit((unsigned char)at[2]))
            return bad(err, "has a key with a broken escape");
        memcpy(hex, at + 1, 2);
        *to = (char)strtoul(hex, NULL, 16);
        if (!*to++)
            return bad(err, "has a key with a NUL in it");
        at += 2;
    }
    *to = '\0';
    return 0;
}

/* A list is read twice: EncodingType may stand behind the keys it speaks of. */
static int keys_are_escaped(bool *out, const char *data, size_t len, const char *root,
                            struct err *err)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    size_t root_len = strlen(root);

    *out = false;
    s3_xml_init(xml, data, len);
    while (event != S3_XML_END) {
        if (s3_xml_next(xml, &event, err) < 0)
            return -1;
        if (event == S3_XML_OPEN && (strncmp(xml->path, root, root_len) != 0 ||
                                     (xml->path[root_len] && xml->path[root_len] != '/')))
            return bad(err, "is not the list that was asked for");
        if (event == S3_XML_CLOSE && strcmp(xml->path + root_len, "/EncodingType") == 0)
            *out = strcmp(xml->text, "url") == 0;
    }
    return 0;
}

struct list {
    struct s3_xml_page *page;
    const char *root, *item;                               /* "ListBucketResult", "Contents" */
    const char *next;                                      /* "NextContinuationToken" */
    int (*done)(const struct list *list, struct err *err); /* an item is whole */
    int (*each_key)(void *ctx, const char *key, uint64_t size, struct err *err);
    int (*each_upload)(void *ctx, const char *key, const char *id, struct err *err);
    void *ctx;
    bool escaped;
    char key[KEY_MAX], id[S3_XML_TEXT_MAX], size[32];
};

static int take_field(struct list *list, const char *name, const char *text, struct err *err)
{
    char *into = strcmp(name, "Key") == 0        ? list->key
                 : strcmp(name, "UploadId") == 0 ? list->id
                 : strcmp(name, "Size") == 0     ? list->size
                                                 : NULL;
    size_t size = into == list->key  ? sizeof(list->key)
                  : into == list->id ? sizeof(list->id)
                                     : sizeof(list->size);

    if (!into)
        return 0;
    if (strlen(text) >= size)
        return bad(err, "has a value that is too long");
    memcpy(into, text, strlen(text) + 1);
    return 0;
}

static int take_page_field(struct list *list, const char *name, const char *text, struct err *err)
{
    struct s3_xml_page *page = list->page;

    if (strcmp(name, "IsTruncated") == 0) {
        page->truncated = strcmp(text, "true") == 0;
    } else if (strcmp(name, list->next) == 0) {
        memcpy(page->next, text, strlen(text) + 1);
        if (strcmp(name, "NextKeyMarker") == 0 && list->escaped)
            return unescape(page->next, err);
    } else if (strcmp(name, "NextUploadIdMarker") == 0) {
        memcpy(page->next_id, text, strlen(text) + 1);
    }
    return 0;
}

static int item_done(struct list *list, struct err *err)
{
    if (!list->key[0])
        return bad(err, "has an item without a key");
    if (list->escaped && unescape(list->key, err) < 0)
        return -1;
    return list->done(list, err);
}

/* One CLOSE, its path without the root. */
static int take_close(struct list *list, const char *path, const char *text, struct err *err)
{
    size_t item_len = strlen(list->item);

    if (strcmp(path, list->item) == 0)
        return item_done(list, err);
    if (strncmp(path, list->item, item_len) == 0 && path[item_len] == '/')
        return take_field(list, path + item_len + 1, text, err);
    return take_page_field(list, path, text, err);
}

static int walk(struct list *list, const char *data, size_t len, struct err *err)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    size_t root_len = strlen(list->root);

    *list->page = (struct s3_xml_page){ 0 };
    if (keys_are_escaped(&list->escaped, data, len, list->root, err) < 0)
        return -1;
    s3_xml_init(xml, data, len);
    while (event != S3_XML_END) {
        if (s3_xml_next(xml, &event, err) < 0)
            return -1;
        if (event == S3_XML_END || !xml->path[root_len])
            continue;
        if (event == S3_XML_OPEN && strcmp(xml->path + root_len + 1, list->item) == 0)
            list->key[0] = list->id[0] = list->size[0] = '\0';
        if (event == S3_XML_CLOSE && take_close(list, xml->path + root_len + 1, xml->text, err) < 0)
            return -1;
    }
    return 0;
}

static int object_done(const struct list *list, struct err *err)
{
    char *end;
    unsigned long long size = strtoull(list->size, &end, 10);

    if (!isdigit((unsigned char)list->size[0]) || *end)
        return bad(err, "has an object without a size");
    return list->each_key(list->ctx, list->key, size, err);
}

static int upload_done(const struct list *list, struct err *err)
{
    if (!list->id[0])
        return bad(err, "has an upload without an id");
    return list->each_upload(list->ctx, list->key, list->id, err);
}

int s3_xml_list(struct s3_xml_page *page, const char *data, size_t len,
                int (*each)(void *ctx, const char *key, uint64_t size, struct err *err), void *ctx,
                struct err *err)
{
    AUTO_FREE struct list *list = xcalloc(1, sizeof(*list));

    list->page = page;
    list->root = "ListBucketResult";
    list->item = "Contents";
    list->next = "NextContinuationToken";
    list->done = object_done;
    list->each_key = each;
    list->ctx = ctx;
    return walk(list, data, len, err);
}

int s3_xml_uploads(struct s3_xml_page *page, const char *data, size_t len,
                   int (*each)(void *ctx, const char *key, const char *id, struct err *err),
                   void *ctx, struct err *err)
{
    AUTO_FREE struct list *list = xcalloc(1, sizeof(*list));

    list->page = page;
    list->root = "ListMultipartUploadsResult";
    list->item = "Upload";
    list->next = "NextKeyMarker";
    list->done = upload_done;
    list->each_upload = each;
    list->ctx = ctx;
    return walk(list, data, len, err);
}
