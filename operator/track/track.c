/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/track/track.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/mem.h"
#include "operator/track/follow.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { REREAD_MS = 10000 };

static void track_release(struct track *track)
{
    if (!track)
        return;
    while (track->jobs) {
        track->jobs->holders = 1;
        follow_drop(track->jobs, 1);
    }
    pthread_cond_destroy(&track->wake);
    pthread_mutex_destroy(&track->lock);
    if (track->event >= 0)
        (void)close(track->event);
    if (track->password)
        explicit_bzero(track->password, strlen(track->password));
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
    track->reread_ms = opts->reread_ms ? opts->reread_ms : REREAD_MS;
    (void)snprintf(track->error, sizeof(track->error), "connecting");
    track->away_ms = clock_unix_ms();
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
    rc = pthread_create(&track->thread, NULL, follow_run, track);
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

/* Told outside of the lock: who is told takes a snapshot at once. */
void track_news(struct track *track, void (*news)(void *ctx, const char *uid), void *ctx)
{
    char(*uids)[NAME_UID_SIZE] = NULL;
    size_t count = 0, cap = 0;
    uint64_t signals;

    pthread_mutex_lock(&track->lock);
    (void)!read(track->event, &signals, sizeof(signals));
    for (struct track_job *job = track->jobs; job; job = job->next) {
        bool tell = job->news && !job->unwatched && news;

        job->news = false;
        if (!tell)
            continue;
        if (count == cap) {
            cap = cap ? 2 * cap : 16;
            uids = xrealloc(uids, cap * sizeof(uids[0]));
        }
        memcpy(uids[count++], job->uid, sizeof(job->uid));
    }
    pthread_mutex_unlock(&track->lock);
    for (size_t i = 0; i < count; i++)
        news(ctx, uids[i]);
    free(uids);
}

bool track_is_up(struct track *track)
{
    bool up;

    pthread_mutex_lock(&track->lock);
    up = track->up_ms != 0;
    pthread_mutex_unlock(&track->lock);
    return up;
}

struct track_job *track_watch(struct track *track, const char *uid, const char *token_hex)
{
    struct track_job *job = xcalloc(1, sizeof(*job));

    job->track = track;
    job->holders = 1;
    job->asked = true;
    job->watched_ms = clock_unix_ms();
    (void)snprintf(job->uid, sizeof(job->uid), "%s", uid);
    name_redis_done(job->done_key, uid);
    name_redis_beat(job->beat_key, uid);
    board_init(&job->board, uid, token_hex);
    pthread_mutex_lock(&track->lock);
    job->next = track->jobs;
    track->jobs = job;
    pthread_mutex_unlock(&track->lock);
    return job;
}

/* An expiry that was asked for keeps it until the thread has come by. */
void track_unwatch(struct track_job *job)
{
    struct track *track;

    if (!job)
        return;
    track = job->track;
    pthread_mutex_lock(&track->lock);
    job->unwatched = true;
    if (job->expire_s)
        job->orphan = true;
    else
        follow_drop(job, 1);
    pthread_mutex_unlock(&track->lock);
}

static void *copy(const void *items, size_t count, size_t size)
{
    void *out = count ? xmalloc(count * size) : NULL;

    if (out)
        memcpy(out, items, count * size);
    return out;
}

/* A job counts as tracked from when its own hashes were read. */
static void snapshot_times(const struct track_job *job, struct track_snapshot *out)
{
    const struct track *track = job->track;

    if (track->up_ms && job->read_ms) {
        out->up_ms = track->up_ms > job->read_ms ? track->up_ms : job->read_ms;
        return;
    }
    out->away_ms = track->away_ms > job->watched_ms ? track->away_ms : job->watched_ms;
    (void)snprintf(out->error, sizeof(out->error), "%s",
                   track->error[0] ? track->error : "reading for the first time");
}

void track_snapshot(struct track_job *job, const uint8_t *settled, size_t settled_count,
                    struct track_snapshot *out)
{
    struct board *board = &job->board;

    *out = (struct track_snapshot){ 0 };
    pthread_mutex_lock(&job->track->lock);
    for (size_t i = 0; i < settled_count; i++) {
        if (settled[i])
            board_settle(board, (uint32_t)i);
    }
    out->done = copy(board->done, board->done_count, sizeof(board->done[0]));
    out->done_count = board->done_count;
    out->beats = copy(board->beats, board->beat_count, sizeof(board->beats[0]));
    out->beat_count = board->beat_count;
    snapshot_times(job, out);
    pthread_mutex_unlock(&job->track->lock);
}

size_t track_done_count(struct track_job *job)
{
    size_t count;

    pthread_mutex_lock(&job->track->lock);
    count = job->board.done_count;
    pthread_mutex_unlock(&job->track->lock);
    return count;
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

void track_expire(struct track_job *job, uint32_t seconds)
{
    pthread_mutex_lock(&job->track->lock);
    job->expire_s = seconds;
    pthread_mutex_unlock(&job->track->lock);
}
