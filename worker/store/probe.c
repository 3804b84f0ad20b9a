/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/store/ops.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define RACERS 4

struct racer {
    struct store *store;
    const char *key;
    pthread_mutex_t *gate; /* closed until all are there */
    pthread_t thread;
    int rc;
    struct err err;
};

static void *race(void *ctx)
{
    struct racer *racer = ctx;

    (void)pthread_mutex_lock(racer->gate);
    (void)pthread_mutex_unlock(racer->gate);
    racer->rc = racer->store->ops->create(racer->store, racer->key, "race", 4, &racer->err);
    return NULL;
}

/* How many of the racers won; -1: one found something else than a winner before it. */
static int count_winners(const struct racer *racers, struct err *err)
{
    int won = 0;

    for (int i = 0; i < RACERS; i++) {
        if (racers[i].rc == 0) {
            won++;
        } else if (racers[i].err.code != ERR_CONFLICT) {
            *err = racers[i].err;
            return -1;
        }
    }
    return won;
}

static int run_race(struct store *store, const char *key, struct err *err)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct racer racers[RACERS];
    int started = 0, rc = 0;

    (void)pthread_mutex_lock(&gate);
    while (started < RACERS && rc == 0) {
        struct racer *racer = &racers[started];

        *racer = (struct racer){ .store = store, .key = key, .gate = &gate };
        rc = pthread_create(&racer->thread, NULL, race, racer);
        started += rc == 0;
    }
    (void)pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; i++)
        (void)pthread_join(racers[i].thread, NULL);
    (void)pthread_mutex_destroy(&gate);
    if (rc != 0)
        return err_errno(err, ERR_INTERNAL, rc, "a thread to try the store");
    return count_winners(racers, err);
}

/* 1: the second create was refused; 0: it was not, or the server does not know the condition. */
static int try_twice(struct store *store, const char *key, struct err *err)
{
    struct err first;

    if (store->ops->create(store, key, "one", 3, &first) < 0) {
        if (first.code != ERR_CONFIG) {
            *err = first;
            return -1;
        }
        store->races = true; /* denied altogether, or only the condition? */
        if (store->ops->create(store, key, "one", 3, err) == 0)
            return 0;
        *err = first;
        return -1;
    }
    if (store->ops->create(store, key, "two", 3, err) == 0)
        return 0;
    return err->code == ERR_CONFLICT ? 1 : -1;
}

int store_probe(struct store *store, struct store_abilities *out, struct err *err)
{
    char key[64], contest[80];
    bool before = store->races;
    unsigned long long id;
    struct err ignored;
    int won = 0, rc;

    if (store->ops->creates_once) {
        *out = (struct store_abilities){ .creates_once = true };
        return 0;
    }
    hash_random(&id, sizeof(id));
    (void)snprintf(key, sizeof(key), "probe-%016llx", id);
    (void)snprintf(contest, sizeof(contest), "%s-race", key);
    store->races = false;
    rc = try_twice(store, key, err);
    if (rc > 0)
        won = run_race(store, contest, err);
    store->races = before;
    (void)store->ops->remove(store, key, &ignored);
    (void)store->ops->remove(store, contest, &ignored);
    if (rc < 0 || won < 0)
        return err_wrap(err, "trying the work store");
    *out = (struct store_abilities){ .creates_once = won == 1 };
    return 0;
}
