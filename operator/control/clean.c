/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/clean.h"

#include "common/clock.h"
#include "common/contract/names.h"
#include "operator/control/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t attempt_of(const cJSON *pod)
{
    const cJSON *notes = json_path(pod, "metadata.annotations");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(notes, ANNOTATION_ATTEMPT);

    return cJSON_IsString(item) ? (uint32_t)strtoul(item->valuestring, NULL, 10) : 0;
}

static const cJSON *newest(const cJSON *const *pods, size_t count)
{
    const cJSON *found = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!found || attempt_of(pods[i]) > attempt_of(found))
            found = pods[i];
    }
    return found;
}

/* The container's last words, the pod's, or its reason. */
static const char *words_of(const cJSON *pod)
{
    static const char *const paths[] = {
        "status.containerStatuses[0].state.terminated.message",
        "status.containerStatuses[0].state.waiting.message",
        "status.message",
        "status.containerStatuses[0].state.waiting.reason",
        "status.reason",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const char *text = json_text(pod, paths[i]);

        if (text[0])
            return text;
    }
    return "without a word";
}

static void give_up(struct clean_decision *out, const char *what, const cJSON *pod)
{
    out->step = CLEAN_GIVE_UP;
    (void)snprintf(out->why, sizeof(out->why), "%s: %s", what, words_of(pod));
}

static void pending(struct clean_decision *out, const cJSON *pod, int64_t now_ms)
{
    int64_t created_ms = clock_parse(json_text(pod, "metadata.creationTimestamp"));
    const char *reason = json_text(pod, "status.containerStatuses[0].state.waiting.reason");
    bool config = strcmp(reason, "CreateContainerConfigError") == 0;
    int64_t until_ms = created_ms + (config ? CLEAN_CONFIG_ERROR_MS : CLEAN_PENDING_MAX_MS);

    out->step = CLEAN_WAIT;
    out->wake_ms = until_ms;
    if (now_ms >= until_ms)
        give_up(out, "the cleaning pod did not start", pod);
}

static int64_t ended_ms(const cJSON *pod)
{
    int64_t at_ms =
        clock_parse(json_text(pod, "status.containerStatuses[0].state.terminated.finishedAt"));

    return at_ms > 0 ? at_ms : clock_parse(json_text(pod, "metadata.creationTimestamp"));
}

static void failed(struct clean_decision *out, const cJSON *pod, int64_t now_ms)
{
    uint32_t tries = attempt_of(pod) + 1;
    int64_t next_ms = ended_ms(pod) + CLEAN_BACKOFF_MS;

    if (tries >= CLEAN_TRIES) {
        give_up(out, "the cleaning pod failed three times", pod);
        return;
    }
    out->step = now_ms < next_ms ? CLEAN_WAIT : CLEAN_CREATE;
    out->wake_ms = next_ms;
    out->attempt = tries;
}

void clean_decide(struct clean_decision *out, bool begun, const cJSON *const *pods, size_t count,
                  int64_t now_ms)
{
    const cJSON *pod = newest(pods, count);
    const char *phase = json_text(pod, "status.phase");

    *out = (struct clean_decision){ .step = CLEAN_WAIT };
    if (!pod)
        out->step = begun ? CLEAN_CREATE : CLEAN_FINISH;
    else if (strcmp(phase, "Succeeded") == 0)
        out->step = CLEAN_FINISH;
    else if (strcmp(phase, "Failed") == 0 || json_path(pod, "metadata.deletionTimestamp"))
        failed(out, pod, now_ms); /* deleted by somebody: its name is taken until it is gone */
    else if (strcmp(phase, "Running") != 0)
        pending(out, pod, now_ms);
}
