/* SPDX-License-Identifier: Apache-2.0
 *
 * due.h - inside work: what is due first, of many. A binary heap of members of other structs, each
 * of which knows its place, so that it can be moved and taken out.
 */
#ifndef OPERATOR_WORK_DUE_H
#define OPERATOR_WORK_DUE_H

#include <stddef.h>
#include <stdint.h>

struct due {
    int64_t at_us; /* 0: it is not in the heap */
    size_t place;
};

struct due_heap {
    struct due **all; /* owned; the dues are the caller's */
    size_t count, cap;
};

void due_heap_clear(struct due_heap *heap);
/* Puts it in, or moves it; at_us is not 0. */
void due_set(struct due_heap *heap, struct due *due, int64_t at_us);
void due_remove(struct due_heap *heap, struct due *due); /* not in it: fine */
struct due *due_first(const struct due_heap *heap);      /* NULL: empty */
#endif
