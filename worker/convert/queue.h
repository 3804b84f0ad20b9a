/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - a bounded queue of pointers between two stages. Full and empty block.
 *
 *     open --close--> draining --last item popped--> ended
 *       \----------------\------abort--> aborted
 *
 * Either side may close: the consumer does it when it needs no more. Any thread.
 */
#ifndef WORKER_CONVERT_QUEUE_H
#define WORKER_CONVERT_QUEUE_H

#include "common/auto.h"

#include <stddef.h>

struct queue;

typedef void queue_drop_fn(void *item);

/* drop releases items that nobody will pop. Aborts without memory. */
struct queue *queue_new(size_t capacity, queue_drop_fn *drop);
void queue_free(struct queue *queue); /* no thread is inside; NULL is fine */
AUTO_DEFINE(queue, struct queue *, queue_free)

/* Waits for room. 0: the item is the queue's; -1: closed or aborted, it is still the caller's. */
int queue_push(struct queue *queue, void *item);
/* Waits for an item. 0 and *item, NULL when it has ended; -1: aborted. */
int queue_pop(struct queue *queue, void **item);
void queue_close(struct queue *queue);
void queue_abort(struct queue *queue); /* drops what is inside; wakes everybody */
#endif
