/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/job.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/control/objects.h"
#include "operator/control/volumes.h"

#include <string.h>

enum {
    BEAT_MS = 5000,
    PROGRESS_MS = 30000, /* a write to the API server, for people who watch */
    TIDY_MS = 60000,     /* the pods of done segments: others first */
    VOLUMES_MS = 30000,  /* a claim that does not fit may be replaced */
};

static void pass(struct job *job);

static bool is_over(const cJSON *object)
{
    const char *phase = json_text(object, "status.phase");

    return strcmp(phase, "Completed") == 0 || strcmp(phase, "Cancelled") == 0;
}

/* The track Secret ------------------------------------------------------------------------------*/

/* Its name is taken: by itself, made earlier. */
static void secret_created(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    (void)doc;
    if (status->code / 100 != 2 && status->code != 409) {
        job_fail(job, status, "track Secret");
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
    AUTO_FREE char *path = kube_path(&job_secrets, job->space, NULL, NULL, NULL);

    job_send(job, "POST", path, secret, KUBE_PATCH_NONE, secret_created);
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
    const cJSON *object = job_object(job);
    int count = object ? volumes_of(claims, object) : 0;

    if (status->code / 100 != 2 && status->code != 404) {
        job_fail(job, status, "PersistentVolumeClaim");
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
    const cJSON *object = job_object(job);
    int count = object ? volumes_of(claims, object) : 0;
    AUTO_FREE char *path = NULL;

    if (job->claim_at < count && !job->volume_problem[0]) {
        path = kube_path(&resource, job->space, claims[job->claim_at].name, NULL, NULL);
        job_send(job, "GET", path, NULL, KUBE_PATCH_NONE, claim_read);
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

/* The pass --------------------------------------------------------------------------------------*/

static void expired_deleted(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code == 409 || status->code / 100 == 2 || status->code == 404) {
        job_put(job, doc); /* changed meanwhile (a retry): the next pass sees it */
        job_end(job, 0, 0, NULL);
    } else {
        job_fail(job, status, "delete of the expired StereoJob");
    }
}

static void expired_delete(struct job *job, const cJSON *object)
{
    AUTO_FREE char *path = kube_path(&cluster_kube_jobs, job->space, job->name, NULL, NULL);
    AUTO(cJSON) cJSON *options = kube_delete_options(job->uid);

    json_path_set(options, "preconditions.resourceVersion",
                  cJSON_CreateString(json_text(object, "metadata.resourceVersion")));
    job_send(job, "DELETE", path, options, KUBE_PATCH_NONE, expired_deleted);
}

/* Those that were there at the last pass are counted, and forgotten when the next begins. */
bool job_has_all(const struct job *job)
{
    size_t count = job->watch ? track_done_count(job->watch) : 0;

    return count >= job->noted + job->left;
}

/* What waits for a claim looks again of itself. The last records may have come during the pass. */
static int64_t wake_of(const struct job *job, const struct reconcile_result *result)
{
    int64_t look_ms = clock_unix_ms() + VOLUMES_MS;

    if (job->left && job_has_all(job))
        return clock_unix_ms();
    if (!job->volume_problem[0] || (result->wake_ms && result->wake_ms < look_ms))
        return result->wake_ms;
    return look_ms;
}

static void left_note(struct job *job, const struct reconcile_result *result)
{
    const struct job_status *status = result->status;
    const cJSON *object = job_object(job);
    int64_t at_once = object ? parallelism_of(object) : 1;

    job->at_once = job->left = 0;
    job->noted = result->done_seen;
    if (status->phase != PHASE_CONVERTING || !status->planned)
        return;
    job->at_once = at_once < status->plan.segments ? (uint32_t)at_once : status->plan.segments;
    for (uint32_t i = 0; i < status->plan.segments; i++)
        job->left += !status->completed[i];
}

static void pass_end(void *ctx, int rc, const struct reconcile_result *result,
                     const struct err *err)
{
    struct job *job = ctx;
    const cJSON *object = job_object(job);
    bool going =
        object && job_is_deleted(object) && objects_has_finalizer(object, NAME_JOB_FINALIZER);

    if (rc == 0)
        left_note(job, result);
    if (going && rc < 0 && (err->code == ERR_CONFIG || err->code == ERR_INTERNAL))
        job->unreadable = true; /* or its status may not be written: it may go all the same */
    if (going && (rc == 0 || job->unreadable))
        job_clean(job);
    else if (rc == 0 && object && !job_is_deleted(object) && result->expired)
        expired_delete(job, object);
    else
        job_end(job, rc, rc == 0 ? wake_of(job, result) : 0, err);
}

static void watch_put(struct job *job, const cJSON *object)
{
    if (!job->watch && !is_over(object) && !job_is_deleted(object))
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
    const cJSON *object = job_object(job);

    if (object)
        watch_put(job, object);
    reconcile_start(&job->reconcile, clock_unix_ms(), (struct reconcile_end){ pass_end, job });
}

/* The track Secret may have been deleted by somebody. */
void job_pod_seen(struct job *job, const cJSON *pod)
{
    const char *reason = json_text(pod, "status.containerStatuses[0].state.waiting.reason");
    const char *words = json_text(pod, "status.containerStatuses[0].state.waiting.message");

    if (job->secret_made && strcmp(reason, "CreateContainerConfigError") == 0 &&
        strstr(words, job->secret))
        job->secret_made = false;
}

/* All but the status: that is the operator's own, and a spec that changes has a new generation. */
static char *others_of(const cJSON *object)
{
    static const char *const members[] = { "generation", "deletionTimestamp", "annotations",
                                           "finalizers" };
    const cJSON *metadata = json_path(object, "metadata");
    AUTO(cJSON) cJSON *others = cJSON_CreateObject();

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        cJSON *item = cJSON_GetObjectItemCaseSensitive(metadata, members[i]);

        if (item)
            (void)cJSON_AddItemReferenceToObject(others, members[i], item);
    }
    return json_print(others);
}

bool job_is_own_news(const struct job *job, const cJSON *object)
{
    AUTO_FREE char *others = others_of(object);

    return job->seen && strcmp(job->uid, json_text(object, "metadata.uid")) == 0 &&
           strcmp(job->seen, others) == 0;
}

void job_begin(struct job *job)
{
    const cJSON *object = job_object(job);

    if (!object) {
        job_end(job, 0, 0, NULL);
        return;
    }
    free(job->seen);
    job->seen = others_of(object);
    if (!job_is_deleted(object)) {
        if (job_hold(job))
            return;
        if (!job->secret_made && !is_over(object)) {
            secret_send(job, object);
            return;
        }
    }
    if (job_is_deleted(object) || is_over(object) || !volumes_begin(job, object))
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
    job->space = xstrdup(json_text(object, "metadata.namespace"));
    job->name = xstrdup(json_text(object, "metadata.name"));
    job->uid = xstrdup(json_text(object, "metadata.uid"));
    job->key = xasprintf("%s/%s", job->space, job->name);
    if (pods_work_uri(&job->work_uri, object, err) < 0) {
        if (!job_is_deleted(object))
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
        .tidy_ms = TIDY_MS,
        .event = job_tell,
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
    free(job->seen);
    free(job->work_uri);
    free(job);
}
