/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "common/contract/plan.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "operator/pods/pods.h"

#include <stdio.h>
#include <string.h>

enum { RATE_AFTER_US = 2000000 }; /* a rate from less than this is a guess */

void progress_state_clear(struct progress_state *state)
{
    free(state->segment_frames);
    *state = (struct progress_state){ 0 };
}

static void segments_load(struct progress_state *state, const char *work_dir)
{
    AUTO_FREE char *path = xasprintf("%s/" NAME_PLAN, work_dir);
    AUTO_FREE char *text = NULL;
    AUTO(plan) struct plan *plan = NULL;
    struct err err;
    size_t len;

    if (file_read(&text, &len, path, PLAN_MAX_BYTES, &err) < 0 ||
        plan_parse(&plan, text, len, &err) < 0)
        return; /* only the frame count of the view suffers */
    state->segments = plan->segment_count;
    state->segment_frames = xcalloc(plan->segment_count, sizeof(int64_t));
    for (uint32_t i = 0; i < plan->segment_count; i++)
        state->segment_frames[i] = plan->segments[i].frames;
}

static bool id_equal(const struct attempt_id *a, const struct attempt_id *b)
{
    return a->stage == b->stage && a->index == b->index && a->epoch == b->epoch &&
           a->attempt == b->attempt;
}

static void worker_beat(struct progress_worker *worker, const struct track_snapshot *track)
{
    for (size_t i = 0; track && i < track->beat_count; i++) {
        const struct beat *beat = &track->beats[i].beat;

        if (!id_equal(&beat->id, &worker->id))
            continue;
        (void)snprintf(worker->step, sizeof(worker->step), "%s", beat->step);
        worker->frames_done = beat->frames_done;
        worker->frames_total = beat->frames_total;
    }
}

static void workers_look(struct progress *out, const cJSON *pods,
                         const struct track_snapshot *track)
{
    const cJSON *pod;

    cJSON_ArrayForEach(pod, pods)
    {
        struct progress_worker *worker = &out->workers[out->worker_count];
        struct pod_view view;
        struct err err;

        if (out->worker_count == PROGRESS_MAX_WORKERS)
            break;
        if (pods_view(&view, pod, NULL, &err) < 0 || view.phase != POD_RUNNING)
            continue;
        *worker = (struct progress_worker){ .id = view.id };
        worker_beat(worker, track);
        out->worker_count++;
        out->active += view.id.stage == STAGE_CONVERT;
    }
}

static void frames_look(struct progress *out, const struct progress_state *state,
                        const struct job_status *status)
{
    for (uint32_t i = 0; i < state->segments && i < out->segments; i++)
        if (status->completed[i])
            out->frames_done += state->segment_frames[i];
    for (uint32_t i = 0; i < out->worker_count; i++) {
        const struct progress_worker *worker = &out->workers[i];

        if (worker->id.stage == STAGE_CONVERT && worker->id.index < out->segments &&
            !status->completed[worker->id.index])
            out->frames_done += worker->frames_done;
    }
}

static void rate_look(struct progress *out, struct progress_state *state, int64_t now_us)
{
    int64_t took_us;

    out->eta_s = -1;
    if (out->phase != PHASE_CONVERTING)
        return;
    if (state->first_us == 0) {
        state->first_us = now_us;
        state->first_frames = out->frames_done;
    }
    took_us = now_us - state->first_us;
    if (took_us < RATE_AFTER_US || out->frames_done <= state->first_frames)
        return;
    out->fps = (double)(out->frames_done - state->first_frames) * 1e6 / (double)took_us;
    out->eta_s = (int64_t)((double)(out->frames_total - out->frames_done) / out->fps + 0.5);
}

void progress_look(struct progress *out, struct progress_state *state, const char *work_dir,
                   const struct job_status *status, const cJSON *pods,
                   const struct track_snapshot *track, int64_t now_us)
{
    *out = (struct progress){ .phase = status->phase };
    (void)snprintf(out->reason, sizeof(out->reason), "%s", status->reason);
    (void)snprintf(out->message, sizeof(out->message), "%s", status->message);
    out->degraded = status->conditions[CONDITION_DEGRADED].set &&
                    status->conditions[CONDITION_DEGRADED].is_true;
    workers_look(out, pods, track);
    if (status->phase == PHASE_COMPLETED) {
        out->output_frames = status->output.frames;
        out->output_damaged = status->output.damaged;
        out->output_scaled = status->output.scaled;
        out->output_bytes = (int64_t)status->output.bytes;
        out->output_right_bytes = (int64_t)status->output.right_bytes;
        out->output_ms = status->output.duration_ms;
    }
    if (status->planned) {
        out->width = status->plan.packed_width;
        out->height = status->plan.packed_height;
        out->segments = status->plan.segments;
        out->frames_total = status->plan.frames;
        out->done = ranges_count(status->completed, out->segments);
        out->failed = ranges_count(status->failed, out->segments);
        if (!state->segment_frames)
            segments_load(state, work_dir);
        frames_look(out, state, status);
    }
    rate_look(out, state, now_us);
}
