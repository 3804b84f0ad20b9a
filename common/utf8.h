/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - which bytes are a character (RFC 3629). Any thread.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/* Bytes, 1 to 4, of the character that begins at text, which ends with a zero byte; 0: none does,
 * or it is cut off, longer than it need be, half of a pair (U+D800..DFFF) or above U+10FFFF. The
 * end itself is a character of 1. */
size_t utf8_bytes(const char *text);
/* The most of the first len bytes (all there, no zero needed) whose end cuts no character in two:
 * len, or up to 3 less. */
size_t utf8_whole(const char *text, size_t len);
#endif
