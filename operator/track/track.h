/* SPDX-License-Identifier: Apache-2.0
 *
 * track.h - completions, heartbeats and progress from Redis, never the authority. One thread for
 * all jobs of one Redis: it subscribes to sj:done first, then reads the hashes of every watched
 * job; again at each reconnect and every reread_ms, and of one job when a message names it. The
 * loop thread takes snapshots. Records and beats without a right HMAC are dropped.
 */
#ifndef OPERATOR_TRACK_H
#define OPERATOR_TRACK_H

#include "common/contract/record.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct track;     /* one Redis */
struct track_job; /* one job watched in it */

struct track_opts {
    const char *url, *password; /* copied; password may be NULL */
    uint32_t reread_ms;         /* 0 = 10000, as in a cluster; 1000 locally (beats feed the view) */
};

/* Starts the thread; a Redis that is away is not an error. */
int track_open(struct track **out, const struct track_opts *opts, struct err *err);
void track_free(
    struct track *track); /* stops and joins; no job is watched any more; NULL is fine */
/* eventfd, readable when a snapshot of some job would be new. */
int track_fd(const struct track *track);
/* Makes track_fd quiet, and names every job of which there is news; news may be NULL. */
void track_news(struct track *track, void (*news)(void *ctx, const char *uid), void *ctx);
/* The private server was restarted on another URL: connect there from now on. */
void track_move(struct track *track, const char *url);
bool track_is_up(struct track *track);

/* uid and token are copied; the result is the caller's. */
struct track_job *track_watch(struct track *track, const char *uid, const char *token_hex);
void track_unwatch(struct track_job *job); /* what track_expire asked for is still done */

struct track_snapshot {
    int64_t up_ms;       /* Unix ms since when Redis answers for this job; 0 = away */
    int64_t away_ms;     /* Unix ms since when it is away; 0 = it answers */
    struct record *done; /* owned */
    size_t done_count;
    struct track_beat {
        struct beat beat;
        int64_t progress_ms; /* when its progress was last seen to move, our clock */
    } * beats;               /* owned */
    size_t beat_count;
    char error[200]; /* why it is away, or "" */
};
/* settled (may be NULL): segments whose byte is set are counted for good; they are left out, and
 * forgotten, so that a long film costs neither memory nor time for what is done. */
void track_snapshot(struct track_job *job, const uint8_t *settled, size_t settled_count,
                    struct track_snapshot *out);
/* How many done records a snapshot would have now, the plan's among them. Cheap. */
size_t track_done_count(struct track_job *job);
void track_snapshot_clear(struct track_snapshot *snapshot);
/* Makes the hashes expire (job over): best effort, at the next chance. */
void track_expire(struct track_job *job, uint32_t seconds);
#endif
