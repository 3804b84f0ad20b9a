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
        printf("stereojob.stereojob.io/%s\n", json_text(job, "metadata.name"));
}

static void items_print(cJSON *list, const struct flags *flags, bool head)
{
    const cJSON *items = json_path(list, "items");
    cJSON *item;

    cJSON_ArrayForEach(item, items) jobs_strip(item);
    if (flags->output == OUTPUT_JSON || flags->output == OUTPUT_YAML)
        print_document(list, flags->output);
    else if (flags->output == OUTPUT_NAME)
        names_print(items);
    else
        print_table(items, flags->all_spaces, flags->output == OUTPUT_WIDE, head);
    (void)fflush(stdout);
}

static int list_get(cJSON **list, struct api *api, const char *space, struct err *err)
{
    AUTO_FREE char *path = kube_path(&jobs_resource, space, NULL, NULL, NULL);

    if (api_call(api, "GET", path, NULL, KUBE_PATCH_NONE, list, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    return err_set(err, ERR_CONFIG,
                   "this cluster does not know StereoJobs; is stereo-operator installed?");
}

/* Only those that were named; a name that is not there is an error. */
static int list_filter(cJSON *list, const struct flags *flags, const char *space, struct err *err)
{
    cJSON *items = cJSON_DetachItemFromObjectCaseSensitive(list, "items");
    cJSON *kept = cJSON_AddArrayToObject(list, "items");
    int rc = 0;

    for (int i = 0; i < flags->arg_count && rc == 0; i++) {
        cJSON *item = items ? items->child : NULL;

        while (item && strcmp(json_text(item, "metadata.name"), flags->args[i]) != 0)
            item = item->next;
        if (item)
            cJSON_AddItemToArray(kept, cJSON_DetachItemViaPointer(items, item));
        else
            rc = err_set(err, ERR_NOT_FOUND, "no StereoJob %s in namespace %s", flags->args[i],
                         space);
    }
    cJSON_Delete(items);
    return rc;
}

struct watch {
    const struct flags *flags; /* borrowed */
    char version[64];          /* go on from here; "" = list again */
};

static bool is_named(const struct flags *flags, const char *name)
{
    for (int i = 0; i < flags->arg_count; i++) {
        if (strcmp(flags->args[i], name) == 0)
            return true;
    }
    return flags->arg_count == 0;
}

static bool watch_line(void *ctx, const char *text, size_t len)
{
    struct watch *watch = ctx;
    AUTO(cJSON) cJSON *event = NULL;
    AUTO(cJSON) cJSON *list = cJSON_CreateObject();
    cJSON *job;
    struct err err;

    if (json_parse(&event, text, len, &err) < 0)
        return true;
    if (strcmp(json_text(event, "type"), "ERROR") == 0) {
        watch->version[0] = '\0'; /* too old */
        return false;
    }
    job = cJSON_DetachItemFromObjectCaseSensitive(event, "object");
    (void)snprintf(watch->version, sizeof(watch->version), "%s",
                   json_text(job, "metadata.resourceVersion"));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(list, "items"), job);
    if (strcmp(json_text(event, "type"), "BOOKMARK") == 0 ||
        !is_named(watch->flags, json_text(job, "metadata.name")))
        return true;
    if (watch->flags->output == OUTPUT_JSON || watch->flags->output == OUTPUT_YAML) {
        jobs_strip(job);
        print_document(job, watch->flags->output);
        (void)fflush(stdout);
    } else {
        items_print(list, watch->flags, false);
    }
    return true;
}

/* Until the server ends it; the next turn goes on where this one was. */
static int watch_turn(struct api *api, struct watch *watch, const char *space, struct err *err)
{
    enum { TURN_S = 240 };
    AUTO_FREE char *query =
        xasprintf("watch=true&resourceVersion=%s&timeoutSeconds=%d", watch->version, TURN_S);
    AUTO_FREE char *path = kube_path(&jobs_resource, space, NULL, NULL, query);

    return api_lines(api, path, (TURN_S + 15) * 1000, watch_line, watch, NULL, err);
}

static int watch_on(struct api *api, struct watch *watch, const char *space, struct err *err)
{
    for (;;) {
        AUTO(cJSON) cJSON *list = NULL;

        if (!watch->version[0]) {
            if (list_get(&list, api, space, err) < 0)
                return -1;
            (void)snprintf(watch->version, sizeof(watch->version), "%s",
                           json_text(list, "metadata.resourceVersion"));
        }
        if (watch_turn(api, watch, space, err) < 0)
            return -1;
    }
}

int verb_get(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    const char *space = flags->all_spaces ? NULL : api_space(api);
    AUTO(cJSON) cJSON *list = NULL;
    struct watch watch = { .flags = flags };

    (void)code;
    if (flags->all_spaces && flags->arg_count > 0)
        return err_set(err, ERR_CONFIG, "a name is of one namespace: NAME or -A, not both");
    if (list_get(&list, api, space, err) < 0 ||
        (flags->arg_count > 0 && list_filter(list, flags, api_space(api), err) < 0))
        return -1;
    (void)snprintf(watch.version, sizeof(watch.version), "%s",
                   json_text(list, "metadata.resourceVersion"));
    if (flags->arg_count == 1 && (flags->output == OUTPUT_JSON || flags->output == OUTPUT_YAML)) {
        jobs_strip(json_path(list, "items")->child);
        print_document(json_path(list, "items")->child, flags->output);
    } else if (cJSON_GetArraySize(json_path(list, "items")) > 0 || flags->watch ||
               flags->output > OUTPUT_WIDE) {
        items_print(list, flags, true);
    } else {
        (void)fprintf(stderr, "No StereoJobs found%s%s.\n", space ? " in namespace " : "",
                      space ? space : "");
    }
    return flags->watch ? watch_on(api, &watch, space, err) : 0;
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
                           json_text(job, "metadata.uid"));
    events_path = query_path(&events, api_space(api), "fieldSelector", "regarding.uid",
                             json_text(job, "metadata.uid"));
    if (api_call(api, "GET", pods_path, NULL, KUBE_PATCH_NONE, &pods, err) < 0 ||
        api_call(api, "GET", events_path, NULL, KUBE_PATCH_NONE, &seen, err) < 0)
        return -1;
    print_describe(job, json_path(pods, "items"), json_path(seen, "items"));
    return 0;
}
