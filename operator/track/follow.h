/* SPDX-License-Identifier: Apache-2.0
 *
 * follow.h - inside track: what the loop thread and the tracking thread share, and the latter's
 * whole life.
 */
#ifndef OPERATOR_TRACK_FOLLOW_H
#define OPERATOR_TRACK_FOLLOW_H

#include "operator/track/board.h"

#include <pthread.h>

struct track_job {
    struct track *track;
    char uid[NAME_UID_SIZE], done_key[NAME_KEY_SIZE], beat_key[NAME_KEY_SIZE];
    int64_t watched_ms; /* Unix */

    /* under track->lock */
    struct track_job *next;
    uint32_t holders; /* the watcher, and the thread while it reads */
    bool unwatched;
    bool orphan; /* unwatched while an expiry was due: the thread lets it go */
    bool asked;  /* a message named it, or it is new: read it now */
    bool news;
    int64_t done_due_us; /* mono: not read for a message before; of the thread alone */
    int64_t read_ms;     /* when both hashes were first read on this connection; 0 = not yet */
    uint32_t expire_s;   /* 0: nothing asked */
    struct board board;
};

struct track {
    pthread_t thread;
    char *password; /* owned; NULL: none */
    uint32_t reread_ms;
    int event; /* eventfd */

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;  /* the thread sleeps between two tries */
    char *url;            /* owned */
    bool stop, moved;
    int64_t up_ms, away_ms;
    char error[200];
    struct track_job *jobs;
};

void *follow_run(void *track);
/* Under the lock: there is news of this job. */
void follow_news(struct track_job *job);
/* Under the lock: so many holders let go; the job is freed with its last. */
void follow_drop(struct track_job *job, uint32_t holders);
#endif
