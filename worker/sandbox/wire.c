/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/wire.h"

#include <string.h>

void wire_out_init(struct wire_out *out)
{
    buf_init(&out->buf, WIRE_MAX_BYTES);
    out->failed = false;
}

void wire_out_clear(struct wire_out *out)
{
    buf_clear(&out->buf);
}

void wire_put_raw(struct wire_out *out, const void *data, size_t len)
{
    struct err err;

    if (!out->failed && buf_append(&out->buf, data, len, &err) < 0)
        out->failed = true;
}

void wire_put_i64(struct wire_out *out, int64_t value)
{
    wire_put_raw(out, &value, sizeof(value));
}

void wire_put_bytes(struct wire_out *out, const void *data, size_t len)
{
    wire_put_i64(out, (int64_t)len);
    wire_put_raw(out, data, len);
}

void wire_put_text(struct wire_out *out, const char *text)
{
    wire_put_bytes(out, text, strlen(text));
}

const void *wire_get_raw(struct wire_in *in, size_t len)
{
    const uint8_t *data = in->data + in->at;

    if (in->failed || len > in->len - in->at) {
        in->failed = true;
        return NULL;
    }
    in->at += len;
    return data;
}

int64_t wire_get_i64(struct wire_in *in)
{
    const void *data = wire_get_raw(in, sizeof(int64_t));
    int64_t value = 0;

    if (data)
        memcpy(&value, data, sizeof(value));
    return value;
}

int64_t wire_get_range(struct wire_in *in, int64_t min, int64_t max)
{
    int64_t value = wire_get_i64(in);

    if (value >= min && value <= max)
        return value;
    in->failed = true;
    return min;
}

const void *wire_get_bytes(struct wire_in *in, size_t *len)
{
    int64_t said = wire_get_range(in, 0, WIRE_MAX_BYTES);
    const void *data = wire_get_raw(in, (size_t)said);

    *len = data ? (size_t)said : 0;
    return data;
}

void wire_get_text(struct wire_in *in, char *out, size_t size)
{
    size_t len, n = 0;
    const char *text = wire_get_bytes(in, &len);

    for (; text && n < len && n + 1 < size; n++)
        out[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? ' ' : text[n];
    out[n] = '\0';
}
