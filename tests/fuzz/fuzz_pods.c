/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tenant and a node write: StereoJobs that become pods, Pods that become views, statuses.
 */
#include "tests/fuzz/fuzz.h"

#include "common/contract/fields.h"
#include "common/mem.h"
#include "operator/pods/pods.h"

#include <string.h>

static const struct pods_cluster cluster = { .ca_config_map = "ca", .service_account = "s3" };

/* A claim's name alone, below the folder of claims. */
static bool is_claim(const char *path)
{
    return strncmp(path, "/pvc/", 5) == 0 && path[5] && path[5] != '.' && !strchr(path + 5, '/');
}

/* Nothing of the node is ever mounted. */
static void check_volumes(const cJSON *pod)
{
    const cJSON *item; /* borrowed from pod */

    cJSON_ArrayForEach(item, json_path(pod, "spec.containers[0].volumeMounts"))
    {
        const char *path = json_path(item, "mountPath")->valuestring;

        FUZZ_CHECK(is_claim(path) || strcmp(path, "/scratch") == 0 ||
                   strcmp(path, "/etc/stereojob-ca") == 0);
    }
    cJSON_ArrayForEach(item, json_path(pod, "spec.volumes"))
        FUZZ_CHECK(json_has(item, "emptyDir") || json_has(item, "persistentVolumeClaim") ||
                   json_has(item, "configMap"));
}

static void check_pod(const cJSON *pod, const struct action *action)
{
    struct pod_view view;
    struct err err;

    check_volumes(pod);
    FUZZ_CHECK(!json_has(json_path(pod, "spec"), "hostNetwork"));
    FUZZ_CHECK(cJSON_IsFalse(json_path(pod, "spec.automountServiceAccountToken")));
    FUZZ_CHECK(strcmp(json_path(pod, "spec.serviceAccountName")->valuestring, "s3") == 0);
    FUZZ_CHECK(pods_view(&view, pod, NULL, &err) == 0);
    FUZZ_CHECK(view.id.stage == action->id.stage && view.id.index == action->id.index);
}

static void check_job(cJSON *job)
{
    AUTO_FREE char *work_uri = NULL;
    struct pods_context context = { .job = job, .image = "i", .secret = "s", .cluster = &cluster };
    struct fields_report report;
    struct err err;
    bool is_taken = fields_check(job, NULL, false, &report, &err) == 0;

    fields_report_clear(&report);
    if (!is_taken)
        return;
    fields_default(job);
    json_path_set(job, "metadata.uid", cJSON_CreateString("0-1"));
    FUZZ_CHECK(pods_work_uri(&work_uri, job, &err) == 0);
    FUZZ_CHECK(strstr(work_uri, "/0-1/"));
    context.work_uri = work_uri;
    for (int i = STAGE_PLAN; i <= STAGE_CLEAN; i++) {
        struct action action = { .id = { .stage = (enum stage)i }, .avoid_node = "n" };
        AUTO(cJSON)
        cJSON *pod =
            i == STAGE_CLEAN ? pods_clean_manifest(&context, 0) : pods_manifest(&context, &action);

        check_pod(pod, &action);
    }
}

/* What was read is written and read again as the same. */
static void check_status(const cJSON *json)
{
    struct job_status status, again;
    AUTO(cJSON) cJSON *out = NULL;
    AUTO(cJSON) cJSON *out_again = NULL;
    struct err err;

    if (status_from_json(&status, json, &err) < 0)
        return;
    out = status_to_json(&status);
    FUZZ_CHECK(status_from_json(&again, out, &err) == 0);
    out_again = status_to_json(&again);
    FUZZ_CHECK(cJSON_Compare(out, out_again, true));
    job_status_clear(&status);
    job_status_clear(&again);
}

static void check_view(const cJSON *pod)
{
    struct pod_view view;
    struct err err;

    if (pods_view(&view, pod, "00", &err) < 0)
        return;
    FUZZ_CHECK(view.name[0] && (unsigned)view.cls < CLASS_COUNT);
    FUZZ_CHECK(strlen(view.message) < sizeof(view.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(cJSON) cJSON *doc = NULL;
    struct err err;

    if (json_parse(&doc, (const char *)data, size, &err) < 0 || !cJSON_IsObject(doc))
        return 0;
    check_view(doc);
    check_status(doc);
    check_status(cJSON_GetObjectItemCaseSensitive(doc, "status"));
    check_job(doc);
    return 0;
}
