/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "operator/kube/client.h"

#include <stdlib.h>
#include <string.h>

struct kube_lines {
    char *data; /* owned: the line that has begun */
    size_t len, cap, line_max;
};

struct kube_lines *kube_lines_new(size_t line_max)
{
    struct kube_lines *lines = xcalloc(1, sizeof(*lines));

    lines->line_max = line_max;
    return lines;
}

void kube_lines_free(struct kube_lines *lines)
{
    if (!lines)
        return;
    free(lines->data);
    free(lines);
}

static int keep(struct kube_lines *lines, const char *data, size_t len)
{
    if (len > lines->line_max - lines->len)
        return -1;
    if (lines->len + len > lines->cap) {
        lines->cap = lines->cap ? lines->cap : 4096;
        while (lines->cap < lines->len + len)
            lines->cap *= 2;
        lines->data = xrealloc(lines->data, lines->cap);
    }
    memcpy(lines->data + lines->len, data, len);
    lines->len += len;
    return 0;
}

/* A whole line that came in one piece is not copied. */
int kube_lines_feed(struct kube_lines *lines, const char *data, size_t len,
                    bool (*line)(void *ctx, const char *text, size_t len), void *ctx)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;

        if (!end)
            return keep(lines, data, len);
        if (lines->len == 0) {
            if (part > lines->line_max || !line(ctx, data, part))
                return -1;
        } else {
            size_t whole;

            if (keep(lines, data, part) < 0)
                return -1;
            whole = lines->len;
            lines->len = 0;
            if (!line(ctx, lines->data, whole))
                return -1;
        }
        data += part + 1;
        len -= part + 1;
    }
    return 0;
}
