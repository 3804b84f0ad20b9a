/* SPDX-License-Identifier: Apache-2.0
 *
 * ahead.h - inside of store: reading ahead where every request costs a round trip. After a jump
 * only what is asked for is fetched; who reads on from there gets more and more at once. A few
 * places are followed at the same time, because films interleave their streams badly. One thread.
 */
#ifndef WORKER_STORE_AHEAD_H
#define WORKER_STORE_AHEAD_H

#include "common/auto.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define AHEAD_FIRST (256u << 10)
#define AHEAD_MAX   (8u << 20)
#define AHEAD_SPOTS 4

struct ahead;
/* len bytes at offset; *got < len is an error of the store: the object's size is known. */
typedef int ahead_fetch_fn(void *ctx, uint64_t offset, void *out, size_t len, size_t *got,
                           struct err *err);

struct ahead *ahead_new(uint64_t size, ahead_fetch_fn *fetch, void *ctx);
void ahead_free(struct ahead *ahead);
AUTO_DEFINE(ahead, struct ahead *, ahead_free)
/* Nothing at or behind end is fetched unless it is asked for. UINT64_MAX: no limit. */
void ahead_limit(struct ahead *ahead, uint64_t end);
int ahead_read(struct ahead *ahead, uint64_t offset, void *out, size_t len, size_t *got,
               struct err *err);
#endif
