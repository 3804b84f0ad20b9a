/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/pass.h"

#include "common/mem.h"

#include <stdlib.h>

bool pod_is_terminal(const struct pod_view *pod)
{
    return pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED;
}

int64_t pod_lost_ms(const struct pod_view *pod)
{
    return pod->deletion_ms + pod->grace_ms + DECIDE_LOST_POD_GRACE_MS;
}

bool pod_is_over(const struct pod_view *pod, int64_t now_ms)
{
    if (pod_is_terminal(pod))
        return true;
    if (!pod->deletion_ms)
        return false;
    /* No pod being deleted is bound to a node: without one, nothing will ever end it. */
    if (pod->phase == POD_PENDING && pod->waiting == POD_UNSCHEDULABLE)
        return true;
    return now_ms >= pod_lost_ms(pod);
}

int64_t pod_end_ms(const struct pod_view *pod, int64_t now_ms)
{
    const int64_t times[] = { pod->finished_ms, pod_is_terminal(pod) ? 0 : pod_lost_ms(pod),
                              pod->started_ms, pod->created_ms };

    /* A node's clock may run ahead of ours, and an evicted pod has no end: take the next best. */
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i] > 0 && times[i] <= now_ms)
            return times[i];
    }
    return now_ms;
}

struct slot *slots_find(const struct pass *pass, enum stage stage, uint32_t index)
{
    uint32_t k = stage == STAGE_PLAN ? 0 : stage == STAGE_ASSEMBLE ? 1 : 2;

    if (k < 2)
        return &pass->slots[k];
    if (stage != STAGE_CONVERT || index >= pass->slot_count - 2)
        return NULL;
    return &pass->slots[2 + index];
}

void slots_name(uint32_t k, enum stage *stage, uint32_t *index)
{
    *stage = k == 0 ? STAGE_PLAN : k == 1 ? STAGE_ASSEMBLE : STAGE_CONVERT;
    *index = k < 2 ? 0 : k - 2;
}

static bool is_given_up(const struct job_status *status, enum stage stage)
{
    for (uint32_t i = 0; i < status->dead_count; i++) {
        if (status->dead[i].id.stage == stage)
            return true;
    }
    return false;
}

bool slot_is_closed(const struct job_status *status, enum stage stage, uint32_t index)
{
    switch (stage) {
    case STAGE_PLAN:
        return status->planned || is_given_up(status, stage);
    case STAGE_ASSEMBLE:
        return status->assembled || is_given_up(status, stage);
    case STAGE_CONVERT:
        return status->planned && index < status->plan.segments &&
               (status->completed[index] || status->failed[index]);
    case STAGE_CLEAN:
        break;
    }
    return false;
}

static bool is_newer(const struct pod_view *pod, const struct pod_view *than)
{
    if (!than || pod->id.epoch != than->id.epoch)
        return !than || pod->id.epoch > than->id.epoch;
    return pod->id.attempt > than->id.attempt;
}

static void slot_add(struct slot *slot, const struct pod_view *pod, uint32_t epoch, bool over)
{
    if (pod->id.epoch == epoch && is_newer(pod, slot->newest))
        slot->newest = pod;
    if (over)
        return;
    slot->occupied = true;
    if (!pod->deletion_ms && is_newer(pod, slot->live))
        slot->live = pod;
}

void slots_build(struct pass *pass)
{
    const struct observed *seen = pass->seen;

    slots_clear(pass);
    pass->slot_count = 2 + (pass->next->planned ? pass->next->plan.segments : 0);
    pass->slots = xcalloc(pass->slot_count, sizeof(pass->slots[0]));
    for (size_t i = 0; i < seen->pod_count; i++) {
        const struct pod_view *pod = &seen->pods[i];
        bool over = pod_is_over(pod, pass->now_ms);
        struct slot *slot = slots_find(pass, pod->id.stage, pod->id.index);

        if (slot)
            slot_add(slot, pod, pass->next->epoch, over);
        if (!over && pod->id.stage == STAGE_CONVERT)
            pass->live_converts++;
    }
}

void slots_clear(struct pass *pass)
{
    free(pass->slots);
    pass->slots = NULL;
    pass->slot_count = 0;
    pass->live_converts = 0;
}
