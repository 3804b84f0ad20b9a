/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/jobs.h"
#include "cli/cluster/verbs.h"
#include "common/auto.h"
#include "common/contract/names.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t number(const cJSON *pod, const char *key)
{
    const cJSON *notes = json_path(pod, "metadata.annotations");

    return strtoll(json_member(notes, key), NULL, 10);
}

/* Newer attempts are greater. */
static int64_t order(const cJSON *pod)
{
    return number(pod, ANNOTATION_EPOCH) * 1000000 + number(pod, ANNOTATION_ATTEMPT);
}

static bool is_of_segment(const cJSON *pod, int64_t segment)
{
    const cJSON *labels = json_path(pod, "metadata.labels");

    return strcmp(json_member(labels, LABEL_STAGE), stage_name(STAGE_CONVERT)) == 0 &&
           strtoll(json_member(labels, LABEL_INDEX), NULL, 10) == segment;
}

/* The newest attempt, or with --previous the one before it. */
static const cJSON *pod_of_segment(const cJSON *pods, int64_t segment, bool previous)
{
    const cJSON *newest = NULL, *before = NULL, *pod;

    cJSON_ArrayForEach(pod, pods)
    {
        if (!is_of_segment(pod, segment))
            continue;
        if (!newest || order(pod) > order(newest)) {
            before = newest;
            newest = pod;
        } else if (!before || order(pod) > order(before)) {
            before = pod;
        }
    }
    return previous ? before : newest;
}

static bool is_pending(const cJSON *pod)
{
    return strcmp(json_text(pod, "status.phase"), "Pending") == 0;
}

/* What was made last and has begun; RFC 3339 sorts as text. */
static const cJSON *pod_newest(const cJSON *pods)
{
    static const char made[] = "metadata.creationTimestamp";
    const cJSON *newest = NULL, *pod;

    cJSON_ArrayForEach(pod, pods)
    {
        if (!is_pending(pod) &&
            (!newest || strcmp(json_text(pod, made), json_text(newest, made)) > 0))
            newest = pod;
    }
    return newest;
}

struct prefix {
    const char *text; /* borrowed; "" for one pod */
};

static bool log_line(void *ctx, const char *text, size_t len)
{
    const struct prefix *prefix = ctx;

    (void)printf("%s%.*s\n", prefix->text, (int)len, text);
    (void)fflush(stdout);
    return true;
}

static int pod_log(struct api *api, const cJSON *pod, bool follow, bool named, struct err *err)
{
    AUTO_FREE char *path = kube_path(&jobs_pods, api_space(api), json_text(pod, "metadata.name"),
                                     "log", follow ? "follow=true" : NULL);
    AUTO_FREE char *text =
        named ? xasprintf("[%s] ", json_text(pod, "metadata.name")) : xstrdup("");
    struct prefix prefix = { text };

    return api_lines(api, path, 0, log_line, &prefix, NULL, err);
}

/* A pod that waits has no log yet; that is no error among many. */
static int all_logs(struct api *api, const cJSON *pods, struct err *err)
{
    const cJSON *pod;

    cJSON_ArrayForEach(pod, pods)
    {
        if (!is_pending(pod) && pod_log(api, pod, false, true, err) < 0)
            return -1;
    }
    return 0;
}

static int log_of_one(struct api *api, const cJSON *pods, const struct flags *flags,
                      struct err *err)
{
    const cJSON *pod = flags->segment >= 0 ? pod_of_segment(pods, flags->segment, flags->previous)
                                           : pod_newest(pods);

    if (!pod && flags->segment >= 0)
        return err_set(err, ERR_NOT_FOUND, "no %spod of segment %lld is left",
                       flags->previous ? "earlier " : "", (long long)flags->segment);
    if (!pod)
        return err_set(err, ERR_NOT_FOUND, "%s has no pod that began", flags->args[0]);
    if (is_pending(pod))
        return err_set(err, ERR_NOT_FOUND, "%s is Pending: there is no log yet; stereo describe %s",
                       json_text(pod, "metadata.name"), flags->args[0]);
    return pod_log(api, pod, flags->follow, false, err);
}

int verb_logs(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    AUTO(cJSON) cJSON *job = NULL;
    AUTO(cJSON) cJSON *pods = NULL;
    AUTO_FREE char *query = NULL;
    AUTO_FREE char *path = NULL;

    (void)code;
    if (flags->previous && flags->segment < 0)
        return err_set(err, ERR_CONFIG, "--previous needs --segment N");
    if (jobs_get(&job, api, flags->args[0], err) < 0)
        return -1;
    query = xasprintf("labelSelector=%s%%3D%s", LABEL_UID, json_text(job, "metadata.uid"));
    path = kube_path(&jobs_pods, api_space(api), NULL, NULL, query);
    if (api_call(api, "GET", path, NULL, KUBE_PATCH_NONE, &pods, err) < 0)
        return -1;
    if (flags->segment >= 0 || flags->follow)
        return log_of_one(api, json_path(pods, "items"), flags, err);
    return all_logs(api, json_path(pods, "items"), err);
}
