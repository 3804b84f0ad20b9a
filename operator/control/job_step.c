/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "common/mem.h"
#include "operator/control/job.h"
#include "operator/control/objects.h"

#include <string.h>

const struct kube_resource job_secrets = { "", "v1", "secrets", "Secret" };

/* One request of a chain: its answer goes to `next` with the job. */
struct step {
    struct job *job;
    job_next next;
};

static void step_done(void *ctx, const struct kube_status *status, const cJSON *doc)
{
    struct step step = *(struct step *)ctx;

    free(ctx);
    step.next(step.job, status, doc);
}

void job_send(struct job *job, const char *method, const char *path, const cJSON *body,
              enum kube_patch patch, job_next next)
{
    struct step *step = xcalloc(1, sizeof(*step));
    const struct kube_request request = {
        .method = method, .path = path, .body = body, .patch = patch, .done = step_done, .ctx = step
    };

    *step = (struct step){ job, next };
    kube_call_start(job->area->api.client, &request, NULL);
}

const cJSON *job_object(const struct job *job)
{
    struct cluster *cluster = cluster_kube_base(job->cluster);

    return cluster->ops->job(cluster);
}

bool job_is_deleted(const cJSON *object)
{
    return json_path(object, "metadata.deletionTimestamp") != NULL;
}

void job_fail(struct job *job, const struct kube_status *status, const char *what)
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

void job_tell(void *ctx, const char *reason, const char *message)
{
    struct job *job = ctx;
    const cJSON *object = job_object(job);

    if (is_warning(reason))
        log_warn("%s: %s: %s", job->key, reason, message);
    else
        log_info("%s: %s: %s", job->key, reason, message);
    if (object)
        kube_events_emit(job_opts(job)->events, object, is_warning(reason), reason, "Reconcile",
                         message);
}

/* The job's finalizer ---------------------------------------------------------------------------*/

void job_put(const struct job *job, const cJSON *doc)
{
    if (strcmp(json_text(doc, "kind"), "StereoJob") == 0)
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
        job_fail(job, status, "finalizer of the StereoJob");
        return;
    }
    (void)kube_status_err(&job->held, status, "finalizer of the StereoJob");
    job_send(job, "GET", path, NULL, KUBE_PATCH_NONE, job_reread);
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

static void finalizer_patch(struct job *job, const cJSON *patch, job_next next)
{
    AUTO_FREE char *path = kube_path(&cluster_kube_jobs, job->space, job->name, NULL, NULL);

    job_send(job, "PATCH", path, patch, KUBE_PATCH_MERGE, next);
}

bool job_hold(struct job *job)
{
    AUTO(cJSON) cJSON *patch = objects_finalizer_add(job_object(job), NAME_JOB_FINALIZER);

    if (patch)
        finalizer_patch(job, patch, finalizer_added);
    return patch != NULL;
}

void job_let_go(struct job *job)
{
    const cJSON *object = job_object(job);
    AUTO(cJSON) cJSON *patch = object ? objects_finalizer_remove(object, NAME_JOB_FINALIZER) : NULL;

    if (patch)
        finalizer_patch(job, patch, finalizer_removed);
    else
        job_end(job, 0, 0, NULL);
}
