/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/mem.h"
#include "common/s3_xml.h"

#include <string.h>

#define MARK 0x5a

static int each_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    (void)size, (void)err;
    FUZZ_CHECK(key[0]);
    ++*(unsigned *)ctx;
    return 0;
}

static int each_upload(void *ctx, const char *key, const char *id, struct err *err)
{
    (void)err;
    FUZZ_CHECK(key[0] && id[0]);
    ++*(unsigned *)ctx;
    return 0;
}

/* Every OPEN has its CLOSE, and texts are as long as they say. */
static void walk(const char *data, size_t size)
{
    AUTO_FREE struct s3_xml *xml = xmalloc(sizeof(*xml));
    enum s3_xml_event event = S3_XML_OPEN;
    struct err err = { 0 };
    size_t depth = 0;

    s3_xml_init(xml, data, size);
    while (event != S3_XML_END) {
        if (s3_xml_next(xml, &event, &err) < 0) {
            FUZZ_CHECK(err.code == ERR_DEPENDENCY && err.msg[0]);
            return;
        }
        FUZZ_CHECK(xml->at <= xml->end && strlen(xml->text) == xml->text_len);
        FUZZ_CHECK(event == S3_XML_OPEN || event == S3_XML_END || depth > 0);
        depth += event == S3_XML_OPEN;
        depth -= event == S3_XML_CLOSE;
    }
    FUZZ_CHECK(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xmalloc(size + 1); /* of its exact size: reading behind it is seen */
    AUTO_FREE struct s3_xml_page *page = xmalloc(sizeof(*page));
    struct s3_xml_error error;
    unsigned count = 0;
    char out[32];
    struct err err = { 0 };

    text = xrealloc(text, size ? size : 1);
    if (size)
        memcpy(text, data, size);
    walk(text, size);
    (void)s3_xml_error(&error, text, size);
    FUZZ_CHECK(strlen(error.code) < sizeof(error.code));
    memset(out, MARK, sizeof(out));
    if (s3_xml_find(out, sizeof(out), text, size, "a/b", &err) == 0)
        FUZZ_CHECK(memchr(out, '\0', sizeof(out)) != NULL);
    (void)s3_xml_list(page, text, size, each_key, &count, &err);
    (void)s3_xml_uploads(page, text, size, each_upload, &count, &err);
    return 0;
}
