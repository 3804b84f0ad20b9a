/* SPDX-License-Identifier: Apache-2.0
 *
 * suggest.h - the nearest known name to a mistyped one (optimal string alignment distance). Pure.
 */
#ifndef COMMON_SUGGEST_H
#define COMMON_SUGGEST_H

#include <stddef.h>

/* Borrowed from names, or NULL when none is near (distance > max(2, len/3)). Ignores case. */
const char *suggest_nearest(const char *word, const char *const *names, size_t count);
#endif
