/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - plain values one after the other, as two processes of one program say them to each
 * other. What is read may be a lie: a reader never leaves its bytes, and says at the end whether
 * all was there. Pure.
 */
#ifndef WORKER_SANDBOX_WIRE_H
#define WORKER_SANDBOX_WIRE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct wire_out {
    struct buf buf; /* owned */
    bool failed;    /* too much, or no memory */
};
#define WIRE_MAX_BYTES (256u << 20) /* of one message */

void wire_out_init(struct wire_out *out);
void wire_out_clear(struct wire_out *out);
static inline void wire_out_auto_(struct wire_out *out)
{
    wire_out_clear(out);
}
#define AUTO_WIRE __attribute__((cleanup(wire_out_auto_)))
void wire_put_raw(struct wire_out *out, const void *data, size_t len);
void wire_put_i64(struct wire_out *out, int64_t value);
void wire_put_bytes(struct wire_out *out, const void *data, size_t len); /* with its length */
void wire_put_text(struct wire_out *out, const char *text);

struct wire_in {
    const uint8_t *data; /* borrowed */
    size_t len, at;
    bool failed; /* something was not there; then all that follows is 0 */
};
int64_t wire_get_i64(struct wire_in *in);
/* The same, or failed when it is not within the bounds. */
int64_t wire_get_range(struct wire_in *in, int64_t min, int64_t max);
const void *wire_get_raw(struct wire_in *in, size_t len); /* borrowed; NULL when not there */
const void *wire_get_bytes(struct wire_in *in, size_t *len);
/* What does not fit is cut; control characters become spaces. */
void wire_get_text(struct wire_in *in, char *out, size_t size);
static inline bool wire_is_done(const struct wire_in *in)
{
    return !in->failed && in->at == in->len;
}
#endif
