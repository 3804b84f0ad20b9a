/* SPDX-License-Identifier: Apache-2.0
 *
 * list, get, describe.
 */
#include "cli/cluster/jobs.h"
#include "cli/cluster/print.h"
#include "cli/cluster/verbs.h"
#include "common/auto.h"
#include "common/contract/names.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

static void names_print(const cJSON *items)
{
    const cJSON *job;

    cJSON_ArrayForEach(job, items)(void)
        printf("stereojob.stereojob.io/%s\n", jobs_text(job, "metadata.name"));
}

static void items_print(const cJSON *list, const struct flags *flags, const char *space)
{
    const cJSON *items = json_path(list, "items");

    switch (flags->output) {
    case OUTPUT_JSON:
    case OUTPUT_YAML:
        print_document(list, flags->output);
        return;
    case OUTPUT_NAME:
        names_print(items);
        return;
    case OUTPUT_TABLE:
    case OUTPUT_WIDE:
        break;
    }
    if (cJSON_GetArraySize(items) > 0)
        print_table(items, flags->all_spaces, flags->output == OUTPUT_WIDE);
    else if (flags->all_spaces)
        (void)printf("No StereoJobs found.\n");
    else
        (void)printf("No StereoJobs found in namespace %s.\n", space);
}

int verb_list(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    const char *space = flags->all_spaces ? NULL : api_space(api);
    AUTO_FREE char *path = kube_path(&jobs_resource, space, NULL, NULL, NULL);
    AUTO(cJSON) cJSON *list = NULL;

    (void)code;
    if (api_call(api, "GET", path, NULL, KUBE_PATCH_NONE, &list, err) < 0)
        return err->code == ERR_NOT_FOUND
                   ? err_set(err, ERR_CONFIG,
                             "this cluster does not know StereoJobs: helm install stereo-operator")
                   : -1;
    items_print(list, flags, space);
    return 0;
}

int verb_get(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    AUTO(cJSON) cJSON *list = cJSON_CreateObject();
    cJSON *items = cJSON_AddArrayToObject(list, "items");

    if (flags->arg_count == 0)
        return verb_list(api, flags, code, err);
    for (int i = 0; i < flags->arg_count; i++) {
        cJSON *job = NULL;

        if (jobs_get(&job, api, flags->args[i], err) < 0)
            return -1;
        cJSON_AddItemToArray(items, job);
    }
    if (flags->arg_count == 1 && (flags->output == OUTPUT_JSON || flags->output == OUTPUT_YAML))
        print_document(items->child, flags->output);
    else
        items_print(list, flags, api_space(api));
    return 0;
}

static char *query_path(const struct kube_resource *resource, const char *space, const char *kind,
                        const char *key, const char *value)
{
    AUTO_FREE char *query = xasprintf("%s=%s%%3D%s", kind, key, value);

    return kube_path(resource, space, NULL, NULL, query);
}

int verb_describe(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    static const struct kube_resource events = { "events.k8s.io", "v1", "events", "Event" };
    AUTO(cJSON) cJSON *job = NULL;
    AUTO(cJSON) cJSON *pods = NULL;
    AUTO(cJSON) cJSON *seen = NULL;
    AUTO_FREE char *pods_path = NULL;
    AUTO_FREE char *events_path = NULL;

    (void)code;
    if (jobs_get(&job, api, flags->args[0], err) < 0)
        return -1;
    pods_path = query_path(&jobs_pods, api_space(api), "labelSelector", LABEL_UID,
                           jobs_text(job, "metadata.uid"));
    events_path = query_path(&events, api_space(api), "fieldSelector", "regarding.uid",
                             jobs_text(job, "metadata.uid"));
    if (api_call(api, "GET", pods_path, NULL, KUBE_PATCH_NONE, &pods, err) < 0 ||
        api_call(api, "GET", events_path, NULL, KUBE_PATCH_NONE, &seen, err) < 0)
        return -1;
    print_describe(job, json_path(pods, "items"), json_path(seen, "items"));
    return 0;
}
