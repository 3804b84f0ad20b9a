/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/pass.h"
#include "operator/decide/status.h"

#include <inttypes.h>
#include <string.h>

static bool is_stalled(struct pass *pass, const struct pod_view *pod)
{
    const struct observed *seen = pass->seen;
    int64_t since_ms = pod->started_ms ? pod->started_ms : pod->created_ms;

    if (!seen->tracking_wanted || !seen->tracking_up_ms || pass->spec->stall_s == 0)
        return false;
    if (pod->progress_ms > since_ms)
        since_ms = pod->progress_ms;
    if (seen->tracking_up_ms > since_ms)
        since_ms = seen->tracking_up_ms;
    pass_wake(pass, since_ms + (int64_t)pass->spec->stall_s * 1000);
    return pass->now_ms - since_ms >= (int64_t)pass->spec->stall_s * 1000;
}

static bool is_overdue(struct pass *pass, const struct pod_view *pod)
{
    const struct spec_opt *deadline = &pass->spec->segment_deadline_s;

    if (!deadline->set || pod->id.stage != STAGE_CONVERT || !pod->started_ms)
        return false;
    pass_wake(pass, pod->started_ms + deadline->value * 1000);
    return pass->now_ms - pod->started_ms >= deadline->value * 1000;
}

struct judgement judge_live(struct pass *pass, const struct pod_view *pod)
{
    if (pod->has_verdict) /* the verdict was written, the delete was not */
        return (struct judgement){ class_name(pod->verdict), true, pod->verdict };
    if (pod->phase != POD_RUNNING)
        return (struct judgement){ 0 };
    if (is_overdue(pass, pod))
        return (struct judgement){ "SegmentDeadlineExceeded", true, CLASS_STALLED };
    if (is_stalled(pass, pod))
        return (struct judgement){ "Stalled", true, CLASS_STALLED };
    return (struct judgement){ 0 };
}

bool judge_pending(struct pass *pass, const struct pod_view *pod, char *why, size_t size)
{
    const struct spec_opt *deadline = &pass->spec->pending_deadline_s;
    int64_t since_ms = pod->waiting_since_ms ? pod->waiting_since_ms : pod->created_ms;

    if (pod->phase != POD_PENDING)
        return false;
    if (pod->waiting == POD_CONFIG_ERROR) {
        pass_wake(pass, since_ms + DECIDE_CONFIG_ERROR_WAIT_MS);
        if (pass->now_ms - since_ms >= DECIDE_CONFIG_ERROR_WAIT_MS) {
            text_set(why, size, "%s",
                     pod->waiting_message[0] ? pod->waiting_message
                                             : "the container cannot be made");
            return true;
        }
    }
    if (!deadline->set)
        return false;
    pass_wake(pass, pod->created_ms + deadline->value * 1000);
    if (pass->now_ms - pod->created_ms < deadline->value * 1000)
        return false;
    text_set(why, size, "did not start within pendingDeadlineSeconds (%" PRId64 ")%s%s",
             deadline->value, pod->waiting_message[0] ? ": " : "", pod->waiting_message);
    return true;
}

static void judge_degraded(struct pass *pass)
{
    const struct observed *seen = pass->seen;
    bool away = seen->tracking_wanted && !seen->tracking_up_ms, was_true;
    const char *why = seen->tracking_error;
    char message[400];
    int64_t since_ms = seen->tracking_away_ms ? seen->tracking_away_ms : pass->next->start_ms;

    text_set(message, sizeof(message),
             "Redis does not answer%s%.100s; what is done is learnt from the pods, and nobody is "
             "judged stalled",
             why && why[0] ? ": " : "", why ? why : "");
    was_true = pass->next->conditions[CONDITION_DEGRADED].is_true;
    if (away && !was_true)
        pass_wake(pass, since_ms + seen->tracking_away_grace_ms);
    if (away && (was_true || pass->now_ms - since_ms >= seen->tracking_away_grace_ms))
        job_status_condition(pass->next, CONDITION_DEGRADED, true, pass->now_ms, "TrackingAway",
                             message);
    else
        job_status_condition(pass->next, CONDITION_DEGRADED, false, pass->now_ms, "TrackingUp", "");
}

static bool comes_first(const struct pod_view *pod, const struct pod_view *than)
{
    if (!than || pod->id.stage != than->id.stage)
        return !than || pod->id.stage < than->id.stage;
    return pod->id.index < than->id.index;
}

/* The scheduler's words name the resource, as lacking or in a taint; or they name no resource but
 * the labels by which the converting pods alone choose their nodes. */
static bool lacks_gpu(const struct pass *pass, const struct pod_view *pod)
{
    const char *gpu = pass->seen->gpu;

    return pod->waiting == POD_UNSCHEDULABLE && gpu && pod->id.stage == STAGE_CONVERT &&
           (strstr(pod->waiting_message, gpu) ||
            (strstr(pod->waiting_message, "node affinity/selector") &&
             !strstr(pod->waiting_message, "Insufficient")));
}

/* The words of the first pod in film order, so that they do not change with the pods' order. */
static void judge_waiting(struct pass *pass, enum condition condition, enum pod_waiting waiting,
                          const char *reason)
{
    const struct pod_view *first = NULL;
    bool gpu = condition == CONDITION_WAITING_FOR_GPU;

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];

        if (pod->phase == POD_PENDING && pod->waiting == waiting && !pod->deletion_ms &&
            lacks_gpu(pass, pod) == gpu && comes_first(pod, first))
            first = pod;
    }
    if (first)
        job_status_condition(pass->next, condition, true, pass->now_ms, reason,
                             first->waiting_message);
    else
        job_status_condition(pass->next, condition, false, pass->now_ms, "NotWaiting", "");
}

void judge_conditions(struct pass *pass)
{
    if (!phase_is_active(pass->next->phase)) {
        for (unsigned i = 0; i < CONDITION_COUNT; i++)
            job_status_condition(pass->next, (enum condition)i, false, pass->now_ms, "NotRunning",
                                 "");
        return;
    }
    judge_degraded(pass);
    judge_waiting(pass, CONDITION_WAITING_FOR_GPU, POD_UNSCHEDULABLE, "Unschedulable");
    judge_waiting(pass, CONDITION_UNSCHEDULABLE, POD_UNSCHEDULABLE, "Unschedulable");
    judge_waiting(pass, CONDITION_IMAGE_PULL_FAILED, POD_IMAGE_PULL, "ImagePullFailed");
    if (pass->seen->volume_problem)
        job_status_condition(pass->next, CONDITION_INVALID_VOLUME, true, pass->now_ms, "AccessMode",
                             pass->seen->volume_problem);
    else
        job_status_condition(pass->next, CONDITION_INVALID_VOLUME, false, pass->now_ms, "Fits", "");
}
