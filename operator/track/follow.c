/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/track/follow.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 1500, /* of one command: a stopped server counts as away */
    SLICE_MS = 50,     /* how long a stop, a move, a new job or an expiry waits at most */
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 1000,
    BATCH = 256, /* fields a read */
    MESSAGES_AT_ONCE = 1000,
    /* All names are read for one that is new: with many of them, some messages are one reading. */
    FIELD_PAUSE_US = 40,
    FIELDS_PAUSE_MAX_US = 40000,
};

/* Both connections, of the thread alone. */
struct link {
    struct redis *listen, *ask; /* owned */
};

/* The jobs to be looked at in one round, each held. */
struct round {
    struct track_job **jobs; /* owned */
    size_t count;
};

static void wake_loop(const struct track *track)
{
    uint64_t one = 1;

    (void)!write(track->event, &one, sizeof(one)); /* full is as good as one more */
}

void follow_news(struct track_job *job)
{
    job->news = true;
    wake_loop(job->track);
}

void follow_drop(struct track_job *job, uint32_t holders)
{
    struct track_job **at = &job->track->jobs;

    job->holders -= holders;
    if (job->holders > 0)
        return;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    board_clear(&job->board);
    free(job);
}

static void news_of_all(struct track *track)
{
    for (struct track_job *job = track->jobs; job; job = job->next)
        follow_news(job);
}

static bool is_wanted_job(const struct track_job *job, bool asked_only, int64_t now_us)
{
    if (asked_only)
        return (job->asked && now_us >= job->done_due_us) || job->expire_s;
    return !job->unwatched || job->expire_s;
}

/* All jobs, or those asked for. */
static struct round round_take(struct track *track, bool asked_only)
{
    struct round round = { NULL, 0 };
    int64_t now_us = clock_mono_us();

    pthread_mutex_lock(&track->lock);
    for (struct track_job *job = track->jobs; job; job = job->next) {
        if (!is_wanted_job(job, asked_only, now_us))
            continue;
        if ((round.count & (round.count - 1)) == 0) /* grown by doubling */
            round.jobs = xrealloc(round.jobs,
                                  (round.count ? 2 * round.count : 1) * sizeof(struct track_job *));
        job->holders++;
        job->asked = false;
        round.jobs[round.count++] = job;
    }
    pthread_mutex_unlock(&track->lock);
    return round;
}

static void round_drop(struct track *track, struct round *round)
{
    pthread_mutex_lock(&track->lock);
    for (size_t i = 0; i < round->count; i++) {
        struct track_job *job = round->jobs[i];

        bool let_go = job->orphan && !job->expire_s; /* in its watcher's place */

        job->orphan = job->orphan && !let_go;
        follow_drop(job, let_go ? 2 : 1);
    }
    pthread_mutex_unlock(&track->lock);
    free(round->jobs);
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
        news_of_all(track);
    }
    pthread_mutex_unlock(&track->lock);
}

static void set_away(struct track *track, const char *why)
{
    pthread_mutex_lock(&track->lock);
    if (track->up_ms || strncmp(track->error, why, sizeof(track->error) - 1) != 0)
        news_of_all(track);
    track->up_ms = 0;
    if (!track->away_ms)
        track->away_ms = clock_unix_ms();
    (void)snprintf(track->error, sizeof(track->error), "%s", why);
    for (struct track_job *job = track->jobs; job; job = job->next)
        job->read_ms = 0;
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

static int read_batch(struct track_job *job, struct link *link, const char **argv, int argc,
                      struct err *err)
{
    struct redis_value values = { .type = REDIS_NIL };

    if (redis_call(link->ask, &values, argc, argv, err) < 0)
        return -1;
    pthread_mutex_lock(&job->track->lock);
    for (size_t i = 0; values.type == REDIS_LIST && i < values.len && (int)i + 2 < argc; i++) {
        const struct redis_value *value = &values.list[i];

        if (value->type == REDIS_TEXT &&
            board_add_done(&job->board, argv[i + 2], value->text, value->len))
            follow_news(job);
    }
    pthread_mutex_unlock(&job->track->lock);
    redis_value_clear(&values);
    return 0;
}

/* Only the loop of this thread adds records, so what is wanted does not change meanwhile. */
static bool is_wanted(struct track_job *job, const struct redis_value *field)
{
    bool wanted;

    if (field->type != REDIS_TEXT || strlen(field->text) != field->len)
        return false;
    pthread_mutex_lock(&job->track->lock);
    wanted = board_wants_done(&job->board, field->text);
    pthread_mutex_unlock(&job->track->lock);
    return wanted;
}

static int64_t pause_of(const struct redis_value *fields)
{
    int64_t pause_us = fields->type == REDIS_LIST ? (int64_t)fields->len * FIELD_PAUSE_US : 0;

    return pause_us < FIELDS_PAUSE_MAX_US ? pause_us : FIELDS_PAUSE_MAX_US;
}

/* The names first, then what is not known yet: a film of 20,000 segments is not read 20,000
 * times in full. */
static int read_done(struct track_job *job, struct link *link, struct err *err)
{
    const char *ask[2 + BATCH] = { "HKEYS", job->done_key };
    struct redis_value fields = { .type = REDIS_NIL };
    int argc = 2, rc = 0;

    if (redis_call(link->ask, &fields, 2, ask, err) < 0)
        return -1;
    job->done_due_us = clock_mono_us() + pause_of(&fields);
    ask[0] = "HMGET";
    for (size_t i = 0; rc == 0 && fields.type == REDIS_LIST && i < fields.len; i++) {
        if (is_wanted(job, &fields.list[i]))
            ask[argc++] = fields.list[i].text;
        if (argc == 2 + BATCH) {
            rc = read_batch(job, link, ask, argc, err);
            argc = 2;
        }
    }
    if (rc == 0 && argc > 2)
        rc = read_batch(job, link, ask, argc, err);
    redis_value_clear(&fields);
    return rc;
}

static int read_beats(struct track_job *job, struct link *link, struct err *err)
{
    const char *ask[] = { "HGETALL", job->beat_key };
    struct redis_value all = { .type = REDIS_NIL };
    int64_t now_ms;
    bool any = false;

    if (redis_call(link->ask, &all, 2, ask, err) < 0)
        return -1;
    now_ms = clock_unix_ms();
    pthread_mutex_lock(&job->track->lock);
    for (size_t i = 0; all.type == REDIS_LIST && i + 1 < all.len; i += 2) {
        const struct redis_value *field = &all.list[i], *value = &all.list[i + 1];

        if (field->type == REDIS_TEXT && value->type == REDIS_TEXT &&
            board_add_beat(&job->board, field->text, value->text, value->len, now_ms))
            any = true;
    }
    if (any)
        follow_news(job);
    pthread_mutex_unlock(&job->track->lock);
    redis_value_clear(&all);
    return 0;
}

static int expire_if_asked(struct track_job *job, struct link *link, struct err *err)
{
    const char *done[] = { "EXPIRE", job->done_key, NULL };
    const char *beat[] = { "EXPIRE", job->beat_key, NULL };
    uint32_t seconds;
    char text[16];

    pthread_mutex_lock(&job->track->lock);
    seconds = job->expire_s;
    job->expire_s = 0;
    pthread_mutex_unlock(&job->track->lock);
    if (!seconds)
        return 0;
    (void)snprintf(text, sizeof(text), "%u", seconds);
    done[2] = beat[2] = text;
    if (redis_call(link->ask, NULL, 3, done, err) < 0)
        return -1;
    return redis_call(link->ask, NULL, 3, beat, err);
}

static void set_read(struct track_job *job)
{
    pthread_mutex_lock(&job->track->lock);
    if (!job->read_ms) {
        job->read_ms = clock_unix_ms();
        follow_news(job);
    }
    pthread_mutex_unlock(&job->track->lock);
}

static bool is_read(struct track_job *job)
{
    bool read;

    pthread_mutex_lock(&job->track->lock);
    read = job->read_ms != 0;
    pthread_mutex_unlock(&job->track->lock);
    return read;
}

/* A message is of a completion; beats are read at their own pace, and once for a new job. */
static int read_job(struct track_job *job, struct link *link, bool beats, struct err *err)
{
    if (expire_if_asked(job, link, err) < 0 || read_done(job, link, err) < 0)
        return -1;
    if (!beats && is_read(job))
        return 0;
    if (read_beats(job, link, err) < 0)
        return -1;
    set_read(job);
    return 0;
}

static int read_round(struct track *track, struct link *link, bool all, struct err *err)
{
    struct round round = round_take(track, !all);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < round.count; i++)
        rc = read_job(round.jobs[i], link, all, err);
    round_drop(track, &round);
    return rc;
}

static void ask_for(struct track *track, const char *uid)
{
    pthread_mutex_lock(&track->lock);
    for (struct track_job *job = track->jobs; job; job = job->next) {
        if (strcmp(job->uid, uid) == 0 && !job->unwatched)
            job->asked = true;
    }
    pthread_mutex_unlock(&track->lock);
}

/* One message waited for, the ones behind it taken along. */
static int listen_once(struct track *track, struct link *link, int timeout_ms, struct err *err)
{
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        struct redis_value message = { .type = REDIS_NIL };
        bool none;

        if (redis_wait(link->listen, &message, i == 0 ? timeout_ms : 0, err) < 0)
            return -1;
        none = message.type == REDIS_NIL;
        if (message.type == REDIS_LIST && message.len == 3 && message.list[2].type == REDIS_TEXT)
            ask_for(track, message.list[2].text);
        redis_value_clear(&message);
        if (none)
            break;
    }
    return 0;
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

/* Until a job that is asked for may be read; what comes meanwhile is heard together. */
static void pause_asked(struct track *track)
{
    int64_t now_us = clock_mono_us(), pause_us = FIELDS_PAUSE_MAX_US;
    bool any = false;

    pthread_mutex_lock(&track->lock);
    for (const struct track_job *job = track->jobs; job; job = job->next) {
        any |= job->asked;
        if (job->asked && job->done_due_us - now_us < pause_us)
            pause_us = job->done_due_us - now_us;
    }
    pthread_mutex_unlock(&track->lock);
    if (any && pause_us > 0)
        pause_for(track, (pause_us + 999) / 1000);
}

/* Until it is time to read everything again. */
static int follow(struct track *track, struct link *link, struct err *err)
{
    int64_t until_us = clock_mono_us() + track->reread_ms * INT64_C(1000);

    for (;;) {
        int64_t left_ms = (until_us - clock_mono_us()) / 1000;

        if (read_round(track, link, false, err) < 0)
            return -1;
        if (left_ms <= 0 || is_over(track))
            return 0;
        if (listen_once(track, link, left_ms < SLICE_MS ? (int)left_ms + 1 : SLICE_MS, err) < 0)
            return -1;
        pause_asked(track);
    }
}

static int serve(struct track *track, struct link *link, struct err *err)
{
    if (link_open(track, link, err) < 0)
        return -1;
    while (!is_over(track)) {
        if (read_round(track, link, true, err) < 0)
            return -1;
        set_up(track);
        if (follow(track, link, err) < 0)
            return -1;
    }
    return read_round(track, link, false, err); /* what was to expire when it was stopped */
}

void *follow_run(void *arg)
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
