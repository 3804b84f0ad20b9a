/* SPDX-License-Identifier: Apache-2.0
 *
 * ranges.h - a set of indexes 0..n-1 as a byte array, and its compressed text as batch/v1 Job's
 * completedIndexes writes it: "1,3-5,7". Pure.
 */
#ifndef COMMON_RANGES_H
#define COMMON_RANGES_H

#include "common/err.h"

#include <stdint.h>

/* Caller frees; "" for the empty set. set holds n bytes, non-zero = member. */
char *ranges_format(const uint8_t *set, uint32_t n);
/* Sets members to 1 (never clears). ERR_CONFIG: not ranges, descending, or an index >= n. */
int ranges_parse(uint8_t *set, uint32_t n, const char *text, struct err *err);
uint32_t ranges_count(const uint8_t *set, uint32_t n);
#endif
