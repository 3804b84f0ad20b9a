/* SPDX-License-Identifier: Apache-2.0
 *
 * track.h - completions, heartbeats and progress from Redis, never the authority. A thread of its
 * own subscribes to sj:done first, then reads the hashes; again at each reconnect and every
 * reread_ms. The loop thread takes snapshots. Records and beats without a right HMAC are dropped.
 */
#ifndef OPERATOR_TRACK_H
#define OPERATOR_TRACK_H

#include "common/contract/record.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct track;

struct track_opts {
    const char *url, *password; /* copied; password may be NULL */
    const char *uid;            /* job UID; copied */
    const char *token_hex;      /* job token; copied */
    uint32_t reread_ms;         /* 10000 in a cluster; 1000 locally (beats feed the live view) */
};

/* Starts the thread; a Redis that is away is not an error. */
int track_open(struct track **out, const struct track_opts *opts, struct err *err);
void track_free(struct track *track); /* stops and joins; NULL is fine */
/* eventfd, readable when a snapshot would be new; track_snapshot drains it. */
int track_fd(const struct track *track);

struct track_snapshot {
    int64_t up_ms;       /* Unix ms since when Redis answers; 0 = away */
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
void track_snapshot(struct track *track, struct track_snapshot *out);
void track_snapshot_clear(struct track_snapshot *snapshot);
/* The private server was restarted on another URL: connect there from now on. */
void track_move(struct track *track, const char *url);
/* Makes the hashes expire (job over): best effort, at the next chance. */
void track_expire(struct track *track, uint32_t seconds);
#endif
