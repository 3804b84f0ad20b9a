/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/http.h"
#include "common/mem.h"
#include "common/s3_call.h"

#include <string.h>

#define HEADERS_MAX 4096

/* What was kept is lines of a lower-case name and a value, found again by that name. */
static void check(const struct http_response *response)
{
    for (const char *line = response->headers.data; line && *line; line = strchr(line, '\n') + 1) {
        const char *colon = strchr(line, ':'), *end = strchr(line, '\n');
        AUTO_FREE char *name = NULL;
        char out[HEADERS_MAX];

        FUZZ_CHECK(end && colon && colon < end && colon > line && colon[1] == ' ');
        name = xstrndup(line, (size_t)(colon - line));
        for (const char *c = name; *c; c++)
            FUZZ_CHECK(*c > ' ' && (*c < 'A' || *c > 'Z'));
        FUZZ_CHECK(http_header_find(response, name, out, sizeof(out)));
        FUZZ_CHECK(!strpbrk(out, "\r\n"));
    }
}

/* Lines as a server sends them; then what common/s3 reads out of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response = { .status = 206 };
    const char *at = (const char *)data, *end = at + size;
    struct s3_object object;

    buf_init(&response.headers, HEADERS_MAX);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);

        (void)http_header_take(&response.headers, at, len);
        at += len;
    }
    check(&response);
    s3_call_object(&object, &response);
    FUZZ_CHECK(strlen(object.etag) < sizeof(object.etag) && object.mtime_ms >= 0);
    http_response_clear(&response);
    return 0;
}
