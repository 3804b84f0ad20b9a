/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.h - a growable byte buffer born with its limit. data is always NUL-terminated (the NUL is
 * not counted), so text needs no second step. Open struct; read the fields, call to change them.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/err.h"

#include <stddef.h>

struct buf {
    char *data; /* owned; NULL until the first byte */
    size_t len, cap, max;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_clear(struct buf *buf); /* frees; keeps the limit */
/* ERR_CONFIG when the limit would be passed (the caller knows what was too large). */
int buf_append(struct buf *buf, const void *data, size_t len, struct err *err);
int buf_printf(struct buf *buf, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
char *buf_take(struct buf *buf); /* caller frees; "" when empty; the buffer is empty after */

static inline void buf_auto_(struct buf *buf)
{
    buf_clear(buf);
}
#define AUTO_BUF __attribute__((cleanup(buf_auto_)))
#endif
