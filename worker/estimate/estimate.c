/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/estimate/estimate.h"

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "worker/job.h"
#include "worker/plan/draft.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int folder_make(char **out, struct err *err)
{
    const char *tmp = getenv("TMPDIR");

    *out = xasprintf("%s/stereo-estimate-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(*out))
        return err_errno(err, ERR_CONFIG, errno, "%s", *out);
    return 0;
}

/* The segment in the middle of a plan with short ones, by the convert stage itself. */
static int segment_convert(struct record *record, const struct plan *plan, struct job *job,
                           struct err *err)
{
    AUTO_FREE char *text = plan_format(plan);
    AUTO(store) struct store *store = NULL;
    int rc = -1;

    if (store_open(&store, job->work_uri, err) < 0)
        return -1;
    job->store = store;
    job->id.index = plan->segment_count / 2;
    if (store_create(store, NAME_PLAN, text, strlen(text), err) == 0)
        rc = convert_run(job, record, err);
    job->store = NULL;
    return rc;
}

static int sample_take(struct record *record, const struct film *film, struct job_spec *spec,
                       const volatile sig_atomic_t *should_stop, struct err *err)
{
    struct job job = { .uid = "estimate",
                       .name = "estimate",
                       .id = { .stage = STAGE_CONVERT },
                       .spec = spec,
                       .should_stop = should_stop };
    AUTO(plan) struct plan *plan = NULL;
    double seconds = spec->segment_seconds;
    struct err unheard;
    int rc;

    spec->segment_seconds = ESTIMATE_SAMPLE_S;
    rc = plan_draft(&plan, film, spec, err);
    spec->segment_seconds = seconds;
    if (rc < 0 || folder_make(&job.work_uri, err) < 0) {
        free(job.work_uri);
        return -1;
    }
    rc = segment_convert(record, plan, &job, err);
    (void)file_remove_tree(job.work_uri, &unheard);
    free(job.work_uri);
    return rc;
}

static void film_add(cJSON *doc, const struct film *film, const struct plan *plan)
{
    const struct plan_video *video = &plan->video;
    cJSON *item = cJSON_AddObjectToObject(doc, "film");

    json_add_str(item, "uri", film->uri);
    json_add_str(item, "format", film->format);
    json_add_i64(item, "bytes", (int64_t)plan->source.size);
    json_add_i64(item, "width", video->width);
    json_add_i64(item, "height", video->height);
    json_add_i64(item, "frames", video->frames);
    json_add_i64(item, "durationMs",
                 (int64_t)((__int128)(video->end_pts - video->start_pts) * video->time_base.num *
                           1000 / video->time_base.den));
}

static void plan_add(cJSON *doc, const struct film *film, const struct plan *plan,
                     const struct job_spec *spec)
{
    cJSON *item = cJSON_AddObjectToObject(doc, "plan"), *dropped;
    char warning[RECORD_WARNING_SIZE];

    json_add_i64(item, "segments", plan->segment_count);
    json_add_str(item, "codec", plan->codec);
    json_add_i64(item, "packedWidth", plan->packed_width);
    json_add_i64(item, "packedHeight", plan->packed_height);
    json_add_i64(item, "memoryBytes", (int64_t)plan->memory_bytes);
    plan_warning(warning, sizeof(warning), film, plan);
    plan_warning_stereo(warning, sizeof(warning), plan, spec);
    json_add_str(item, "warning", warning);
    dropped = cJSON_AddArrayToObject(item, "dropped");
    for (size_t i = 0; i < plan->dropped_count; i++)
        cJSON_AddItemToArray(dropped, cJSON_CreateString(plan->dropped[i]));
}

static void sample_add(cJSON *doc, const struct record *record)
{
    cJSON *item = cJSON_AddObjectToObject(doc, "sample");

    json_add_i64(item, "frames", record->frames);
    json_add_i64(item, "wallMs", record->wall_ms);
}

int estimate_run(struct job_spec *spec, bool sample, const volatile sig_atomic_t *should_stop,
                 struct err *err)
{
    const struct film_opts opts = { .uri = spec->source_uri,
                                    .what = "spec.source.uri",
                                    .should_stop = should_stop };
    AUTO(film) struct film *film = NULL;
    AUTO(plan) struct plan *plan = NULL;
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();
    AUTO_FREE char *text = NULL;
    struct record record;

    if (film_open(&film, &opts, err) < 0 || plan_draft(&plan, film, spec, err) < 0)
        return -1;
    film_add(doc, film, plan);
    plan_add(doc, film, plan, spec);
    if (sample && !plan->pieces) {
        if (sample_take(&record, film, spec, should_stop, err) < 0)
            return -1;
        sample_add(doc, &record);
    }
    text = json_print(doc);
    if (puts(text) < 0 || fflush(stdout) < 0)
        return err_set(err, ERR_DEPENDENCY, "standard output cannot be written");
    return 0;
}
