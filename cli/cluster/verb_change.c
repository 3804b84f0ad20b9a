/* SPDX-License-Identifier: Apache-2.0
 *
 * submit, suspend, resume, cancel, retry, delete: each one write that bare kubectl can do too.
 */
#include "cli/cluster/jobs.h"
#include "cli/cluster/print.h"
#include "cli/cluster/verbs.h"
#include "cli/manifest.h"
#include "common/auto.h"
#include "common/clock.h"
#include "common/contract/names.h"
#include "common/mem.h"
#include "common/ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int submit_one(struct api *api, cJSON *job, enum flags_output output, struct err *err)
{
    AUTO(cJSON) cJSON *made = NULL;
    const char *space = json_text(job, "metadata.namespace");
    AUTO_FREE char *path = kube_path(&jobs_resource, space[0] ? space : api_space(api), NULL, NULL,
                                     "fieldValidation=Strict");
    const char *name = json_text(job, "metadata.name");

    if (space[0] && strcmp(space, api_space(api)) != 0)
        return err_set(err, ERR_CONFIG,
                       "metadata.namespace is %s, and the namespace here is %s (-n %s)", space,
                       api_space(api), space);
    if (api_call(api, "POST", path, job, KUBE_PATCH_NONE, &made, err) < 0)
        return err->code == ERR_CONFLICT
                   ? err_set(err, ERR_CONFLICT,
                             "StereoJob %s exists; delete it, or choose another name", name)
                   : -1;
    jobs_strip(made);
    print_changed(made, "created", output);
    (void)fflush(stdout);
    return 0;
}

int verb_submit(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    struct problems problems = { 0 };
    AUTO(cJSON) cJSON *job = NULL;
    int rc = 0;

    if (!flags->file)
        return err_set(err, ERR_CONFIG, "-f FILE is missing: stereo submit -f job.yaml");
    manifest_load(&job, flags->file, MANIFEST_CLUSTER, &problems);
    if (problems.count > 0) {
        problems_print(&problems);
        *code = 64;
    } else {
        rc = submit_one(api, job, flags->output, err);
    }
    problems_clear(&problems);
    if (rc == 0 && *code == 0 && flags->wait)
        rc = wait_for_job(api, json_text(job, "metadata.name"), flags->timeout_s, code, err);
    return rc;
}

static int spec_set(struct api *api, const struct flags *flags, const char *field, bool value,
                    const char *done, struct err *err)
{
    AUTO(cJSON) cJSON *patch = cJSON_CreateObject();

    json_add_bool(cJSON_AddObjectToObject(patch, "spec"), field, value);
    for (int i = 0; i < flags->arg_count; i++) {
        AUTO(cJSON) cJSON *job = NULL;

        if (jobs_patch(&job, api, flags->args[i], patch, err) < 0)
            return -1;
        print_changed(job, done, flags->output);
    }
    return 0;
}

int verb_suspend(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    (void)code;
    return spec_set(api, flags, "suspend", true, "suspended", err);
}

int verb_resume(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    (void)code;
    return spec_set(api, flags, "suspend", false, "resumed", err);
}

int verb_cancel(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    (void)code;
    return spec_set(api, flags, "cancel", true, "cancelled", err);
}

static int annotate(cJSON **out, struct api *api, const char *name, const char *key,
                    const char *value, struct err *err)
{
    AUTO(cJSON) cJSON *patch = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(patch, "metadata");

    json_add_str(cJSON_AddObjectToObject(metadata, "annotations"), key, value);
    return jobs_patch(out, api, name, patch, err);
}

static int segments_check(const char *segments, struct err *err)
{
    AUTO_FREE uint8_t *set = xcalloc(100000, 1);

    if (ranges_parse(set, 100000, segments, err) < 0)
        return err_wrap(err, "--segments %s", segments);
    return 0;
}

static int retry_one(struct api *api, const char *name, const char *token, enum flags_output output,
                     struct err *err)
{
    AUTO(cJSON) cJSON *job = NULL;
    AUTO(cJSON) cJSON *changed = NULL;

    if (jobs_get(&job, api, name, err) < 0)
        return -1;
    if (jobs_verdict(job) > 0 || strcmp(json_text(job, "status.phase"), "Cancelled") == 0)
        return err_set(err, ERR_CONFIG, "%s is %s: there is nothing to try again", name,
                       json_text(job, "status.phase"));
    if (annotate(&changed, api, name, ANNOTATION_RETRY, token, err) < 0)
        return -1;
    print_changed(changed, "is asked to try again what failed", output);
    return 0;
}

static int discard_one(struct api *api, const char *name, enum flags_output output, struct err *err)
{
    AUTO(cJSON) cJSON *changed = NULL;

    if (annotate(&changed, api, name, ANNOTATION_DISCARD, "true", err) < 0)
        return -1;
    print_changed(changed, "is asked to give up what failed", output);
    return 0;
}

int verb_retry(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    AUTO_FREE char *token = NULL;

    (void)code;
    if (flags->segments && flags->discard)
        return err_set(err, ERR_CONFIG, "--segments and --discard: only one of them");
    if (flags->segments && segments_check(flags->segments, err) < 0)
        return -1;
    token = xasprintf("retry-%" PRId64 "%s%s", clock_unix_ms(), flags->segments ? ":" : "",
                      flags->segments ? flags->segments : "");
    for (int i = 0; i < flags->arg_count; i++) {
        const char *name = flags->args[i];

        if (flags->discard ? discard_one(api, name, flags->output, err) < 0
                           : retry_one(api, name, token, flags->output, err) < 0)
            return -1;
    }
    return 0;
}

int verb_delete(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    (void)code;
    for (int i = 0; i < flags->arg_count; i++) {
        AUTO_FREE char *path = jobs_path(api, flags->args[i]);

        if (api_call(api, "DELETE", path, NULL, KUBE_PATCH_NONE, NULL, err) < 0)
            return err->code == ERR_NOT_FOUND
                       ? err_set(err, ERR_NOT_FOUND, "no StereoJob %s in namespace %s",
                                 flags->args[i], api_space(api))
                       : -1;
        (void)printf("stereojob.stereojob.io/%s deleted\n", flags->args[i]);
    }
    return 0;
}
