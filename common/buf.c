/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include "common/auto.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_BYTES 64

/* Room for len more bytes and the NUL. */
static int reserve(struct buf *buf, size_t len, struct err *err)
{
    size_t need, cap;
    char *data;

    if (len > buf->max - buf->len)
        return err_set(err, ERR_CONFIG, "larger than %zu bytes", buf->max);
    need = buf->len + len;
    if (need == SIZE_MAX)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes", need);
    need++;
    if (buf->data && need <= buf->cap)
        return 0;

    cap = buf->cap > SIZE_MAX / 2 ? SIZE_MAX : buf->cap * 2;
    if (cap < FIRST_BYTES)
        cap = FIRST_BYTES;
    if (cap < need)
        cap = need;
    data = realloc(buf->data, cap);
    if (!data)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes", cap);
    buf->data = data;
    buf->cap = cap;
    return 0;
}

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){ .max = max_bytes };
}

void buf_clear(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

int buf_append(struct buf *buf, const void *data, size_t len, struct err *err)
{
    if (!len)
        return 0;
    if (reserve(buf, len, err) < 0)
        return -1;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

int buf_printf(struct buf *buf, struct err *err, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_set(err, ERR_INTERNAL, "cannot format '%s'", fmt);
    if (n == 0)
        return 0;
    if (reserve(buf, (size_t)n, err) < 0)
        return -1;
    va_start(ap, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)n;
    return 0;
}

char *buf_take(struct buf *buf)
{
    char *data = buf->data ? buf->data : xstrdup("");

    buf_init(buf, buf->max);
    return data;
}
