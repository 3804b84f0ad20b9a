/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/jobs.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct kube_resource jobs_resource = { "stereojob.io", "v1", "stereojobs", "StereoJob" };
const struct kube_resource jobs_pods = { "", "v1", "pods", "Pod" };

char *jobs_path(const struct api *api, const char *name)
{
    return kube_path(&jobs_resource, api_space(api), name, NULL, NULL);
}

static int not_found(struct err *err, const struct api *api, const char *name)
{
    if (err->code != ERR_NOT_FOUND)
        return -1;
    return err_set(err, ERR_NOT_FOUND, "no StereoJob %s in namespace %s", name, api_space(api));
}

void jobs_strip(cJSON *job)
{
    cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(job, "metadata"),
                                            "managedFields");
}

int jobs_get(cJSON **out, struct api *api, const char *name, struct err *err)
{
    AUTO_FREE char *path = jobs_path(api, name);

    if (api_call(api, "GET", path, NULL, KUBE_PATCH_NONE, out, err) < 0)
        return not_found(err, api, name);
    jobs_strip(*out);
    return 0;
}

int jobs_patch(cJSON **out, struct api *api, const char *name, const cJSON *patch, struct err *err)
{
    AUTO_FREE char *path = jobs_path(api, name);

    if (api_call(api, "PATCH", path, patch, KUBE_PATCH_MERGE, out, err) < 0)
        return not_found(err, api, name);
    if (out)
        jobs_strip(*out);
    return 0;
}

int jobs_verdict(const cJSON *job)
{
    const char *phase = json_text(job, "status.phase");

    if (strcmp(phase, "Completed") == 0)
        return 1;
    return strcmp(phase, "Failed") == 0 || strcmp(phase, "Cancelled") == 0 ? -1 : 0;
}

static int64_t number_at(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

void jobs_segments(char out[32], const cJSON *job)
{
    int64_t all = number_at(job, "status.plan.segments");

    if (all)
        (void)snprintf(out, 32, "%" PRId64 "/%" PRId64, number_at(job, "status.completed"), all);
    else
        (void)snprintf(out, 32, "-");
}

int jobs_percent(const cJSON *job)
{
    int64_t all = number_at(job, "status.plan.segments");

    if (jobs_verdict(job) > 0)
        return 100;
    return all ? (int)(number_at(job, "status.completed") * 99 / all) : 0;
}

void jobs_age(char out[24], const char *since, int64_t now_ms)
{
    int64_t at_ms = clock_parse(since), s = (now_ms - at_ms) / 1000;

    if (at_ms < 0)
        (void)snprintf(out, 24, "-");
    else if (s < 120)
        (void)snprintf(out, 24, "%" PRId64 "s", s > 0 ? s : 0);
    else if (s < 7200)
        (void)snprintf(out, 24, "%" PRId64 "m", s / 60);
    else if (s < 172800)
        (void)snprintf(out, 24, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, 24, "%" PRId64 "d", s / 86400);
}
