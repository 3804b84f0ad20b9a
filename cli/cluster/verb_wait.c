/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/jobs.h"
#include "cli/cluster/verbs.h"
#include "common/auto.h"
#include "common/clock.h"
#include "common/contract/class.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TURN_S = 240, PAUSE_US = 500000 };

struct follow {
    const char *uid; /* borrowed */
    char shown[160];
    int verdict;
    bool gone;
};

/* A line at each change of what a person would look for. */
static void show(struct follow *follow, const cJSON *job)
{
    const char *message = json_text(job, "status.message");
    char segments[32], text[160];

    jobs_segments(segments, job);
    (void)snprintf(text, sizeof(text), "%s %s%s%.100s", json_text(job, "status.phase"), segments,
                   message[0] ? ": " : "", message);
    if (strcmp(text, follow->shown) != 0) {
        (void)printf("%s\n", text);
        (void)fflush(stdout);
    }
    (void)snprintf(follow->shown, sizeof(follow->shown), "%s", text);
}

static bool event_line(void *ctx, const char *text, size_t len)
{
    struct follow *follow = ctx;
    AUTO(cJSON) cJSON *event = NULL;
    const cJSON *job;
    struct err err;

    if (json_parse(&event, text, len, &err) < 0)
        return true; /* the next one tells */
    job = json_path(event, "object");
    if (strcmp(json_text(event, "type"), "DELETED") == 0) {
        follow->gone = true;
        return false;
    }
    if (strcmp(json_text(job, "kind"), "StereoJob") != 0)
        return strcmp(json_text(event, "type"), "ERROR") != 0;
    show(follow, job);
    follow->verdict = jobs_verdict(job);
    return follow->verdict == 0;
}

/* From the job's own version on, until it is over or the server ends the watch. */
static int turn(struct api *api, const char *name, struct follow *follow, int64_t left_s,
                struct err *err)
{
    AUTO(cJSON) cJSON *job = NULL;
    AUTO_FREE char *query = NULL;
    AUTO_FREE char *path = NULL;
    int64_t turn_s = left_s >= 0 && left_s < TURN_S ? left_s + 1 : TURN_S;

    if (jobs_get(&job, api, name, err) < 0)
        return -1;
    show(follow, job);
    follow->verdict = jobs_verdict(job);
    if (follow->verdict != 0)
        return 0;
    query = xasprintf("watch=true&fieldSelector=metadata.name%%3D%s&resourceVersion=%s"
                      "&timeoutSeconds=%lld",
                      name, json_text(job, "metadata.resourceVersion"), (long long)turn_s);
    path = kube_path(&jobs_resource, api_space(api), NULL, NULL, query);
    return api_lines(api, path, (uint32_t)(turn_s + 15) * 1000, event_line, follow, NULL, err);
}

int wait_for_job(struct api *api, const char *name, int64_t timeout_s, int *code, struct err *err)
{
    struct follow follow = { .verdict = 0 };
    int64_t begun_us = clock_mono_us();
    bool lost = false;

    while (follow.verdict == 0 && !follow.gone) {
        int64_t waited_s = (clock_mono_us() - begun_us) / 1000000;

        if (timeout_s >= 0 && waited_s >= timeout_s) {
            (void)fprintf(stderr, "stereo: %s is not over after %lld s\n", name,
                          (long long)timeout_s);
            *code = class_exit_code(CLASS_INTERRUPTED);
            return 0;
        }
        if (turn(api, name, &follow, timeout_s < 0 ? -1 : timeout_s - waited_s, err) == 0)
            lost = false;
        else if (err->code != ERR_DEPENDENCY || !follow.shown[0]) /* never seen: a wrong address */
            return -1;
        else if (!lost && (lost = true))
            (void)fprintf(stderr, "stereo: %s; trying again\n", err->msg);
        if (follow.verdict == 0 && !follow.gone)
            (void)usleep(PAUSE_US);
    }
    if (follow.gone)
        return err_set(err, ERR_NOT_FOUND, "%s was deleted", name);
    *code = follow.verdict > 0 ? 0 : 1;
    return 0;
}

int verb_wait(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    return wait_for_job(api, flags->args[0], flags->timeout_s, code, err);
}
