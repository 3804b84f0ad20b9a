/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/work/due.h"

#include "common/mem.h"

#include <stdbool.h>
#include <stdlib.h>

enum { CAP_FIRST = 64 };

void due_heap_clear(struct due_heap *heap)
{
    free(heap->all);
    *heap = (struct due_heap){ 0 };
}

static void put(struct due_heap *heap, size_t place, struct due *due)
{
    heap->all[place] = due;
    due->place = place;
}

static bool rises(const struct due_heap *heap, size_t place)
{
    return place > 0 && heap->all[place]->at_us < heap->all[(place - 1) / 2]->at_us;
}

/* Of the children of place the earlier, if it is earlier than place; else place. */
static size_t earlier_child(const struct due_heap *heap, size_t place)
{
    size_t best = place;

    for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap->count; child++) {
        if (heap->all[child]->at_us < heap->all[best]->at_us)
            best = child;
    }
    return best;
}

static void swap(struct due_heap *heap, size_t a, size_t b)
{
    struct due *was = heap->all[a];

    put(heap, a, heap->all[b]);
    put(heap, b, was);
}

static void settle(struct due_heap *heap, size_t place)
{
    size_t child;

    for (; rises(heap, place); place = (place - 1) / 2)
        swap(heap, place, (place - 1) / 2);
    while ((child = earlier_child(heap, place)) != place) {
        swap(heap, place, child);
        place = child;
    }
}

void due_set(struct due_heap *heap, struct due *due, int64_t at_us)
{
    if (!due->at_us) {
        if (heap->count == heap->cap) {
            heap->cap = heap->cap ? heap->cap * 2 : CAP_FIRST;
            heap->all = xrealloc(heap->all, heap->cap * sizeof(heap->all[0]));
        }
        put(heap, heap->count++, due);
    }
    due->at_us = at_us;
    settle(heap, due->place);
}

void due_remove(struct due_heap *heap, struct due *due)
{
    size_t place = due->place;

    if (!due->at_us)
        return;
    due->at_us = 0;
    heap->count--;
    if (place == heap->count)
        return;
    put(heap, place, heap->all[heap->count]);
    settle(heap, place);
}

struct due *due_first(const struct due_heap *heap)
{
    return heap->count ? heap->all[0] : NULL;
}
