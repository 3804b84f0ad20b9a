/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/reconcile/reconcile.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DEGRADED_AFTER_MS = 5000, /* a Redis that fails over within this is no news */
    EXPIRE_S = 3600,          /* the hashes of a job that is over */
};

struct pass {
    const struct reconcile_opts *opts;
    const cJSON *job;      /* borrowed from the cluster */
    struct job_spec *spec; /* owned, as all here */
    struct job_status status;
    struct pod_view *views;
    size_t view_count;
    struct track_snapshot track;
    struct decision decision;
};

static void pass_clear(struct pass *pass)
{
    spec_free(pass->spec);
    job_status_clear(&pass->status);
    free(pass->views);
    track_snapshot_clear(&pass->track);
    decision_clear(&pass->decision);
}

static const char *text_at(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsString(item) ? item->valuestring : "";
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

static void view_beat(struct pod_view *view, const struct track_snapshot *track)
{
    for (size_t i = 0; i < track->beat_count; i++) {
        if (id_equal(&track->beats[i].beat.id, &view->id))
            view->progress_ms = track->beats[i].progress_ms;
    }
}

/* A pod that is not to be understood (somebody changed its labels) holds up nobody: the name of its
 * successor is taken or free, and the API server knows which. */
static void views_read(struct pass *pass)
{
    const cJSON *pods = pass->opts->cluster->ops->pods(pass->opts->cluster);
    const cJSON *pod; /* borrowed from pods */
    struct err err;

    pass->views = xcalloc((size_t)cJSON_GetArraySize(pods) + 1, sizeof(pass->views[0]));
    cJSON_ArrayForEach(pod, pods)
    {
        struct pod_view *view = &pass->views[pass->view_count];

        if (pods_view(view, pod, pass->opts->token_hex, &err) < 0)
            continue;
        if (view->phase == POD_RUNNING)
            view_beat(view, &pass->track);
        pass->view_count++;
    }
}

static int observe(struct pass *pass, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;

    pass->job = cluster->ops->job(cluster);
    if (spec_parse(&pass->spec, pass->job, err) < 0 ||
        status_from_json(&pass->status, json_path(pass->job, "status"), err) < 0)
        return -1;
    if (pass->opts->track)
        track_snapshot(pass->opts->track, &pass->track);
    views_read(pass);
    return 0;
}

static void choose(struct pass *pass, int64_t now_ms)
{
    const struct observed seen = {
        .now_ms = now_ms,
        .uid = text_at(pass->job, "metadata.uid"),
        .deleted = json_path(pass->job, "metadata.deletionTimestamp") != NULL,
        .retry = annotation(pass->job, ANNOTATION_RETRY),
        .discard = annotation(pass->job, ANNOTATION_DISCARD) != NULL,
        .pods = pass->views,
        .pod_count = pass->view_count,
        .tracking_up_ms = pass->track.up_ms,
        .tracking_away_ms = pass->track.away_ms,
        .tracking_wanted = pass->opts->tracking_wanted,
        .done = pass->track.done,
        .done_count = pass->track.done_count,
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

static int store_status(const struct pass *pass, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;
    AUTO(cJSON) cJSON *json = NULL;

    if (!pass->decision.status_changed)
        return 0;
    json = status_to_json(&pass->decision.status);
    if (cluster->ops->write_status(cluster, json, err) < 0)
        return err_wrap(err, "status");
    tell_status(pass);
    if (pass->opts->track && is_final(pass->decision.status.phase) && !is_final(pass->status.phase))
        track_expire(pass->opts->track, EXPIRE_S);
    return 0;
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

static int act_create(const struct pass *pass, const struct action *action, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;
    struct pods_context context = pass->opts->pods;
    AUTO(cJSON) cJSON *manifest = NULL;

    context.job = cluster->ops->job(cluster); /* the status write may have replaced it */
    if (pass->decision.status.planned) {
        context.memory_bytes = pass->decision.status.plan.memory_bytes;
        if (pass->decision.status.plan.build[0])
            context.build = pass->decision.status.plan.build;
    }
    manifest = pods_manifest(&context, action);
    if (cluster->ops->create_pod(cluster, manifest, err) < 0)
        return err->code == ERR_CONFLICT ? 0 : -1;
    tell_retry(pass, &action->id);
    return 0;
}

/* The verdict first: a pod that dies of our delete would look as if somebody else had wanted it. */
static int act_delete(const struct pass *pass, const struct action *action, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;

    if (action->has_verdict) {
        tell(pass->opts, action->reason, "pod %s is deleted", action->pod);
        if (cluster->ops->annotate_pod(cluster, action->pod, ANNOTATION_VERDICT,
                                       class_name(action->verdict), err) < 0)
            return -1;
    }
    return cluster->ops->delete_pod(cluster, action->pod, err);
}

static int act(const struct pass *pass, const struct action *action, struct err *err)
{
    struct cluster *cluster = pass->opts->cluster;

    switch (action->kind) {
    case ACTION_RELEASE:
        return cluster->ops->release_pod(cluster, action->pod, err);
    case ACTION_DELETE:
        return act_delete(pass, action, err);
    case ACTION_CREATE:
        return act_create(pass, action, err);
    }
    return 0;
}

/* One action that is refused does not hold up the others; a cluster that is away does. */
static int act_kind(const struct pass *pass, enum action_kind kind, struct err *first)
{
    int rc = 0;

    for (size_t i = 0; i < pass->decision.action_count; i++) {
        const struct action *action = &pass->decision.actions[i];
        struct err err;

        if (action->kind != kind || act(pass, action, &err) == 0 || err.code == ERR_NOT_FOUND)
            continue;
        if (rc == 0)
            *first = err;
        rc = -1;
        if (err.code == ERR_DEPENDENCY)
            break;
    }
    return rc;
}

static int pass_run(struct pass *pass, int64_t now_ms, struct err *err)
{
    static const enum action_kind order[] = { ACTION_RELEASE, ACTION_DELETE, ACTION_CREATE };

    if (observe(pass, err) < 0)
        return -1;
    choose(pass, now_ms);
    if (store_status(pass, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (act_kind(pass, order[i], err) < 0)
            return -1;
    }
    return 0;
}

int reconcile_pass(const struct reconcile_opts *opts, int64_t now_ms, struct job_status *status,
                   int64_t *wake_ms, struct err *err)
{
    struct pass pass = { .opts = opts };
    int rc = pass_run(&pass, now_ms, err);

    if (rc == 0) {
        *wake_ms = pass.decision.wake_ms;
        if (status) {
            job_status_clear(status);
            job_status_copy(status, &pass.decision.status);
        }
    }
    pass_clear(&pass);
    return rc;
}
