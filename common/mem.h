/* SPDX-License-Identifier: Apache-2.0
 *
 * mem.h - small host blocks: these abort the process when memory is gone. Anything sized by input
 * (frames, tables) is allocated with malloc/calloc and fails with ERR_NOMEM instead.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stddef.h>

/* "out of memory" on stderr, and abort: where a library says no more than NULL. */
void mem_abort(void) __attribute__((noreturn));
void *xmalloc(size_t size) __attribute__((malloc));
void *xcalloc(size_t count, size_t size) __attribute__((malloc));
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s) __attribute__((malloc));
char *xstrndup(const char *s, size_t len) __attribute__((malloc));
/* Caller frees. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));
#endif
