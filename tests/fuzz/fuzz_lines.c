/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte cuts the rest into chunks and says the longest line. Whatever the chunks, the
 * lines are those of the text; the body of an answer is also read as a Status.
 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"
#include "operator/kube/client.h"

#include <string.h>

struct reader {
    const char *at, *end; /* what has not been told */
    size_t line_max;
};

static bool check_line(void *ctx, const char *text, size_t len)
{
    struct reader *reader = ctx;
    size_t left = (size_t)(reader->end - reader->at);
    const char *newline = memchr(reader->at, '\n', left);

    FUZZ_CHECK(newline && (size_t)(newline - reader->at) == len);
    FUZZ_CHECK(len <= reader->line_max && memcmp(text, reader->at, len) == 0);
    reader->at = newline + 1;
    return true;
}

static void check_lines(const char *text, size_t len, unsigned seed)
{
    struct reader reader = { text, text + len, 1 + seed % 60 };
    struct kube_lines *lines = kube_lines_new(reader.line_max);
    size_t at = 0, chunk = 1 + seed % 13;
    int rc = 0;

    while (at < len && rc == 0) {
        size_t part = chunk < len - at ? chunk : len - at;
        AUTO_FREE char *piece = xmalloc(part);

        memcpy(piece, text + at, part);
        rc = kube_lines_feed(lines, piece, part, check_line, &reader);
        at += part;
        chunk = chunk % 17 + 1;
    }
    if (rc == 0)
        FUZZ_CHECK(!memchr(reader.at, '\n', (size_t)(reader.end - reader.at)));
    kube_lines_free(lines);
}

static void check_status(const char *text, size_t len, unsigned seed)
{
    struct kube_status status;
    struct err err = { 0 };

    kube_status_parse(&status, 200 + (int)seed, text, len);
    FUZZ_CHECK(status.code >= 100 && status.code < 600 && status.message[0]);
    FUZZ_CHECK(memchr(status.message, '\0', sizeof(status.message)));
    FUZZ_CHECK(status.retry_after_s < 86400);
    FUZZ_CHECK(kube_status_err(&err, &status, "x") == -1 && err.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_lines((const char *)data + 1, size - 1, data[0]);
    check_status((const char *)data + 1, size - 1, data[0]);
    return 0;
}
