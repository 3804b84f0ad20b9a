/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h - what a person wants to know of a running conversion, gathered once for every view.
 * Pure but for the plan file it reads once.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "common/json.h"
#include "operator/decide/decide.h"
#include "operator/track/track.h"

enum { PROGRESS_MAX_WORKERS = 64 };

struct progress_worker {
    struct attempt_id id;
    char step[24];
    int64_t frames_done, frames_total; /* total 0 = not known */
};

struct progress {
    enum phase phase;
    char reason[40], message[400];
    uint32_t segments, done, active, failed; /* segments 0 = not planned yet */
    int64_t frames_done, frames_total;
    double fps;    /* of this run, 0 = not known yet */
    int64_t eta_s; /* -1 = not known yet */
    bool degraded;
    int width, height;                              /* of a packed frame, once planned */
    int64_t output_frames, output_bytes, output_ms; /* once completed; else 0 */
    int64_t output_damaged, output_scaled;          /* of output_frames */
    int64_t output_right_bytes;                     /* of output_bytes: the right eye's film */
    struct progress_worker workers[PROGRESS_MAX_WORKERS];
    uint32_t worker_count;
};

/* What is kept between two looks. */
struct progress_state {
    int64_t *segment_frames; /* owned; from plan.json */
    uint32_t segments;
    int64_t first_us, first_frames; /* when this run's converting began, and where */
};
void progress_state_clear(struct progress_state *state);

/* track may be NULL. pods as cluster_ops.pods gives them. */
void progress_look(struct progress *out, struct progress_state *state, const char *work_dir,
                   const struct job_status *status, const cJSON *pods,
                   const struct track_snapshot *track, int64_t now_us);
#endif
