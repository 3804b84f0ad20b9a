/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (1u << 20)

static char *decode(const char *text)
{
    char *out = xmalloc(strlen(text) + 1), *to = out;

    for (; *text; text++) {
        char hex[3] = "";

        FUZZ_CHECK(isalnum((unsigned char)*text) || strchr("-_.~%/", *text));
        if (*text != '%') {
            *to++ = *text;
            continue;
        }
        memcpy(hex, text + 1, 2);
        FUZZ_CHECK(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
        *to++ = (char)strtoul(hex, NULL, 16);
        text += 2;
    }
    *to = '\0';
    return out;
}

/* What is encoded is decoded to the same, and has nothing in it that a URL would read otherwise. */
static void encode(const char *text, bool keep_slash)
{
    AUTO_BUF struct buf out;
    AUTO_FREE char *back = NULL;
    struct err err;

    buf_init(&out, TEXT_MAX);
    if (sigv4_encode(&out, text, keep_slash, &err) < 0)
        return;
    back = decode(out.data ? out.data : "");
    FUZZ_CHECK(strcmp(back, text) == 0);
    FUZZ_CHECK(keep_slash || !out.data || !strchr(out.data, '/'));
}

/* Up to four texts, each ended by a newline. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = size ? xstrndup((const char *)data, size) : xstrdup("");
    char *parts[4] = { text, "", "", "" }, *save = NULL;
    struct sigv4_pair pairs[2], headers[2] = { { "host", "h" }, { "x", "" } };
    struct sigv4_request request = {
        .method = "GET", .query = pairs, .headers = headers, .payload_hash = "UNSIGNED-PAYLOAD"
    };
    struct sigv4_signer signer = { .id = "i", .secret = "s", .region = "r", .service = "s3" };
    AUTO_BUF struct buf path, out, url;
    struct err err;
    size_t n = 0;

    for (char *part = strtok_r(text, "\n", &save); part && n < 4;
         part = strtok_r(NULL, "\n", &save))
        parts[n++] = part;
    buf_init(&path, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
    buf_init(&url, TEXT_MAX);
    encode(parts[0], true);
    encode(parts[0], false);
    pairs[0] = (struct sigv4_pair){ parts[0], parts[1] };
    pairs[1] = (struct sigv4_pair){ parts[2], parts[3] };
    headers[1].value = parts[1];
    request.query_count = request.header_count = 2;
    if (buf_printf(&path, &err, "/") < 0 || sigv4_encode(&path, parts[0], true, &err) < 0)
        return 0;
    request.path = path.data;
    if (sigv4_authorize(&out, &request, &signer, &err) == 0)
        FUZZ_CHECK(strstr(out.data, "SignedHeaders=host;x, Signature=") != NULL);
    if (sigv4_presign(&url, &request, &signer, 60, &err) == 0)
        FUZZ_CHECK(strstr(url.data, "&X-Amz-Signature=") && !strpbrk(url.data, " /+\r\n#?"));
    return 0;
}
