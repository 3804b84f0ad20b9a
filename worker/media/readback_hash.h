/* SPDX-License-Identifier: Apache-2.0
 *
 * readback_hash.h - a SHA-256 on a thread of its own, fed with blocks that are copied. For
 * readback.c only.
 */
#ifndef WORKER_MEDIA_READBACK_HASH_H
#define WORKER_MEDIA_READBACK_HASH_H

#include "common/err.h"
#include "common/hash.h"

#include <stddef.h>

struct readback_hash;

int readback_hash_start(struct readback_hash **out, struct err *err);
void readback_hash_free(struct readback_hash *hash); /* stops the thread */
/* Waits when the thread is four blocks behind. ctx is the readback_hash (an output_block_fn). */
void readback_hash_block(void *ctx, const void *data, size_t len);
void readback_hash_final(struct readback_hash *hash, char hex[HASH_HEX_SIZE]);
#endif
