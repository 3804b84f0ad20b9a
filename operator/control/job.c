/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/job.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "operator/control/clean.h"
#include "operator/control/objects.h"
#include "operator/control/volumes.h"

#include <stdio.h>
#include <string.h>

enum {
    BEAT_MS = 5000,
    PROGRESS_MS = 30000,    /* a write to the API server, for people who watch */
    LOST_POD_MS = 30000,    /* after deletionTimestamp: a lost node never confirms */
    CLEAN_DEADLINE_S = 900, /* of one cleaning pod */
    VOLUMES_MS = 30000,     /* a claim that does not fit may be replaced */
    STRAY_MS = 1000,
    FORGET_S = 60, /* what Redis has of a job that is gone */
};

static const struct kube_resource secrets = { "", "v1", "secrets", "Secret" };

/* One request of a chain: its answer goes to `next` with the job. */
struct step {
    struct job *job;
    void (*next)(struct job *job, const struct kube_status *status, const cJSON *doc);
};

static void step_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct step step = *(struct step *)ctx;

    free(ctx);
    step.next(step.job, status, doc);
}

static void step_send(struct job *job, const char *method, const char *path, const cJSON *body,
                      enum kube_patch patch,
                      void (*next)(struct job *, const struct kube_status *, const cJSON *))
{
    struct step *step = xcalloc(1, sizeof(*step));
    const struct kube_request request = {
        .method = method, .path = path, .body = body, .patch = patch, .done = step_done, .ctx = step
    };

    *step = (struct step){ job, next };
    kube_call_start(job->area->api.client, &request, NULL);
}

static void pass(struct job *job);

static const cJSON *object_of(const struct job *job)
{
    struct cluster *cluster = cluster_kube_base(job->cluster);

    return cluster->ops->job(cluster);
}

static bool is_deleted(const cJSON *object)
{
    return json_path(object, "metadata.deletionTimestamp") != NULL;
}

static bool is_over(const cJSON *object)
{
    const char *phase = objects_text(object, "status.phase");

    return strcmp(phase, "Completed") == 0 || strcmp(phase, "Cancelled") == 0;
}

static void fail(struct job *job, const struct kube_status *status, const char *what)
{
    struct err err;

    (void)kube_status_err(&err, status, what);
    job_end(job, -1, 0, &err);
}

static bool is_warning(const char *reason)
{
    static const char *const normal[] = { "Pending",    "Planning",  "Converting", "Assembling",
                                          "Completed",  "Suspended", "Cancelled",  "Retried",
                                          "JobDeleted", NULL };

    for (const char *const *at = normal; *at; at++) {
        if (strcmp(*at, reason) == 0)
            return false;
    }
    return true;
}

static void tell(void *ctx, const char *reason, const char *message)
{
    struct job *job = ctx;
    const cJSON *object = object_of(job);

    if (is_warning(reason))
        log_warn("%s: %s: %s", job->key, reason, message);
    else
        log_info("%s: %s: %s", job->key, reason, message);
    if (object)
        kube_events_emit(job_opts(job)->events, object, is_warning(reason), reason, "Reconcile",
                         message);
}

/* The job's finalizer ---------------------------------------------------------------------------*/

static void job_put(const struct job *job, const cJSON *doc)
{
    if (strcmp(objects_text(doc, "kind"), "StereoJob") == 0)
        kube_reflector_put(job->area->api.jobs, doc);
}

static void job_reread(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    struct err held = job->held;

    if (status->code / 100 == 2)
        job_put(job, doc);
    job_end(job, -1, 0, &held);
}

/* What the cache holds is old: the job is read before it is tried again. */
static void finalizer_failed(struct job *job, const struct kube_status *status)
{
    AUTO_FREE char *path = kube_path(&cluster_kube_jobs, job->space, job->name, NULL, NULL);

    if (status->code != 409) {
        fail(job, status, "finalizer of the StereoJob");
        return;
    }
    (void)kube_status_err(&job->held, status, "finalizer of the StereoJob");
    step_send(job, "GET", path, NULL, KUBE_PATCH_NONE, job_reread);
}

static void finalizer_added(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code / 100 != 2) {
        finalizer_failed(job, status);
        return;
    }
    job_put(job, doc);
    job_begin(job);
}

static void finalizer_removed(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    (void)doc; /* the object is gone, or another's to remove */
    if (status->code / 100 != 2 && status->code != 404)
        finalizer_failed(job, status);
    else
        job_end(job, 0, 0, NULL);
}

static void finalizer_patch(struct job *job, const cJSON *patch,
                            void (*next)(struct job *, const struct kube_status *, const cJSON *))
{
    AUTO_FREE char *path = kube_path(&cluster_kube_jobs, job->space, job->name, NULL, NULL);

    step_send(job, "PATCH", path, patch, KUBE_PATCH_MERGE, next);
}

/* The track Secret ------------------------------------------------------------------------------*/

/* Its name is taken: by itself, made earlier. */
static void secret_created(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    (void)doc;
    if (status->code / 100 != 2 && status->code != 409) {
        fail(job, status, "track Secret");
        return;
    }
    job->secret_made = true;
    job_begin(job);
}

static struct objects_track track_of(const struct job *job)
{
    const struct control_opts *opts = job_opts(job);

    return (struct objects_track){ opts->worker_redis_url, opts->worker_redis_password,
                                   job->token };
}

static void secret_send(struct job *job, const cJSON *object)
{
    const struct objects_track track = track_of(job);
    AUTO(cJSON) cJSON *secret = objects_secret(object, job->secret, &track);
    AUTO_FREE char *path = kube_path(&secrets, job->space, NULL, NULL, NULL);

    step_send(job, "POST", path, secret, KUBE_PATCH_NONE, secret_created);
}

/* The claims ------------------------------------------------------------------------------------*/

static void volumes_next(struct job *job);

static int64_t parallelism_of(const cJSON *object)
{
    const cJSON *item = json_path(object, "spec.parallelism");

    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 1;
}

static void claim_read(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    struct volume_claim claims[VOLUMES_MAX];
    const cJSON *object = object_of(job);
    int count = object ? volumes_of(claims, object) : 0;

    if (status->code / 100 != 2 && status->code != 404) {
        fail(job, status, "PersistentVolumeClaim");
        return;
    }
    if (job->claim_at < count)
        (void)volumes_judge(job->volume_problem, sizeof(job->volume_problem),
                            &claims[job->claim_at], status->code == 404 ? NULL : doc,
                            parallelism_of(object));
    job->claim_at++;
    volumes_next(job);
}

/* One claim after the other, until one does not fit. */
static void volumes_next(struct job *job)
{
    static const struct kube_resource resource = { "", "v1", "persistentvolumeclaims",
                                                   "PersistentVolumeClaim" };
    struct volume_claim claims[VOLUMES_MAX];
    const cJSON *object = object_of(job);
    int count = object ? volumes_of(claims, object) : 0;
    AUTO_FREE char *path = NULL;

    if (job->claim_at < count && !job->volume_problem[0]) {
        path = kube_path(&resource, job->space, claims[job->claim_at].name, NULL, NULL);
        step_send(job, "GET", path, NULL, KUBE_PATCH_NONE, claim_read);
        return;
    }
    job->volumes_for = parallelism_of(object);
    job->reconcile.volume_problem = job->volume_problem[0] ? job->volume_problem : NULL;
    pass(job);
}

/* True: the answer is waited for. */
static bool volumes_begin(struct job *job, const cJSON *object)
{
    struct volume_claim claims[VOLUMES_MAX];

    if (volumes_of(claims, object) == 0 ||
        (job->volumes_for == parallelism_of(object) && !job->volume_problem[0]))
        return false;
    job->claim_at = 0;
    job->volume_problem[0] = '\0';
    volumes_next(job);
    return true;
}

/* Cleaning --------------------------------------------------------------------------------------*/

static void clean(struct job *job);

/* Steps of pods that no pass steers: an absent one is fine, what is left is looked at again. */
static void stray_done(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code / 100 != 2 && status->code != 404) {
        fail(job, status, "pod of the deleted StereoJob");
        return;
    }
    if (status->code == 404) { /* its end comes to the cache */
        job_end(job, 0, clock_unix_ms() + STRAY_MS, NULL);
        return;
    }
    if (strcmp(objects_text(doc, "kind"), "Pod") == 0)
        kube_reflector_put(job->area->api.pods, doc);
    clean(job);
}

/* A pod that a pass cannot read, somebody having changed its labels, and that is still held. */
static const cJSON *stray_of(const struct job *job)
{
    struct cluster *cluster = cluster_kube_base(job->cluster);
    const cJSON *pod; /* borrowed from the cluster */
    struct pod_view view;
    struct err err;

    cJSON_ArrayForEach(pod, cluster->ops->pods(cluster))
    {
        bool odd = job->unreadable || pods_view(&view, pod, job->token, &err) < 0;

        if (odd && (!is_deleted(pod) || objects_has_finalizer(pod, NAME_FINALIZER)))
            return pod;
    }
    return NULL;
}

static void stray_end(struct job *job, const cJSON *pod)
{
    AUTO_FREE char *path =
        kube_path(&cluster_kube_pods, job->space, objects_text(pod, "metadata.name"), NULL, NULL);
    AUTO(cJSON) cJSON *body = NULL;

    if (!is_deleted(pod)) {
        body = objects_delete_options(objects_text(pod, "metadata.uid"));
        step_send(job, "DELETE", path, body, KUBE_PATCH_NONE, stray_done);
        return;
    }
    body = objects_finalizer_remove(pod, NAME_FINALIZER);
    step_send(job, "PATCH", path, body, KUBE_PATCH_MERGE, stray_done);
}

/* A pod of the job that is still to be waited for. */
static bool pod_lingers(const cJSON *pod, int64_t now_ms)
{
    int64_t deleted_ms = clock_parse(objects_text(pod, "metadata.deletionTimestamp"));

    return deleted_ms <= 0 || objects_has_finalizer(pod, NAME_FINALIZER) ||
           now_ms < deleted_ms + LOST_POD_MS;
}

static size_t lingering(const struct job *job, int64_t now_ms)
{
    struct cluster *cluster = cluster_kube_base(job->cluster);
    const cJSON *pod; /* borrowed from the cluster */
    size_t count = 0;

    cJSON_ArrayForEach(pod, cluster->ops->pods(cluster)) count += pod_lingers(pod, now_ms);
    return count;
}

static void secret_gone(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    const cJSON *object = object_of(job);
    AUTO(cJSON) cJSON *patch = object ? objects_finalizer_remove(object, NAME_JOB_FINALIZER) : NULL;

    (void)doc;
    if (status->code / 100 != 2 && status->code != 404)
        fail(job, status, "track Secret");
    else if (!patch)
        job_end(job, 0, 0, NULL);
    else
        finalizer_patch(job, patch, finalizer_removed);
}

/* The cleaning pods first, then the Secret, and the finalizer last: what is left is seen again. */
static void cleaners_delete(struct job *job);

static void cleaner_deleted(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code / 100 != 2 && status->code != 404) {
        fail(job, status, "cleaning pod");
        return;
    }
    if (status->code == 404) { /* its end comes to the cache */
        job_end(job, 0, clock_unix_ms() + STRAY_MS, NULL);
        return;
    }
    if (strcmp(objects_text(doc, "kind"), "Pod") == 0)
        kube_reflector_put(job->area->api.pods, doc);
    cleaners_delete(job);
}

static const cJSON *cleaner_left(const struct job *job)
{
    const struct names *names = pod_index_cleaners(job->area->api.index, job->space, job->uid);

    for (size_t i = 0; i < names->count; i++) {
        const cJSON *pod = kube_reflector_get(job->area->api.pods, job->space, names->list[i]);

        if (pod && !is_deleted(pod))
            return pod;
    }
    return NULL;
}

/* What workers told last may have come after the job was over. Once, and unwatched: news of it
 * would wake the job, whatever it waits for. */
static void redis_forget(struct job *job)
{
    struct track_job *watch = TAKE(job->watch);

    job->reconcile.track = NULL;
    if (job->forgotten) {
        track_unwatch(watch);
        return;
    }
    job->forgotten = true;
    if (!watch)
        watch = track_watch(job_opts(job)->track, job->uid, job->token);
    track_expire(watch, FORGET_S);
    track_unwatch(watch);
}

static void cleaners_delete(struct job *job)
{
    const cJSON *pod = cleaner_left(job);
    AUTO(cJSON) cJSON *options = NULL;
    AUTO_FREE char *path = NULL;

    job->cleaned = true;
    if (!pod) {
        redis_forget(job);
        path = kube_path(&secrets, job->space, job->secret, NULL, NULL);
        step_send(job, "DELETE", path, NULL, KUBE_PATCH_NONE, secret_gone);
        return;
    }
    options = objects_delete_options(objects_text(pod, "metadata.uid"));
    path =
        kube_path(&cluster_kube_pods, job->space, objects_text(pod, "metadata.name"), NULL, NULL);
    step_send(job, "DELETE", path, options, KUBE_PATCH_NONE, cleaner_deleted);
}

static void cleaner_created(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code / 100 == 2) {
        kube_reflector_put(job->area->api.pods, doc);
        job_end(job, 0, 0, NULL);
    } else if (status->code == 403 || status->code == 422) {
        /* A namespace that is going away, a quota that will not change: nobody waits for that. */
        char why[500];

        (void)snprintf(why, sizeof(why), "%s is left: %s", job->work_uri, status->message);
        tell(job, "CleaningGivenUp", why);
        cleaners_delete(job);
    } else {
        fail(job, status, "cleaning pod");
    }
}

static void cleaner_create(struct job *job, uint32_t attempt)
{
    struct pods_context context = job->reconcile.pods;
    AUTO_FREE char *path = kube_path(&cluster_kube_pods, job->space, NULL, NULL, NULL);
    AUTO(cJSON) cJSON *pod = NULL;

    context.job = object_of(job);
    pod = pods_clean_manifest(&context, attempt);
    json_path_set(pod, "spec.activeDeadlineSeconds", cJSON_CreateNumber(CLEAN_DEADLINE_S));
    step_send(job, "POST", path, pod, KUBE_PATCH_NONE, cleaner_created);
}

static void clean_look(const struct job *job, struct clean_decision *out, int64_t now_ms)
{
    const struct names *names = pod_index_cleaners(job->area->api.index, job->space, job->uid);
    bool begun = objects_text(object_of(job), "status.startTime")[0] != '\0';
    const cJSON **pods = xcalloc(names->count + 1, sizeof(*pods));
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++) {
        pods[count] = kube_reflector_get(job->area->api.pods, job->space, names->list[i]);
        count += pods[count] != NULL;
    }
    clean_decide(out, begun, pods, count, now_ms);
    free(pods);
}

static void clean(struct job *job)
{
    int64_t now_ms = clock_unix_ms();
    const cJSON *stray = stray_of(job);
    struct clean_decision decision;
    char why[500];

    if (stray) {
        stray_end(job, stray);
        return;
    }
    if (lingering(job, now_ms) > 0) {
        job_end(job, 0, now_ms + LOST_POD_MS, NULL);
        return;
    }
    if (job->cleaned) {
        cleaners_delete(job);
        return;
    }
    clean_look(job, &decision, now_ms);
    switch (decision.step) {
    case CLEAN_WAIT:
        job_end(job, 0, decision.wake_ms, NULL);
        return;
    case CLEAN_CREATE:
        cleaner_create(job, decision.attempt);
        return;
    case CLEAN_GIVE_UP:
        (void)snprintf(why, sizeof(why), "%s is left: %s", job->work_uri, decision.why);
        tell(job, "CleaningGivenUp", why);
        cleaners_delete(job);
        return;
    case CLEAN_FINISH:
        cleaners_delete(job);
        return;
    }
}

/* The pass --------------------------------------------------------------------------------------*/

static void expired_deleted(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code == 409 || status->code / 100 == 2 || status->code == 404) {
        job_put(job, doc); /* changed meanwhile (a retry): the next pass sees it */
        job_end(job, 0, 0, NULL);
    } else {
        fail(job, status, "delete of the expired StereoJob");
    }
}

static void expired_delete(struct job *job, const cJSON *object)
{
    AUTO_FREE char *path = kube_path(&cluster_kube_jobs, job->space, job->name, NULL, NULL);
    AUTO(cJSON) cJSON *options = objects_delete_options(job->uid);

    json_path_set(options, "preconditions.resourceVersion",
                  cJSON_CreateString(objects_text(object, "metadata.resourceVersion")));
    step_send(job, "DELETE", path, options, KUBE_PATCH_NONE, expired_deleted);
}

/* What waits for a claim looks again of itself. */
static int64_t wake_of(const struct job *job, const struct reconcile_result *result)
{
    int64_t look_ms = clock_unix_ms() + VOLUMES_MS;

    if (!job->volume_problem[0] || (result->wake_ms && result->wake_ms < look_ms))
        return result->wake_ms;
    return look_ms;
}

static void left_note(struct job *job, const struct job_status *status)
{
    job->segments = job->left = 0;
    if (status->phase != PHASE_CONVERTING || !status->planned)
        return;
    job->segments = status->plan.segments;
    for (uint32_t i = 0; i < job->segments; i++)
        job->left += !status->completed[i];
}

static void pass_end(void *ctx, int rc, const struct reconcile_result *result,
                     const struct err *err)
{
    struct job *job = ctx;
    const cJSON *object = object_of(job);
    bool going = object && is_deleted(object) && objects_has_finalizer(object, NAME_JOB_FINALIZER);

    if (rc == 0)
        left_note(job, result->status);
    if (going && rc < 0 && (err->code == ERR_CONFIG || err->code == ERR_INTERNAL))
        job->unreadable = true; /* or its status may not be written: it may go all the same */
    if (going && (rc == 0 || job->unreadable))
        clean(job);
    else if (rc == 0 && object && !is_deleted(object) && result->expired)
        expired_delete(job, object);
    else
        job_end(job, rc, rc == 0 ? wake_of(job, result) : 0, err);
}

static void watch_put(struct job *job, const cJSON *object)
{
    if (!job->watch && !is_over(object) && !is_deleted(object))
        job->watch = track_watch(job_opts(job)->track, job->uid, job->token);
    if (job->watch && is_over(object)) {
        track_unwatch(job->watch);
        job->watch = NULL;
    }
    job->reconcile.track = job->watch;
    job->reconcile.tracking_wanted = job->watch != NULL;
}

static void pass(struct job *job)
{
    const cJSON *object = object_of(job);

    if (object)
        watch_put(job, object);
    reconcile_start(&job->reconcile, clock_unix_ms(), (struct reconcile_end){ pass_end, job });
}

/* The track Secret may have been deleted by somebody. */
void job_pod_seen(struct job *job, const cJSON *pod)
{
    const char *reason = objects_text(pod, "status.containerStatuses[0].state.waiting.reason");
    const char *words = objects_text(pod, "status.containerStatuses[0].state.waiting.message");

    if (job->secret_made && strcmp(reason, "CreateContainerConfigError") == 0 &&
        strstr(words, job->secret))
        job->secret_made = false;
}

void job_begin(struct job *job)
{
    const cJSON *object = object_of(job);
    AUTO(cJSON) cJSON *patch = NULL;

    if (!object) {
        job_end(job, 0, 0, NULL);
        return;
    }
    if (!is_deleted(object)) {
        patch = objects_finalizer_add(object, NAME_JOB_FINALIZER);
        if (patch) {
            finalizer_patch(job, patch, finalizer_added);
            return;
        }
        if (!job->secret_made && !is_over(object)) {
            secret_send(job, object);
            return;
        }
    }
    if (is_deleted(object) || is_over(object) || !volumes_begin(job, object))
        pass(job);
}

AUTO_DEFINE(job, struct job *, job_free)

int job_new(struct job **out, struct area *area, const cJSON *object, struct err *err)
{
    const struct control_opts *opts;
    struct objects_track track;
    AUTO(job) struct job *job = xcalloc(1, sizeof(*job));

    job->area = area;
    opts = job_opts(job);
    job->space = xstrdup(objects_text(object, "metadata.namespace"));
    job->name = xstrdup(objects_text(object, "metadata.name"));
    job->uid = xstrdup(objects_text(object, "metadata.uid"));
    job->key = xasprintf("%s/%s", job->space, job->name);
    if (pods_work_uri(&job->work_uri, object, err) < 0) {
        if (!is_deleted(object))
            return err_wrap(err, "%s", job->key);
        job->work_uri = xstrdup(""); /* nobody knows where its work was: it may go all the same */
        job->cleaned = true;
    }
    objects_token(job->token, opts->key, opts->key_len, job->uid);
    track = track_of(job);
    job->secret = objects_secret_name(job->name, opts->key, opts->key_len, &track);
    job->cluster = cluster_kube_new(&area->api, job->space, job->name, job->uid);
    job->memo = memo_new();
    job->reconcile = (struct reconcile_opts){
        .cluster = cluster_kube_base(job->cluster),
        .memo = job->memo,
        .token_hex = job->token,
        .pods = { .image = opts->worker_image,
                  .work_uri = job->work_uri,
                  .build = "",
                  .secret = job->secret,
                  .beat_ms = BEAT_MS,
                  .tracking = true,
                  .cluster = opts->pods },
        .progress_every_ms = PROGRESS_MS,
        .event = tell,
        .ctx = job,
    };
    *out = TAKE(job);
    return 0;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    track_unwatch(job->watch);
    cluster_kube_free(job->cluster);
    memo_free(job->memo);
    explicit_bzero(job->token, sizeof(job->token));
    free(job->key);
    free(job->space);
    free(job->name);
    free(job->uid);
    free(job->secret);
    free(job->work_uri);
    free(job);
}
