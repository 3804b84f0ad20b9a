/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/reconcile/reconcile.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/pods/resources.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DEGRADED_AFTER_MS = 5000, /* a Redis that fails over within this is no news */
    EXPIRE_S = 3600,          /* the hashes of a job that is over */
    SLOW_START = 1,           /* creates at first; doubled by each that is not refused */
    AT_ONCE = 500,            /* acts under way at a time */
    TOGETHER_MIN = 4,         /* deletes for which one request pays */
};

/* The acts of one kind, some of them under way. */
struct acts {
    enum action_kind kind;
    size_t next; /* in decision.actions */
    uint32_t under_way, window;
    bool stop;      /* begin no more of this kind */
    bool gathering; /* the request for those that go together is under way: nothing else is */
    bool gathered;  /* they are gone */
};

struct pass {
    const struct reconcile_opts *opts;
    struct reconcile_end end;
    int64_t now_ms;
    struct acts acts;
    bool turning;     /* acts_turn is on the stack: a reply that comes at once does not nest */
    struct err first; /* of the acts that failed */
    int rc;
    const cJSON *job;      /* borrowed from the cluster */
    struct job_spec *spec; /* owned, as all here */
    struct job_status status;
    struct pod_view *views, *own_views; /* own_views: NULL when they are the memo's */
    size_t view_count;
    struct track_snapshot track;
    struct decision decision;
};

static void pass_free(struct pass *pass)
{
    spec_free(pass->spec);
    job_status_clear(&pass->status);
    free(pass->own_views);
    track_snapshot_clear(&pass->track);
    decision_clear(&pass->decision);
    free(pass);
}

static const char *annotation(const cJSON *job, const char *key)
{
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(json_path(job, "metadata.annotations"), key);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

__attribute__((format(printf, 3, 4))) static void tell(const struct reconcile_opts *opts,
                                                       const char *reason, const char *fmt, ...)
{
    char text[480];
    va_list ap;

    if (!opts->event)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    opts->event(opts->ctx, reason, text);
}

static bool id_equal(const struct attempt_id *a, const struct attempt_id *b)
{
    return a->stage == b->stage && a->index == b->index && a->epoch == b->epoch &&
           a->attempt == b->attempt;
}

/* By the pod's index, whatever its stage: two of an index are told apart by id_equal. */
static void views_beat(struct pass *pass)
{
    const struct track_snapshot *track = &pass->track;
    AUTO_FREE size_t *after = xcalloc(track->beat_count + 1, sizeof(*after));
    AUTO_FREE size_t *first = NULL; /* place + 1 in beats, 0: none; after: the next of its index */
    uint32_t count = 0;

    for (size_t i = 0; i < track->beat_count; i++)
        count = track->beats[i].beat.id.index >= count ? track->beats[i].beat.id.index + 1 : count;
    first = xcalloc((size_t)count + 1, sizeof(*first));
    for (size_t i = 0; i < track->beat_count; i++) {
        uint32_t index = track->beats[i].beat.id.index;

        after[i] = first[index];
        first[index] = i + 1;
    }
    for (size_t i = 0; i < pass->view_count; i++) {
        struct pod_view *view = &pass->views[i];
        size_t at =
            view->phase == POD_RUNNING && view->id.index < count ? first[view->id.index] : 0;

        while (at && !id_equal(&track->beats[at - 1].beat.id, &view->id))
            at = after[at - 1];
        if (at)
            view->progress_ms = track->beats[at - 1].progress_ms;
    }
}

/* A pod that is not to be understood (somebody changed its labels) holds up nobody: the name of its
 * successor is taken or free, and the API server knows which. */
static void views_read_all(struct pass *pass)
{
    const cJSON *pods = pass->opts->cluster->ops->pods(pass->opts->cluster);
    const cJSON *pod; /* borrowed from pods */
    struct err err;

    pass->views = pass->own_views =
        xcalloc((size_t)cJSON_GetArraySize(pods) + 1, sizeof(pass->views[0]));
    cJSON_ArrayForEach(pod, pods)
    {
        struct pod_view *view = &pass->views[pass->view_count];

        if (pods_view(view, pod, pass->opts->token_hex, &err) < 0)
            continue;
        pass->view_count++;
    }
}

static void views_read(struct pass *pass)
{
    const struct reconcile_opts *opts = pass->opts;

    if (opts->memo)
        pass->views = memo_read(opts->memo, opts->cluster, opts->token_hex, &pass->view_count);
    else
        views_read_all(pass);
    views_beat(pass);
}

/* Fixed by the first pod, since results of two builds do not mix. Where nothing is done and nothing
 * under way there is none to mix with: so a job gets away from an image that does not exist. */
static void image_choose(struct pass *pass)
{
    struct job_status *status = &pass->status;
    bool begun = status->worker_image[0] && status->planned;

    for (size_t i = 0; i < pass->view_count && status->worker_image[0]; i++)
        begun |= pass->views[i].phase != POD_FAILED;
    if (pass->opts->pods.cluster && !begun)
        (void)snprintf(status->worker_image, sizeof(status->worker_image), "%s",
                       pass->opts->pods.image);
}

static int observe(struct pass *pass, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;

    pass->job = cluster->ops->job(cluster);
    if (!pass->job)
        return err_set(err, ERR_NOT_FOUND, "the job is gone");
    if (spec_parse(&pass->spec, pass->job, err) < 0 ||
        status_from_json(&pass->status, json_path(pass->job, "status"), err) < 0)
        return -1;
    if (pass->opts->track)
        track_snapshot(pass->opts->track, pass->status.completed,
                       pass->status.planned ? pass->status.plan.segments : 0, &pass->track);
    views_read(pass);
    image_choose(pass);
    return 0;
}

static bool is_deleted(const struct pass *pass)
{
    struct cluster *cluster = pass->opts->cluster;

    return json_path(pass->job, "metadata.deletionTimestamp") != NULL ||
           (cluster->ops->is_ending && cluster->ops->is_ending(cluster));
}

static const char *gpu_of(const cJSON *job)
{
    const cJSON *gpu = json_path(job, "spec.resources.gpu");
    const char *name = json_member(gpu, "name");

    if (resources_gpus(gpu) <= 0)
        return NULL;
    return name[0] ? name : RESOURCES_GPU;
}

static void choose(struct pass *pass, int64_t now_ms)
{
    const struct observed seen = {
        .now_ms = now_ms,
        .uid = json_text(pass->job, "metadata.uid"),
        .deleted = is_deleted(pass),
        .retry = annotation(pass->job, ANNOTATION_RETRY),
        .discard = annotation(pass->job, ANNOTATION_DISCARD) != NULL,
        .gpu = gpu_of(pass->job),
        .volume_problem = pass->opts->volume_problem,
        .pods = pass->views,
        .pod_count = pass->view_count,
        .tracking_up_ms = pass->track.up_ms,
        .tracking_away_ms = pass->track.away_ms,
        .tracking_wanted = pass->opts->tracking_wanted,
        .tracking_error = pass->track.error,
        .done = pass->track.done,
        .done_count = pass->track.done_count,
        .tidy_ms = pass->opts->tidy_ms,
        .tracking_away_grace_ms = pass->opts->track ? DEGRADED_AFTER_MS : 0,
    };

    decide(&pass->decision, pass->spec, &pass->status, &seen);
}

static void tell_status(const struct pass *pass)
{
    const struct job_status *was = &pass->status, *now = &pass->decision.status;

    if (was->phase != now->phase)
        tell(pass->opts, phase_name(now->phase), "%s",
             now->message[0] ? now->message : now->reason);
    for (uint32_t i = was->dead_count; i < now->dead_count; i++) {
        const struct dead_letter *dead = &now->dead[i];

        tell(pass->opts, "DeadLetter", "%s %" PRIu32 " is given up (%s): %s",
             stage_name(dead->id.stage), dead->id.index, class_name(dead->cls), dead->message);
    }
    for (int i = 0; i < CONDITION_COUNT; i++) {
        bool is = now->conditions[i].set && now->conditions[i].is_true;

        if (is && !(was->conditions[i].set && was->conditions[i].is_true))
            tell(pass->opts, condition_name((enum condition)i), "%s", now->conditions[i].message);
    }
}

static bool is_final(enum phase phase)
{
    return phase == PHASE_COMPLETED || phase == PHASE_CANCELLED;
}

/* What a person wants to know of a new attempt: what the one before died of. */
static void tell_retry(const struct pass *pass, const struct attempt_id *id)
{
    for (size_t i = 0; i < pass->view_count; i++) {
        const struct pod_view *pod = &pass->views[i];
        enum attempt_class cls = pod->has_verdict ? pod->verdict : pod->cls;

        if (pod->id.stage != id->stage || pod->id.index != id->index ||
            pod->id.epoch != id->epoch || pod->id.attempt + 1 != id->attempt)
            continue;
        tell(pass->opts, "Retried", "%s %" PRIu32 ", attempt %" PRIu32 ", after %s%s%s",
             stage_name(id->stage), id->index, id->attempt, class_name(cls),
             pod->message[0] ? ": " : "", pod->message);
    }
}

/* Ends the pass: nothing of it is left. */
static void pass_end(struct pass *pass)
{
    const struct reconcile_result result = { .wake_ms = pass->decision.wake_ms,
                                             .status = &pass->decision.status,
                                             .done_seen = pass->track.done_count,
                                             .expired = pass->decision.expired };

    if (pass->rc == 0)
        pass->end.call(pass->end.ctx, 0, &result, NULL);
    else
        pass->end.call(pass->end.ctx, -1, NULL, &pass->first);
    pass_free(pass);
}

static void pass_fail(struct pass *pass, const struct err *err)
{
    if (pass->rc == 0)
        pass->first = *err;
    pass->rc = -1;
}

/* One act under way. */
struct act {
    struct pass *pass;
    const struct action *action; /* of the pass */
};

static void acts_turn(struct pass *pass);

/* One act that is refused does not hold up the others; a cluster that is away does. Creates also
 * stop at a refusal: what one quota denies it denies to all. */
static void act_done(struct act *act, int rc, const struct err *err)
{
    struct pass *pass = act->pass;
    struct acts *acts = &pass->acts;

    acts->under_way--;
    if (rc == 0) {
        acts->window = acts->window * 2 < AT_ONCE ? acts->window * 2 : AT_ONCE;
    } else if (err->code != ERR_NOT_FOUND) {
        pass_fail(pass, err);
        acts->stop |= err->code == ERR_DEPENDENCY || act->action->kind == ACTION_CREATE;
    }
    free(act);
    if (!pass->turning)
        acts_turn(pass);
}

static void act_reply(void *ctx, int rc, const struct err *err)
{
    act_done(ctx, rc, err);
}

static void create_reply(void *ctx, int rc, const struct err *err)
{
    struct act *act = ctx;

    if (rc == 0)
        tell_retry(act->pass, &act->action->id);
    if (rc < 0 && err->code == ERR_CONFLICT)
        rc = 0; /* somebody did it */
    act_done(act, rc, err);
}

static void act_create(struct act *act)
{
    const struct pass *pass = act->pass;
    struct cluster *cluster = pass->opts->cluster;
    struct pods_context context = pass->opts->pods;
    AUTO(cJSON) cJSON *manifest = NULL;
    struct err gone;

    context.job = cluster->ops->job(cluster); /* the status write may have replaced it */
    if (pass->decision.status.worker_image[0])
        context.image = pass->decision.status.worker_image;
    if (!context.job) {
        (void)err_set(&gone, ERR_NOT_FOUND, "the job is gone");
        act_done(act, -1, &gone);
        return;
    }
    if (pass->decision.status.planned) {
        context.memory_bytes = pass->decision.status.plan.memory_bytes;
        if (pass->decision.status.plan.build[0])
            context.build = pass->decision.status.plan.build;
    }
    manifest = pods_manifest(&context, act->action);
    cluster->ops->create_pod(cluster, manifest, (struct cluster_reply){ create_reply, act });
}

static void verdict_reply(void *ctx, int rc, const struct err *err)
{
    struct act *act = ctx;
    struct cluster *cluster = act->pass->opts->cluster;

    if (rc < 0)
        act_done(act, rc, err);
    else
        cluster->ops->delete_pod(cluster, act->action->pod,
                                 (struct cluster_reply){ act_reply, act });
}

/* The verdict first: a pod that dies of our delete would look as if somebody else had wanted it. */
static void act_delete(struct act *act)
{
    struct cluster *cluster = act->pass->opts->cluster;
    const struct action *action = act->action;

    if (!action->has_verdict) {
        verdict_reply(act, 0, NULL);
        return;
    }
    tell(act->pass->opts, action->reason, "pod %s is deleted", action->pod);
    cluster->ops->annotate_pod(cluster, action->pod, ANNOTATION_VERDICT,
                               class_name(action->verdict),
                               (struct cluster_reply){ verdict_reply, act });
}

static void act_start(struct pass *pass, const struct action *action)
{
    struct cluster *cluster = pass->opts->cluster;
    struct act *act = xcalloc(1, sizeof(*act));

    *act = (struct act){ pass, action };
    switch (action->kind) {
    case ACTION_RELEASE:
        cluster->ops->release_pod(cluster, action->pod, (struct cluster_reply){ act_reply, act });
        return;
    case ACTION_DELETE:
        act_delete(act);
        return;
    case ACTION_CREATE:
        act_create(act);
        return;
    }
}

/* As many acts of this kind as may be under way. */
static void acts_fill(struct pass *pass)
{
    struct acts *acts = &pass->acts;

    while (!acts->stop && !acts->gathering && acts->next < pass->decision.action_count &&
           acts->under_way < acts->window) {
        const struct action *action = &pass->decision.actions[acts->next++];

        if (action->kind != acts->kind || (acts->gathered && action->together))
            continue;
        acts->under_way++;
        act_start(pass, action);
    }
}

/* Who may not do so (a role older than this operator) deletes them one by one. */
static void together_reply(void *ctx, int rc, const struct err *err)
{
    struct pass *pass = ctx;
    struct acts *acts = &pass->acts;

    acts->under_way--;
    acts->gathering = false;
    acts->gathered = rc == 0;
    if (rc < 0 && err->code == ERR_DEPENDENCY) {
        pass_fail(pass, err);
        acts->stop = true;
    }
    if (!pass->turning)
        acts_turn(pass);
}

/* Before the deletes of single pods: those that one request deletes. */
static void together_start(struct pass *pass)
{
    struct cluster *cluster = pass->opts->cluster;
    const struct decision *decision = &pass->decision;
    AUTO_FREE uint32_t *indexes = xcalloc(decision->action_count + 1, sizeof(*indexes));
    size_t count = 0;

    for (size_t i = 0; i < decision->action_count; i++) {
        if (decision->actions[i].kind == ACTION_DELETE && decision->actions[i].together)
            indexes[count++] = decision->actions[i].id.index;
    }
    if (count < TOGETHER_MIN || !cluster->ops->delete_succeeded)
        return;
    pass->acts.under_way++;
    pass->acts.gathering = true;
    cluster->ops->delete_succeeded(cluster, indexes, count,
                                   (struct cluster_reply){ together_reply, pass });
}

/* The kind that follows; false: that was the last, or the one before failed. */
static bool acts_advance(struct pass *pass)
{
    struct acts *acts = &pass->acts;

    if (pass->rc < 0 || acts->kind == ACTION_CREATE)
        return false;
    *acts = (struct acts){ .kind = acts->kind == ACTION_RELEASE ? ACTION_DELETE : ACTION_CREATE };
    acts->window = acts->kind == ACTION_CREATE ? SLOW_START : AT_ONCE;
    if (acts->kind == ACTION_DELETE)
        together_start(pass);
    return true;
}

static void acts_turn(struct pass *pass)
{
    pass->turning = true;
    do {
        acts_fill(pass);
        if (pass->acts.under_way) {
            pass->turning = false;
            return; /* a reply goes on from here */
        }
    } while ((!pass->acts.stop && pass->acts.next < pass->decision.action_count) ||
             acts_advance(pass));
    pass_end(pass);
}

static void acts_begin(struct pass *pass)
{
    pass->acts = (struct acts){ .kind = ACTION_RELEASE, .window = AT_ONCE };
    acts_turn(pass);
}

static void status_reply(void *ctx, int rc, const struct err *err)
{
    struct pass *pass = ctx;
    struct track_job *track = pass->opts->track;

    if (rc < 0) {
        pass_fail(pass, err);
        (void)err_wrap(&pass->first, "status");
        pass_end(pass);
        return;
    }
    tell_status(pass);
    if (track && is_final(pass->decision.status.phase) && !is_final(pass->status.phase))
        track_expire(track, EXPIRE_S);
    acts_begin(pass);
}

/* Frames of segments that are not done, by their heartbeats. */
static int64_t frames_under_way(const struct pass *pass)
{
    const struct job_status *status = &pass->decision.status;
    int64_t frames = 0;

    for (size_t i = 0; i < pass->track.beat_count; i++) {
        const struct beat *beat = &pass->track.beats[i].beat;

        if (beat->id.stage == STAGE_CONVERT && beat->id.epoch == status->epoch && status->planned &&
            beat->id.index < status->plan.segments && !status->completed[beat->id.index])
            frames += beat->frames_done;
    }
    return frames;
}

static cJSON *status_build(const struct pass *pass)
{
    const cJSON *generation = json_path(pass->job, "metadata.generation");
    struct status_extra extra = { .progress = -1, .eta_ms = -1 };
    cJSON *json = status_to_json(&pass->decision.status);

    status_estimate(&extra, &pass->decision.status, frames_under_way(pass), pass->now_ms);
    if (cJSON_IsNumber(generation))
        extra.generation = (int64_t)generation->valuedouble;
    status_put_extra(json, &extra);
    return json;
}

/* The spec changed and nothing followed from it: whoever waits for observedGeneration is told. */
static bool is_unobserved(const struct pass *pass)
{
    const cJSON *generation = json_path(pass->job, "metadata.generation");
    const cJSON *observed = json_path(pass->job, "status.observedGeneration");

    return cJSON_IsNumber(generation) &&
           !(cJSON_IsNumber(observed) && observed->valuedouble == generation->valuedouble);
}

/* When the progress was last written, by the status itself, so that no pass needs a memory. */
static bool is_progress_due(struct pass *pass)
{
    uint32_t every_ms = pass->opts->progress_every_ms;
    int64_t written_ms = clock_parse(json_text(pass->job, "status.progressTime"));
    int64_t due_ms = written_ms + every_ms;

    if (!every_ms || pass->decision.status.phase != PHASE_CONVERTING)
        return false;
    if (written_ms < 0 || pass->now_ms >= due_ms)
        return true;
    if (!pass->decision.wake_ms || due_ms < pass->decision.wake_ms)
        pass->decision.wake_ms = due_ms;
    return false;
}

static void store_status(struct pass *pass)
{
    struct cluster *cluster = pass->opts->cluster;
    AUTO(cJSON) cJSON *json = status_build(pass);
    char now[32];

    if (pass->opts->progress_every_ms && pass->decision.status.phase == PHASE_CONVERTING) {
        clock_format(now, sizeof(now), pass->now_ms);
        json_add_str(json, "progressTime", now);
    }
    cluster->ops->write_status(cluster, json, (struct cluster_reply){ status_reply, pass });
}

void reconcile_start(const struct reconcile_opts *opts, int64_t now_ms, struct reconcile_end end)
{
    struct pass *pass = xcalloc(1, sizeof(*pass));
    struct err err;

    pass->opts = opts;
    pass->end = end;
    pass->now_ms = now_ms;
    if (observe(pass, &err) < 0) {
        pass_fail(pass, &err);
        pass_end(pass);
        return;
    }
    choose(pass, now_ms);
    if (is_progress_due(pass) || pass->decision.status_changed || is_unobserved(pass))
        store_status(pass);
    else
        acts_begin(pass);
}
