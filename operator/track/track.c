/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/track/track.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/redis.h"
#include "operator/track/board.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

enum {
    TIMEOUT_MS = 1500, /* of one command: a stopped server counts as away */
    SLICE_MS = 50,     /* how long a stop, a move or an expiry waits at most */
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 1000,
    BATCH = 256, /* fields a read */
    MESSAGES_AT_ONCE = 1000,
};

struct track {
    pthread_t thread;
    char *password; /* owned; NULL: none */
    char done_key[NAME_KEY_SIZE], beat_key[NAME_KEY_SIZE];
    char uid[NAME_UID_SIZE];
    uint32_t reread_ms;
    int event; /* eventfd */

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;  /* the thread sleeps between two tries */
    char *url;            /* owned */
    bool stop, moved;
    uint32_t expire_s; /* 0: nothing asked */
    int64_t up_ms, away_ms;
    char error[200];
    struct board board;
};

/* Both connections, of the thread alone. */
struct link {
    struct redis *listen, *ask; /* owned */
};

static void changed(const struct track *track)
{
    uint64_t one = 1;

    (void)!write(track->event, &one, sizeof(one)); /* full is as good as one more */
}

static bool is_stopped(struct track *track)
{
    bool stop;

    pthread_mutex_lock(&track->lock);
    stop = track->stop;
    pthread_mutex_unlock(&track->lock);
    return stop;
}

/* Whether this connection is of use no more. */
static bool is_over(struct track *track)
{
    bool over;

    pthread_mutex_lock(&track->lock);
    over = track->stop || track->moved;
    pthread_mutex_unlock(&track->lock);
    return over;
}

static void set_up(struct track *track)
{
    pthread_mutex_lock(&track->lock);
    if (!track->up_ms) {
        track->up_ms = clock_unix_ms();
        track->away_ms = 0;
        track->error[0] = '\0';
        changed(track);
    }
    pthread_mutex_unlock(&track->lock);
}

static void set_away(struct track *track, const char *why)
{
    pthread_mutex_lock(&track->lock);
    if (track->up_ms || strncmp(track->error, why, sizeof(track->error) - 1) != 0)
        changed(track);
    track->up_ms = 0;
    if (!track->away_ms)
        track->away_ms = clock_unix_ms();
    (void)snprintf(track->error, sizeof(track->error), "%s", why);
    pthread_mutex_unlock(&track->lock);
}

static void link_close(struct link *link)
{
    redis_free(TAKE(link->listen));
    redis_free(TAKE(link->ask));
}

/* Listens before the first read: what is done in between is read twice, never missed. */
static int link_open(struct track *track, struct link *link, struct err *err)
{
    static const char *const subscribe[] = { "SUBSCRIBE", NAME_CHANNEL_DONE };
    AUTO_FREE char *url = NULL;

    pthread_mutex_lock(&track->lock);
    url = xstrdup(track->url);
    track->moved = false;
    pthread_mutex_unlock(&track->lock);
    if (redis_open(&link->listen, url, track->password, TIMEOUT_MS, err) < 0 ||
        redis_open(&link->ask, url, track->password, TIMEOUT_MS, err) < 0)
        return -1;
    return redis_call(link->listen, NULL, 2, subscribe, err);
}

static int read_batch(struct track *track, struct link *link, const char **argv, int argc,
                      struct err *err)
{
    struct redis_value values = { .type = REDIS_NIL };

    if (redis_call(link->ask, &values, argc, argv, err) < 0)
        return -1;
    pthread_mutex_lock(&track->lock);
    for (size_t i = 0; values.type == REDIS_LIST && i < values.len && (int)i + 2 < argc; i++) {
        const struct redis_value *value = &values.list[i];

        if (value->type == REDIS_TEXT &&
            board_add_done(&track->board, argv[i + 2], value->text, value->len))
            changed(track);
    }
    pthread_mutex_unlock(&track->lock);
    redis_value_clear(&values);
    return 0;
}

/* Only the loop of this thread adds records, so what is wanted does not change meanwhile. */
static bool is_wanted(struct track *track, const struct redis_value *field)
{
    bool wanted;

    if (field->type != REDIS_TEXT || strlen(field->text) != field->len)
        return false;
    pthread_mutex_lock(&track->lock);
    wanted = board_wants_done(&track->board, field->text);
    pthread_mutex_unlock(&track->lock);
    return wanted;
}

/* The names first, then what is not known yet: a film of 20,000 segments is not read 20,000
 * times in full. */
static int read_done(struct track *track, struct link *link, struct err *err)
{
    const char *ask[2 + BATCH] = { "HKEYS", track->done_key };
    struct redis_value fields = { .type = REDIS_NIL };
    int argc = 2, rc = 0;

    if (redis_call(link->ask, &fields, 2, ask, err) < 0)
        return -1;
    ask[0] = "HMGET";
    for (size_t i = 0; rc == 0 && fields.type == REDIS_LIST && i < fields.len; i++) {
        if (is_wanted(track, &fields.list[i]))
            ask[argc++] = fields.list[i].text;
        if (argc == 2 + BATCH) {
            rc = read_batch(track, link, ask, argc, err);
            argc = 2;
        }
    }
    if (rc == 0 && argc > 2)
        rc = read_batch(track, link, ask, argc, err);
    redis_value_clear(&fields);
    return rc;
}

static int read_beats(struct track *track, struct link *link, struct err *err)
{
    const char *ask[] = { "HGETALL", track->beat_key };
    struct redis_value all = { .type = REDIS_NIL };
    int64_t now_ms;
    bool any = false;

    if (redis_call(link->ask, &all, 2, ask, err) < 0)
        return -1;
    now_ms = clock_unix_ms();
    pthread_mutex_lock(&track->lock);
    for (size_t i = 0; all.type == REDIS_LIST && i + 1 < all.len; i += 2) {
        const struct redis_value *field = &all.list[i], *value = &all.list[i + 1];

        if (field->type == REDIS_TEXT && value->type == REDIS_TEXT &&
            board_add_beat(&track->board, field->text, value->text, value->len, now_ms))
            any = true;
    }
    if (any)
        changed(track);
    pthread_mutex_unlock(&track->lock);
    redis_value_clear(&all);
    return 0;
}

static int expire_if_asked(struct track *track, struct link *link, struct err *err)
{
    const char *done[] = { "EXPIRE", track->done_key, NULL };
    const char *beat[] = { "EXPIRE", track->beat_key, NULL };
    uint32_t seconds;
    char text[16];

    pthread_mutex_lock(&track->lock);
    seconds = track->expire_s;
    track->expire_s = 0;
    pthread_mutex_unlock(&track->lock);
    if (!seconds)
        return 0;
    (void)snprintf(text, sizeof(text), "%u", seconds);
    done[2] = beat[2] = text;
    if (redis_call(link->ask, NULL, 3, done, err) < 0)
        return -1;
    return redis_call(link->ask, NULL, 3, beat, err);
}

/* One message waited for, the ones behind it taken along. *ours: one of them was of our job. */
static int listen_once(struct track *track, struct link *link, int timeout_ms, bool *ours,
                       struct err *err)
{
    *ours = false;
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        struct redis_value message = { .type = REDIS_NIL };
        bool none;

        if (redis_wait(link->listen, &message, i == 0 ? timeout_ms : 0, err) < 0)
            return -1;
        none = message.type == REDIS_NIL;
        if (message.type == REDIS_LIST && message.len == 3 && message.list[2].type == REDIS_TEXT &&
            strcmp(message.list[2].text, track->uid) == 0)
            *ours = true;
        redis_value_clear(&message);
        if (none)
            break;
    }
    return 0;
}

/* Until it is time to read everything again. */
static int follow(struct track *track, struct link *link, struct err *err)
{
    int64_t until_us = clock_mono_us() + track->reread_ms * INT64_C(1000);

    for (;;) {
        int64_t left_ms = (until_us - clock_mono_us()) / 1000;
        bool ours;

        if (expire_if_asked(track, link, err) < 0)
            return -1;
        if (left_ms <= 0 || is_over(track))
            return 0;
        if (listen_once(track, link, left_ms < SLICE_MS ? (int)left_ms + 1 : SLICE_MS, &ours, err) <
            0)
            return -1;
        if (ours && read_done(track, link, err) < 0)
            return -1;
    }
}

static int serve(struct track *track, struct link *link, struct err *err)
{
    if (link_open(track, link, err) < 0)
        return -1;
    while (!is_over(track)) {
        if (read_done(track, link, err) < 0 || read_beats(track, link, err) < 0)
            return -1;
        set_up(track);
        if (follow(track, link, err) < 0)
            return -1;
    }
    return expire_if_asked(track, link, err);
}

static void pause_for(struct track *track, int64_t pause_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += pause_ms / 1000;
    until.tv_nsec += pause_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&track->lock);
    while (!track->stop && !track->moved &&
           pthread_cond_timedwait(&track->wake, &track->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&track->lock);
}

static void *run(void *arg)
{
    struct track *track = arg;
    int64_t pause_ms = PAUSE_FIRST_MS;

    while (!is_stopped(track)) {
        struct link link = { NULL, NULL };
        struct err err;
        int rc = serve(track, &link, &err);

        link_close(&link);
        if (rc == 0) { /* stopped, or moved elsewhere */
            if (!is_stopped(track))
                set_away(track, "moving to another server");
            pause_ms = PAUSE_FIRST_MS;
            continue;
        }
        pthread_mutex_lock(&track->lock);
        if (track->up_ms)
            pause_ms = PAUSE_FIRST_MS;
        pthread_mutex_unlock(&track->lock);
        set_away(track, err.msg);
        pause_for(track, pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
    return NULL;
}

static void track_release(struct track *track)
{
    if (!track)
        return;
    pthread_cond_destroy(&track->wake);
    pthread_mutex_destroy(&track->lock);
    if (track->event >= 0)
        (void)close(track->event);
    if (track->password)
        explicit_bzero(track->password, strlen(track->password));
    board_clear(&track->board);
    free(track->password);
    free(track->url);
    free(track);
}
AUTO_DEFINE(track, struct track *, track_release)

static struct track *track_new(const struct track_opts *opts)
{
    struct track *track = xcalloc(1, sizeof(*track));
    pthread_condattr_t attr;

    track->url = xstrdup(opts->url);
    track->password = opts->password ? xstrdup(opts->password) : NULL;
    track->reread_ms = opts->reread_ms ? opts->reread_ms : 10000;
    (void)snprintf(track->uid, sizeof(track->uid), "%s", opts->uid);
    (void)snprintf(track->error, sizeof(track->error), "connecting");
    track->away_ms = clock_unix_ms();
    name_redis_done(track->done_key, opts->uid);
    name_redis_beat(track->beat_key, opts->uid);
    board_init(&track->board, opts->uid, opts->token_hex);
    pthread_mutex_init(&track->lock, NULL);
    pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&track->wake, &attr);
    pthread_condattr_destroy(&attr);
    track->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return track;
}

/* Signals are for the main thread. */
static int thread_start(struct track *track, struct err *err)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&track->thread, NULL, run, track);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? err_errno(err, ERR_DEPENDENCY, rc, "tracking thread") : 0;
}

int track_open(struct track **out, const struct track_opts *opts, struct err *err)
{
    AUTO(track) struct track *track = track_new(opts);

    if (track->event < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "eventfd");
    if (thread_start(track, err) < 0)
        return -1;
    *out = TAKE(track);
    return 0;
}

void track_free(struct track *track)
{
    if (!track)
        return;
    pthread_mutex_lock(&track->lock);
    track->stop = true;
    pthread_cond_signal(&track->wake);
    pthread_mutex_unlock(&track->lock);
    (void)pthread_join(track->thread, NULL);
    track_release(track);
}

int track_fd(const struct track *track)
{
    return track->event;
}

static void *copy(const void *items, size_t count, size_t size)
{
    void *out = count ? xmalloc(count * size) : NULL;

    if (out)
        memcpy(out, items, count * size);
    return out;
}

void track_snapshot(struct track *track, struct track_snapshot *out)
{
    const struct board *board = &track->board;
    uint64_t count;

    pthread_mutex_lock(&track->lock);
    (void)!read(track->event, &count, sizeof(count));
    *out = (struct track_snapshot){
        .up_ms = track->up_ms,
        .away_ms = track->away_ms,
        .done = copy(board->done, board->done_count, sizeof(board->done[0])),
        .done_count = board->done_count,
        .beats = copy(board->beats, board->beat_count, sizeof(board->beats[0])),
        .beat_count = board->beat_count,
    };
    memcpy(out->error, track->error, sizeof(out->error));
    pthread_mutex_unlock(&track->lock);
}

void track_snapshot_clear(struct track_snapshot *snapshot)
{
    free(snapshot->done);
    free(snapshot->beats);
    *snapshot = (struct track_snapshot){ 0 };
}

void track_move(struct track *track, const char *url)
{
    pthread_mutex_lock(&track->lock);
    free(track->url);
    track->url = xstrdup(url);
    track->moved = true;
    pthread_cond_signal(&track->wake);
    pthread_mutex_unlock(&track->lock);
}

void track_expire(struct track *track, uint32_t seconds)
{
    pthread_mutex_lock(&track->lock);
    track->expire_s = seconds;
    pthread_mutex_unlock(&track->lock);
}
