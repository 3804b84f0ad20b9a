/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_credentials.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/s3_sources.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define REFRESH_MS (5 * 60 * 1000) /* before the end */
#define USABLE_MS  (60 * 1000)
#define RETRY_US   (10 * 1000000LL) /* before keys that are still good are asked for again */

struct s3_credentials {
    pthread_mutex_t lock;
    pthread_cond_t fetched;
    struct s3_source *source; /* owned; NULL: static keys */
    struct s3_keys keys;
    bool have, dropped, fetching;
    int64_t next_try_us;
    uint64_t round;     /* fetches ended */
    struct err failure; /* of the last fetch; ERR_NONE when it was good */
};

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void s3_keys_clear(struct s3_keys *keys)
{
    wipe(keys->id);
    wipe(keys->secret);
    wipe(keys->token);
    *keys = (struct s3_keys){ 0 };
}

static void copy_keys(struct s3_keys *out, const struct s3_keys *keys)
{
    *out = (struct s3_keys){ .id = xstrdup(keys->id),
                             .secret = xstrdup(keys->secret),
                             .token = keys->token ? xstrdup(keys->token) : NULL,
                             .end_ms = keys->end_ms };
}

int s3_credentials_open(struct s3_credentials **out, const char *id, const char *secret,
                        const char *token, struct err *err)
{
    AUTO(s3_source) struct s3_source *source = NULL;
    struct s3_credentials *credentials;

    if (!id != !secret || (id && (!id[0] || !secret[0])))
        return err_set(err, ERR_CONFIG, "S3 keys: the %s is missing",
                       !id || !id[0] ? "access key id" : "secret access key");
    if (!id && s3_source_open(&source, err) < 0)
        return -1;
    credentials = xcalloc(1, sizeof(*credentials));
    (void)pthread_mutex_init(&credentials->lock, NULL);
    (void)pthread_cond_init(&credentials->fetched, NULL);
    credentials->source = TAKE(source);
    if (id) {
        struct s3_keys given = { .id = (char *)id, .secret = (char *)secret };

        given.token = (char *)(token && token[0] ? token : NULL);
        copy_keys(&credentials->keys, &given);
        credentials->have = true;
    }
    *out = credentials;
    return 0;
}

void s3_credentials_free(struct s3_credentials *credentials)
{
    if (!credentials)
        return;
    s3_source_free(credentials->source);
    s3_keys_clear(&credentials->keys);
    (void)pthread_cond_destroy(&credentials->fetched);
    (void)pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

void s3_credentials_drop(struct s3_credentials *credentials)
{
    (void)pthread_mutex_lock(&credentials->lock);
    credentials->dropped = credentials->source != NULL;
    (void)pthread_mutex_unlock(&credentials->lock);
}

static bool last_for(const struct s3_credentials *credentials, int64_t ms)
{
    const struct s3_keys *keys = &credentials->keys;

    return credentials->have && !credentials->dropped &&
           (!keys->end_ms || keys->end_ms - clock_unix_ms() >= ms);
}

/* Called and left with the lock held; the request is made without it. */
static void fetch(struct s3_credentials *credentials)
{
    struct s3_keys fresh = { 0 };
    struct err err = { 0 };
    int rc;

    credentials->fetching = true;
    (void)pthread_mutex_unlock(&credentials->lock);
    rc = s3_source_fetch(credentials->source, &fresh, &err);
    (void)pthread_mutex_lock(&credentials->lock);
    credentials->fetching = false;
    credentials->round++;
    if (rc == 0) {
        s3_keys_clear(&credentials->keys);
        credentials->keys = fresh;
        credentials->have = true;
        credentials->dropped = false;
        err = (struct err){ 0 };
    }
    if (!last_for(credentials, REFRESH_MS)) /* none better are to be had for now */
        credentials->next_try_us = clock_mono_us() + RETRY_US;
    credentials->failure = err;
    (void)pthread_cond_broadcast(&credentials->fetched);
}

/* Lock held. Whoever waited through a fetch of another shares its result. */
static int get_locked(struct s3_credentials *credentials, struct err *err)
{
    if (last_for(credentials, REFRESH_MS))
        return 0;
    if (last_for(credentials, USABLE_MS) &&
        (credentials->fetching || clock_mono_us() < credentials->next_try_us))
        return 0;
    if (credentials->fetching) {
        uint64_t round = credentials->round;

        while (credentials->round == round)
            (void)pthread_cond_wait(&credentials->fetched, &credentials->lock);
    } else {
        fetch(credentials);
    }
    if (last_for(credentials, USABLE_MS))
        return 0;
    if (credentials->failure.code != ERR_NONE) {
        *err = credentials->failure;
        return -1;
    }
    return err_set(err, ERR_DEPENDENCY, "S3 keys: those that came end within a minute");
}

int s3_credentials_get(struct s3_credentials *credentials, struct s3_keys *out, struct err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&credentials->lock);
    if (credentials->source)
        rc = get_locked(credentials, err);
    if (rc == 0)
        copy_keys(out, &credentials->keys);
    (void)pthread_mutex_unlock(&credentials->lock);
    return rc;
}
