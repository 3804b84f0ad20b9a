/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/queue.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdbool.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t room, items;
    queue_drop_fn *drop;
    void **ring; /* owned; capacity of them */
    size_t capacity, first, count;
    bool closed, aborted;
};

struct queue *queue_new(size_t capacity, queue_drop_fn *drop)
{
    struct queue *queue = xcalloc(1, sizeof(*queue));

    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->room, NULL);
    (void)pthread_cond_init(&queue->items, NULL);
    queue->drop = drop;
    queue->capacity = capacity;
    queue->ring = xcalloc(capacity, sizeof(*queue->ring));
    return queue;
}

static void *take_first(struct queue *queue)
{
    void *item = queue->ring[queue->first];

    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return item;
}

static void drop_all(struct queue *queue)
{
    while (queue->count > 0)
        queue->drop(take_first(queue));
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    drop_all(queue);
    (void)pthread_mutex_destroy(&queue->lock);
    (void)pthread_cond_destroy(&queue->room);
    (void)pthread_cond_destroy(&queue->items);
    free(queue->ring);
    free(queue);
}

int queue_push(struct queue *queue, void *item)
{
    bool open;

    (void)pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->count == queue->capacity)
        (void)pthread_cond_wait(&queue->room, &queue->lock);
    open = !queue->closed;
    if (open) {
        queue->ring[(queue->first + queue->count++) % queue->capacity] = item;
        (void)pthread_cond_signal(&queue->items);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return open ? 0 : -1;
}

int queue_pop(struct queue *queue, void **item)
{
    bool aborted;

    (void)pthread_mutex_lock(&queue->lock);
    while (!queue->closed && queue->count == 0)
        (void)pthread_cond_wait(&queue->items, &queue->lock);
    aborted = queue->aborted;
    *item = queue->count > 0 ? take_first(queue) : NULL;
    (void)pthread_cond_signal(&queue->room);
    (void)pthread_mutex_unlock(&queue->lock);
    return aborted ? -1 : 0;
}

static void end(struct queue *queue, bool abort)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    if (abort) {
        queue->aborted = true;
        drop_all(queue);
    }
    (void)pthread_cond_broadcast(&queue->room);
    (void)pthread_cond_broadcast(&queue->items);
    (void)pthread_mutex_unlock(&queue->lock);
}

void queue_close(struct queue *queue)
{
    end(queue, false);
}

void queue_abort(struct queue *queue)
{
    end(queue, true);
}
