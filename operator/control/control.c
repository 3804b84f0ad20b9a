/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/control.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "operator/control/job.h"
#include "operator/control/objects.h"
#include "operator/control/orphans.h"

#include <stdio.h>
#include <string.h>

enum {
    PASSES_AT_ONCE = 64,  /* each lends documents from the caches */
    SETTLE_MS = 50,       /* events of a job that come together are one pass */
    SETTLE_MAX_MS = 2000, /* of many at a time: a status write for each costs more than it says */
    SETTLE_SEGMENT_MS = 2,
    REFUSED_MS = 60000, /* what cannot be as it is: looked at again, should the cluster change */
    ORPHANS_MS = 30000, /* a look that was refused, or came too early, is made again */
};

struct control {
    struct control_opts opts;
    struct area *areas; /* owned */
    size_t area_count;
    struct pod_index *index;   /* owned */
    struct map by_key, by_uid; /* struct job, owned by by_key */
    struct work *work;         /* owned */
    struct orphans *orphans;   /* owned */
    uv_timer_t resync, orphans_timer;
    int handles;    /* of libuv, open */
    uv_poll_t news; /* of the tracking thread */
    bool news_open, leads;
};

const struct control_opts *job_opts(const struct job *job)
{
    return &job->area->control->opts;
}

static void key_of(char out[320], const cJSON *object)
{
    (void)snprintf(out, 320, "%s/%s", json_text(object, "metadata.namespace"),
                   json_text(object, "metadata.name"));
}

/* The jobs that are known -----------------------------------------------------------------------*/

static void job_drop(struct control *control, struct job *job)
{
    (void)map_remove(&control->by_key, job->key);
    if (map_get(&control->by_uid, job->uid) == job)
        (void)map_remove(&control->by_uid, job->uid);
    orphans_look(control->orphans, job->area, job->space, job->name, job->uid);
    job_free(job);
}

static const cJSON *object_find(struct control *control, const char *key, struct area **area)
{
    const char *slash = strchr(key, '/');
    char space[64];

    (void)snprintf(space, sizeof(space), "%.*s", (int)(slash - key), key);
    for (size_t i = 0; i < control->area_count; i++) {
        const cJSON *object = kube_reflector_get(control->areas[i].api.jobs, space, slash + 1);

        *area = &control->areas[i];
        if (object)
            return object;
    }
    return NULL;
}

/* What is not to be understood is said once a minute, and changes nothing. */
static void job_refuse(struct control *control, const char *key, const cJSON *object,
                       const struct err *err)
{
    log_warn("%s: %s", key, err->msg);
    kube_events_emit(control->opts.events, object, true, "InvalidSpec", "Reconcile", err->msg);
    work_add_after(control->work, key, REFUSED_MS);
    work_done(control->work, key);
}

static void key_run(void *ctx, const char *key)
{
    struct control *control = ctx;
    struct job *job = map_get(&control->by_key, key);
    struct area *area;
    const cJSON *object = object_find(control, key, &area);
    struct err err;

    if (job && (!object || strcmp(job->uid, json_text(object, "metadata.uid")) != 0)) {
        job_drop(control, job);
        job = NULL;
    }
    if (!object) {
        work_forget(control->work, key);
        work_done(control->work, key);
        return;
    }
    if (!job) {
        if (job_new(&job, area, object, &err) < 0) {
            job_refuse(control, key, object, &err);
            return;
        }
        map_put(&control->by_key, job->key, job);
        map_put(&control->by_uid, job->uid, job);
    }
    job->begun_us = clock_mono_us();
    job_begin(job);
}

static void again(struct control *control, struct job *job, const struct err *err)
{
    switch (err->code) {
    case ERR_NOT_FOUND:
        work_forget(control->work, job->key);
        return;
    case ERR_INTERNAL: /* a status that somebody else has written */
    case ERR_CONFIG:
        log_warn("%s: %s", job->key, err->msg);
        if (job->reconcile.event)
            job->reconcile.event(job->reconcile.ctx, "Refused", err->msg);
        work_add_after(control->work, job->key, REFUSED_MS);
        return;
    default:
        log_warn("%s: %s; tried again", job->key, err->msg);
        work_add_backoff(control->work, job->key);
        return;
    }
}

void job_end(struct job *job, int rc, int64_t wake_ms, const struct err *err)
{
    struct control *control = job->area->control;
    const struct control_opts *opts = &control->opts;
    int64_t now_ms = clock_unix_ms();

    log_debug("%s: %s, %lld ms", job->key, rc < 0 ? err->msg : "passed",
              (long long)(clock_mono_us() - job->begun_us) / 1000);
    if (opts->passed)
        opts->passed(opts->ctx, rc, rc < 0 ? err->code : ERR_NONE, wake_ms > 0,
                     (double)(clock_mono_us() - job->begun_us) / 1e6);
    if (rc < 0)
        again(control, job, err);
    else
        work_forget(control->work, job->key);
    if (rc == 0 && wake_ms > 0)
        work_add_after(control->work, job->key, wake_ms > now_ms ? wake_ms - now_ms : 0);
    work_done(control->work, job->key);
}

static void orphan_look(struct area *area, const cJSON *pod)
{
    const cJSON *labels = json_path(pod, "metadata.labels");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(labels, LABEL_JOB);

    if (cJSON_IsString(name))
        orphans_look(area->control->orphans, area, json_text(pod, "metadata.namespace"),
                     name->valuestring, pod_index_uid(pod));
}

static void orphan_check(void *ctx, const char *space, const char *uid, const struct names *names)
{
    struct control *control = ctx;

    if (map_get(&control->by_uid, uid))
        return;
    for (size_t i = 0; i < control->area_count; i++) {
        struct area *area = &control->areas[i];
        const cJSON *pod = kube_reflector_get(area->api.pods, space, names->list[0]);

        if (pod)
            orphan_look(area, pod);
    }
}

static void orphans_due(uv_timer_t *timer)
{
    struct control *control = timer->data;

    pod_index_each(control->index, orphan_check, control);
}

/* What the caches and Redis tell ----------------------------------------------------------------*/

/* The more are under way, the more come together. */
static int64_t settle_ms(const struct job *job)
{
    int64_t ms = (int64_t)job->at_once * SETTLE_SEGMENT_MS;

    ms = ms > SETTLE_MS ? ms : SETTLE_MS;
    return ms < SETTLE_MAX_MS ? ms : SETTLE_MAX_MS;
}

/* A status that we wrote is news to nobody here: passes that follow each other by it alone would
 * write one for every few segments. */
static void job_changed(void *ctx, enum kube_event event, const cJSON *object)
{
    struct area *area = ctx;
    struct control *control = area->control;
    const struct job *job;
    char key[320];

    key_of(key, object);
    job = map_get(&control->by_key, key);
    if (event == KUBE_MODIFIED && job && job_is_own_news(job, object))
        work_add_after(control->work, key, settle_ms(job));
    else
        work_add(control->work, key, !control_is_synced(control));
}

/* A failed pod, or one that somebody deletes, wants a successor. */
static bool is_bad_news(const cJSON *pod)
{
    const char *phase = json_text(pod, "status.phase");

    return strcmp(phase, "Failed") == 0 ||
           (json_path(pod, "metadata.deletionTimestamp") && strcmp(phase, "Succeeded") != 0);
}

static void pod_changed(void *ctx, enum kube_event event, const cJSON *pod)
{
    struct area *area = ctx;
    struct control *control = area->control;
    struct job *job = map_get(&control->by_uid, pod_index_uid(pod));

    if (job)
        job_pod_seen(job, pod);
    if (event == KUBE_DELETED)
        pod_index_remove(control->index, pod);
    else
        pod_index_add(control->index, pod);
    if (job)
        work_add_after(control->work, job->key, is_bad_news(pod) ? SETTLE_MS : settle_ms(job));
    else if (control->leads && event != KUBE_DELETED)
        orphan_look(area, pod);
}

static void news_of(void *ctx, const char *uid)
{
    struct control *control = ctx;
    const struct job *job = map_get(&control->by_uid, uid);

    if (!job)
        return;
    /* Some of many segments can wait for others; the last one, the plan and the output cannot. */
    if (job->watch && job->left && !job_has_all(job))
        work_add_after(control->work, job->key, settle_ms(job));
    else
        work_add(control->work, job->key, false);
}

static void news_came(uv_poll_t *poll, int status, int events)
{
    struct control *control = poll->data;

    (void)status;
    (void)events;
    track_news(control->opts.track, news_of, control);
}

static void area_synced(void *ctx)
{
    const struct control_opts *opts = &((struct area *)ctx)->control->opts;

    if (opts->synced)
        opts->synced(opts->ctx);
}

static void jobs_reconnected(void *ctx, const char *reason, bool relist)
{
    const struct control_opts *opts = &((struct area *)ctx)->control->opts;

    if (opts->reconnected)
        opts->reconnected(opts->ctx, "stereojobs", reason, relist);
}

static void pods_reconnected(void *ctx, const char *reason, bool relist)
{
    const struct control_opts *opts = &((struct area *)ctx)->control->opts;

    if (opts->reconnected)
        opts->reconnected(opts->ctx, "pods", reason, relist);
}

/* The whole -------------------------------------------------------------------------------------*/

static int area_open(struct area *area, struct control *control, const char *space, struct err *err)
{
    struct kube_reflector_opts jobs = { .client = control->opts.client,
                                        .resource = cluster_kube_jobs,
                                        .space = space,
                                        .keep = cluster_kube_keep_job,
                                        .changed = job_changed,
                                        .synced = area_synced,
                                        .reconnected = jobs_reconnected,
                                        .ctx = area };
    struct kube_reflector_opts pods = { .client = control->opts.client,
                                        .resource = cluster_kube_pods,
                                        .space = space,
                                        .selector = CLUSTER_KUBE_SELECTOR,
                                        .wanted = cluster_kube_pod_wanted,
                                        .changed = pod_changed,
                                        .synced = area_synced,
                                        .reconnected = pods_reconnected,
                                        .ctx = area };

    area->control = control;
    area->api.client = control->opts.client;
    area->api.index = control->index;
    if (kube_reflector_open(&area->api.jobs, &jobs, err) < 0)
        return -1;
    return kube_reflector_open(&area->api.pods, &pods, err);
}

static int areas_open(struct control *control, struct err *err)
{
    size_t count = 0;

    while (control->opts.spaces && control->opts.spaces[count])
        count++;
    control->area_count = count ? count : 1;
    control->areas = xcalloc(control->area_count, sizeof(control->areas[0]));
    for (size_t i = 0; i < control->area_count; i++) {
        if (area_open(&control->areas[i], control, count ? control->opts.spaces[i] : NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int news_open(struct control *control, struct err *err)
{
    int rc = uv_poll_init(control->opts.loop, &control->news, track_fd(control->opts.track));

    if (rc < 0)
        return err_set(err, ERR_INTERNAL, "tracking: %s", uv_strerror(rc));
    control->news.data = control;
    control->news_open = true;
    control->handles++;
    rc = uv_poll_start(&control->news, UV_READABLE, news_came);
    return rc < 0 ? err_set(err, ERR_INTERNAL, "tracking: %s", uv_strerror(rc)) : 0;
}

AUTO_DEFINE(control, struct control *, control_close)

int control_open(struct control **out, const struct control_opts *opts, struct err *err)
{
    AUTO(control) struct control *control = xcalloc(1, sizeof(*control));
    const struct work_opts work = {
        .loop = opts->loop, .at_once = PASSES_AT_ONCE, .run = key_run, .ctx = control
    };

    control->opts = *opts;
    control->index = pod_index_new();
    control->work = work_open(&work);
    control->orphans = orphans_new();
    (void)uv_timer_init(opts->loop, &control->resync);
    (void)uv_timer_init(opts->loop, &control->orphans_timer);
    control->resync.data = control->orphans_timer.data = control;
    control->handles = 2;
    if (areas_open(control, err) < 0 || news_open(control, err) < 0)
        return -1;
    *out = TAKE(control);
    return 0;
}

static void job_free_each(void *ctx, const char *key, void *value)
{
    (void)ctx;
    (void)key;
    job_free(value);
}

static void control_release(struct control *control)
{
    map_each(&control->by_key, job_free_each, NULL);
    map_clear(&control->by_key);
    map_clear(&control->by_uid);
    pod_index_free(control->index);
    free(control->areas);
    free(control);
}

static void handle_closed(uv_handle_t *handle)
{
    struct control *control = handle->data;

    if (--control->handles == 0)
        control_release(control);
}

void control_close(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < control->area_count; i++) {
        kube_reflector_close(control->areas[i].api.jobs);
        kube_reflector_close(control->areas[i].api.pods);
    }
    work_close(control->work);
    orphans_free(control->orphans);
    uv_close((uv_handle_t *)&control->orphans_timer, handle_closed);
    if (control->news_open)
        uv_close((uv_handle_t *)&control->news, handle_closed);
    uv_close((uv_handle_t *)&control->resync, handle_closed);
}

bool control_is_synced(const struct control *control)
{
    for (size_t i = 0; i < control->area_count; i++) {
        const struct cluster_kube_api *api = &control->areas[i].api;

        if (!api->jobs || !api->pods || !kube_reflector_is_synced(api->jobs) ||
            !kube_reflector_is_synced(api->pods))
            return false;
    }
    return true;
}

int64_t control_heard_us(const struct control *control)
{
    int64_t oldest_us = clock_mono_us();

    for (size_t i = 0; i < control->area_count; i++) {
        const struct cluster_kube_api *api = &control->areas[i].api;
        int64_t jobs_us = kube_reflector_heard_us(api->jobs);
        int64_t pods_us = kube_reflector_heard_us(api->pods);

        oldest_us = jobs_us < oldest_us ? jobs_us : oldest_us;
        oldest_us = pods_us < oldest_us ? pods_us : oldest_us;
    }
    return oldest_us;
}

static void job_know(void *ctx, const cJSON *object)
{
    struct area *area = ctx;
    char key[320];

    key_of(key, object);
    work_add(area->control->work, key, true);
}

/* For what no event ever told: a lost timer must not be a job that stands still for ever. */
static void resync_fired(uv_timer_t *timer)
{
    struct control *control = timer->data;

    for (size_t i = 0; i < control->area_count; i++)
        kube_reflector_each(control->areas[i].api.jobs, job_know, &control->areas[i]);
}

/* Pods whose job is not in the cache are looked at live; the others wait for their job's turn. */
void control_lead(struct control *control)
{
    control->leads = true;
    for (size_t i = 0; i < control->area_count; i++) {
        struct area *area = &control->areas[i];

        kube_reflector_each(area->api.jobs, job_know, area);
    }
    pod_index_each(control->index, orphan_check, control);
    (void)uv_timer_start(&control->orphans_timer, orphans_due, ORPHANS_MS, ORPHANS_MS);
    work_start(control->work);
    if (control->opts.resync_ms > 0)
        (void)uv_timer_start(&control->resync, resync_fired, (uint64_t)control->opts.resync_ms,
                             (uint64_t)control->opts.resync_ms);
}

void control_stop(struct control *control, void (*idle)(void *ctx), void *ctx)
{
    control->leads = false;
    (void)uv_timer_stop(&control->orphans_timer);
    work_drain(control->work, idle, ctx);
}

void control_work_stats(const struct control *control, struct work_stats *out)
{
    work_stats(control->work, out);
}

static void phase_count(void *ctx, const cJSON *object)
{
    struct control_counts *counts = ctx;
    enum phase phase;

    if (phase_of_name(&phase, json_text(object, "status.phase")) < 0)
        phase = PHASE_PENDING;
    counts->jobs[phase]++;
}

void control_counts(const struct control *control, struct control_counts *out)
{
    *out = (struct control_counts){ 0 };
    for (size_t i = 0; i < control->area_count; i++) {
        kube_reflector_each(control->areas[i].api.jobs, phase_count, out);
        out->pods += kube_reflector_count(control->areas[i].api.pods);
    }
}
