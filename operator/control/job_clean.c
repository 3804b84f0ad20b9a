/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/mem.h"
#include "operator/control/clean.h"
#include "operator/control/job.h"
#include "operator/control/objects.h"

#include <stdio.h>
#include <string.h>

enum {
    LOST_POD_MS = 30000,    /* after deletionTimestamp: a lost node never confirms */
    CLEAN_DEADLINE_S = 900, /* of one cleaning pod */
    STRAY_MS = 1000,
    FORGET_S = 60, /* what Redis has of a job that is gone */
};

/* Of a pod that no pass steers: an absent one is fine, what is left is looked at again. */
static void pod_ended(struct job *job, const struct kube_status *status, const cJSON *doc)
{
    if (status->code / 100 != 2 && status->code != 404) {
        job_fail(job, status, "pod of the deleted StereoJob");
        return;
    }
    if (status->code == 404) { /* its end comes to the cache */
        job_end(job, 0, clock_unix_ms() + STRAY_MS, NULL);
        return;
    }
    if (strcmp(json_text(doc, "kind"), "Pod") == 0)
        kube_reflector_put(job->area->api.pods, doc);
    job_clean(job);
}

static void pod_delete(struct job *job, const cJSON *pod)
{
    AUTO_FREE char *path =
        kube_path(&cluster_kube_pods, job->space, json_text(pod, "metadata.name"), NULL, NULL);
    AUTO(cJSON) cJSON *options = kube_delete_options(json_text(pod, "metadata.uid"));

    job_send(job, "DELETE", path, options, KUBE_PATCH_NONE, pod_ended);
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

        if (odd && (!job_is_deleted(pod) || objects_has_finalizer(pod, NAME_FINALIZER)))
            return pod;
    }
    return NULL;
}

static void stray_end(struct job *job, const cJSON *pod)
{
    AUTO_FREE char *path = NULL;
    AUTO(cJSON) cJSON *patch = NULL;

    if (!job_is_deleted(pod)) {
        pod_delete(job, pod);
        return;
    }
    patch = objects_finalizer_remove(pod, NAME_FINALIZER);
    path = kube_path(&cluster_kube_pods, job->space, json_text(pod, "metadata.name"), NULL, NULL);
    job_send(job, "PATCH", path, patch, KUBE_PATCH_MERGE, pod_ended);
}

/* A pod of the job that is still to be waited for. */
static bool pod_lingers(const cJSON *pod, int64_t now_ms)
{
    int64_t deleted_ms = clock_parse(json_text(pod, "metadata.deletionTimestamp"));

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
    (void)doc;
    if (status->code / 100 != 2 && status->code != 404)
        job_fail(job, status, "track Secret");
    else
        job_let_go(job);
}

static const cJSON *cleaner_left(const struct job *job)
{
    const struct names *names = pod_index_cleaners(job->area->api.index, job->space, job->uid);

    for (size_t i = 0; i < names->count; i++) {
        const cJSON *pod = kube_reflector_get(job->area->api.pods, job->space, names->list[i]);

        if (pod && !job_is_deleted(pod))
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

/* The cleaning pods first, then the Secret, and the finalizer last: what is left is seen again. */
static void cleaners_delete(struct job *job)
{
    const cJSON *pod = cleaner_left(job);
    AUTO_FREE char *path = NULL;

    job->cleaned = true;
    if (pod) {
        pod_delete(job, pod);
        return;
    }
    redis_forget(job);
    path = kube_path(&job_secrets, job->space, job->secret, NULL, NULL);
    job_send(job, "DELETE", path, NULL, KUBE_PATCH_NONE, secret_gone);
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
        job_tell(job, "CleaningGivenUp", why);
        cleaners_delete(job);
    } else {
        job_fail(job, status, "cleaning pod");
    }
}

static void cleaner_create(struct job *job, uint32_t attempt)
{
    struct pods_context context = job->reconcile.pods;
    AUTO_FREE char *path = kube_path(&cluster_kube_pods, job->space, NULL, NULL, NULL);
    AUTO(cJSON) cJSON *pod = NULL;

    context.job = job_object(job);
    pod = pods_clean_manifest(&context, attempt);
    json_path_set(pod, "spec.activeDeadlineSeconds", cJSON_CreateNumber(CLEAN_DEADLINE_S));
    job_send(job, "POST", path, pod, KUBE_PATCH_NONE, cleaner_created);
}

static void clean_look(const struct job *job, struct clean_decision *out, int64_t now_ms)
{
    const struct names *names = pod_index_cleaners(job->area->api.index, job->space, job->uid);
    bool begun = json_text(job_object(job), "status.startTime")[0] != '\0';
    const cJSON **pods = xcalloc(names->count + 1, sizeof(*pods));
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++) {
        pods[count] = kube_reflector_get(job->area->api.pods, job->space, names->list[i]);
        count += pods[count] != NULL;
    }
    clean_decide(out, begun, pods, count, now_ms);
    free(pods);
}

void job_clean(struct job *job)
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
        job_tell(job, "CleaningGivenUp", why);
        cleaners_delete(job);
        return;
    case CLEAN_FINISH:
        cleaners_delete(job);
        return;
    }
}
