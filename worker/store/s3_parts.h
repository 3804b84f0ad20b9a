/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_parts.h - inside of store: where the parts of an upload lie. Parts grow in four steps, so that
 * the largest object that S3 keeps needs no more parts than it takes; the first 2,500, which are
 * enough for almost every film, are of one size, as some servers demand of all. Pure.
 */
#ifndef WORKER_STORE_S3_PARTS_H
#define WORKER_STORE_S3_PARTS_H

#include <stdint.h>

#define S3_PART_FIRST (8u << 20)
#define S3_OBJECT_MAX (5ull << 40)

uint64_t s3_part_start(uint32_t part); /* from 0 */
uint64_t s3_part_size(uint32_t part);
uint32_t s3_part_at(uint64_t offset); /* the one that holds this byte */
#endif
