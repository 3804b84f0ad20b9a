/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "common/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVERY_US = 1000000 };

static cJSON *event_new(const char *name)
{
    cJSON *event = cJSON_CreateObject();
    char time[32];

    clock_format(time, sizeof(time), clock_unix_ms());
    json_add_str(event, "time", time);
    json_add_str(event, "event", name);
    return event;
}

static void event_print(cJSON *event)
{
    AUTO_FREE char *text = json_print(event);

    (void)printf("%s\n", text);
    (void)fflush(stdout);
    cJSON_Delete(event);
}

static void begin(struct view *view)
{
    cJSON *event = event_new("started");

    json_add_str(event, "source", view->in);
    json_add_str(event, "output", view->out);
    if (view->right)
        json_add_str(event, "rightOutput", view->right);
    json_add_str(event, "layout", view->layout);
    event_print(event);
}

static void workers_add(cJSON *event, const struct progress *p)
{
    cJSON *list = cJSON_AddArrayToObject(event, "workers");

    for (uint32_t i = 0; i < p->worker_count; i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_str(item, "stage", stage_name(p->workers[i].id.stage));
        json_add_i64(item, "index", p->workers[i].id.index);
        json_add_i64(item, "attempt", p->workers[i].id.attempt);
        json_add_str(item, "step", p->workers[i].step);
        json_add_i64(item, "framesDone", p->workers[i].frames_done);
        json_add_i64(item, "framesTotal", p->workers[i].frames_total);
        cJSON_AddItemToArray(list, item);
    }
}

static void progress_add(cJSON *event, const struct progress *p)
{
    cJSON *segments = cJSON_AddObjectToObject(event, "segments");
    cJSON *frames = cJSON_AddObjectToObject(event, "frames");

    json_add_str(event, "phase", phase_name(p->phase));
    json_add_str(event, "reason", p->reason);
    json_add_str(event, "message", p->message);
    json_add_i64(segments, "total", p->segments);
    json_add_i64(segments, "done", p->done);
    json_add_i64(segments, "active", p->active);
    json_add_i64(segments, "failed", p->failed);
    json_add_i64(frames, "done", p->frames_done);
    json_add_i64(frames, "total", p->frames_total);
    cJSON_AddNumberToObject(event, "fps", round(p->fps * 10) / 10);
    if (p->eta_s >= 0)
        json_add_i64(event, "etaSeconds", p->eta_s);
    json_add_bool(event, "degraded", p->degraded);
    workers_add(event, p);
}

/* What there is now, for whoever goes on with it. */
static void output_add(cJSON *event, const struct view *view, const struct progress *p)
{
    cJSON *output = cJSON_AddObjectToObject(event, "output");

    json_add_str(output, "uri", view->out);
    if (view->right)
        json_add_str(output, "rightUri", view->right);
    json_add_i64(output, "width", p->width);
    json_add_i64(output, "height", view->right ? p->height / LAYOUT_FILMS_MAX : p->height);
    json_add_i64(output, "frames", p->output_frames);
    json_add_i64(output, "damagedFrames", p->output_damaged);
    json_add_i64(output, "scaledFrames", p->output_scaled);
    json_add_i64(output, "durationMs", p->output_ms);
    json_add_i64(output, "bytes", p->output_bytes);
    if (view->right)
        json_add_i64(output, "rightBytes", p->output_right_bytes);
}

static void update(struct view *view, const struct progress *p, int64_t now_us)
{
    cJSON *event;
    bool phase_is_new = !view->phase_shown || view->phase != p->phase;

    if (!phase_is_new && p->done == view->done && now_us - view->shown_us < EVERY_US)
        return;
    event = event_new("progress");
    progress_add(event, p);
    event_print(event);
    view->phase_shown = true;
    view->phase = p->phase;
    view->done = p->done;
    view->shown_us = now_us;
}

static void note(struct view *view, const char *text)
{
    cJSON *event = event_new("note");

    (void)view;
    json_add_str(event, "message", text);
    event_print(event);
}

static void end(struct view *view, const struct progress *progress)
{
    cJSON *event = event_new("ended");

    progress_add(event, progress);
    if (progress->phase == PHASE_COMPLETED)
        output_add(event, view, progress);
    event_print(event);
}

const struct view_ops view_json = { begin, update, note, end };
