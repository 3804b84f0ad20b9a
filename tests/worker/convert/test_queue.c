/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "worker/convert/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define ITEMS   2000
#define THREADS 4

static atomic_int dropped;

static void drop(void *item)
{
    free(item);
    (void)atomic_fetch_add(&dropped, 1);
}

static int *item_of(int value)
{
    int *item = malloc(sizeof(*item));

    *item = value;
    return item;
}

static void nap_ms(int ms)
{
    struct timespec ts = { 0, ms * 1000000L };

    (void)nanosleep(&ts, NULL);
}

static void *produce(void *arg)
{
    struct queue *queue = arg;

    for (int i = 1; i <= ITEMS; i++) {
        int *item = item_of(i);

        if (queue_push(queue, item) < 0) {
            free(item);
            return NULL;
        }
    }
    return NULL;
}

struct consumer {
    struct queue *queue;
    long long sum;
    int count, rc;
};

static void *consume(void *arg)
{
    struct consumer *consumer = arg;
    void *item;

    for (;;) {
        consumer->rc = queue_pop(consumer->queue, &item);
        if (consumer->rc < 0 || !item)
            return NULL;
        consumer->sum += *(int *)item;
        consumer->count++;
        free(item);
    }
}

static void items_come_in_order_and_then_the_end(void **state)
{
    struct queue *queue = queue_new(3, drop);
    pthread_t thread;
    void *item;

    (void)state;
    (void)pthread_create(&thread, NULL, produce, queue);
    for (int i = 1; i <= ITEMS; i++) {
        assert_int_equal(queue_pop(queue, &item), 0);
        CHECK_INT("order", *(int *)item, i);
        free(item);
    }
    (void)pthread_join(thread, NULL);
    assert_int_equal(queue_push(queue, item_of(1)), 0);
    queue_close(queue);
    assert_int_equal(queue_pop(queue, &item), 0); /* what was there is still given */
    free(item);
    assert_int_equal(queue_pop(queue, &item), 0);
    assert_null(item);
    assert_int_equal(queue_push(queue, &dropped), -1);
    queue_free(queue);
}

static void many_threads_lose_nothing(void **state)
{
    struct queue *queue = queue_new(5, drop);
    pthread_t producers[THREADS], consumers[THREADS];
    struct consumer of[THREADS];
    long long sum = 0;
    int count = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        of[i] = (struct consumer){ .queue = queue };
        (void)pthread_create(&producers[i], NULL, produce, queue);
        (void)pthread_create(&consumers[i], NULL, consume, &of[i]);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(producers[i], NULL);
    queue_close(queue);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(consumers[i], NULL);
        assert_int_equal(of[i].rc, 0);
        sum += of[i].sum;
        count += of[i].count;
    }
    CHECK_INT("count", count, THREADS * ITEMS);
    CHECK_INT("sum", sum, (long long)THREADS * ITEMS * (ITEMS + 1) / 2);
    queue_free(queue);
}

static void abort_wakes_both_sides_and_drops(void **state)
{
    struct queue *full = queue_new(2, drop), *empty = queue_new(2, drop);
    struct consumer waiting = { .queue = empty };
    pthread_t producer, consumer;
    void *item;

    (void)state;
    atomic_store(&dropped, 0);
    (void)pthread_create(&producer, NULL, produce, full);
    (void)pthread_create(&consumer, NULL, consume, &waiting);
    nap_ms(30);
    queue_abort(full);
    queue_abort(empty);
    (void)pthread_join(producer, NULL);
    (void)pthread_join(consumer, NULL);
    CHECK_INT("dropped", atomic_load(&dropped), 2);
    CHECK_INT("rc", waiting.rc, -1);
    assert_int_equal(queue_pop(full, &item), -1);
    assert_null(item);
    queue_free(full);
    queue_free(empty);
}

static void a_consumer_that_closes_lets_the_producer_go(void **state)
{
    struct queue *queue = queue_new(2, drop);
    pthread_t producer;
    void *item;

    (void)state;
    atomic_store(&dropped, 0);
    (void)pthread_create(&producer, NULL, produce, queue);
    assert_int_equal(queue_pop(queue, &item), 0);
    free(item);
    queue_close(queue);
    (void)pthread_join(producer, NULL);
    queue_free(queue);
    assert_true(atomic_load(&dropped) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order_and_then_the_end),
        cmocka_unit_test(many_threads_lose_nothing),
        cmocka_unit_test(abort_wakes_both_sides_and_drops),
        cmocka_unit_test(a_consumer_that_closes_lets_the_producer_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
