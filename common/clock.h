/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - two clocks, never mixed: monotonic for intervals, Unix for what is stored or shown.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_unix_ms(void);
/* RFC 3339 in UTC with seconds, as Kubernetes writes it: "2026-11-22T10:00:00Z". size >= 21. */
void clock_format(char *out, size_t size, int64_t unix_ms);
/* Milliseconds since 1970, or -1 when text is not RFC 3339. */
int64_t clock_parse(const char *text);
#endif
