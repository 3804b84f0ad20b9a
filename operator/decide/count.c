/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/pass.h"
#include "operator/decide/status.h"

/* A commit is the truth: it is counted whatever epoch made it, and even after we gave up. */
static void count_segment(struct job_status *next, const struct record *record)
{
    uint32_t index = record->id.index, kept = 0;

    if (!next->planned || index >= next->plan.segments || next->completed[index])
        return;
    next->completed[index] = 1;
    if (!next->failed[index])
        return;
    next->failed[index] = 0;
    for (uint32_t i = 0; i < next->dead_count; i++) {
        if (next->dead[i].id.stage != STAGE_CONVERT || next->dead[i].id.index != index)
            next->dead[kept++] = next->dead[i];
    }
    next->dead_count = kept;
}

typedef void record_fn(struct pass *pass, const struct record *record);

static void each_record(struct pass *pass, enum stage stage, record_fn *fn)
{
    const struct observed *seen = pass->seen;

    for (size_t i = 0; i < seen->done_count; i++) {
        if (seen->done[i].id.stage == stage && attempt_record_counts(pass, &seen->done[i]))
            fn(pass, &seen->done[i]);
    }
    for (size_t i = 0; i < seen->pod_count; i++) {
        const struct pod_view *pod = &seen->pods[i];

        if (pod->id.stage == stage && pod->has_record && attempt_class_of(pass, pod) == CLASS_DONE)
            fn(pass, &pod->record);
    }
}

static void take_plan(struct pass *pass, const struct record *record)
{
    if (!pass->next->planned)
        job_status_plan(pass->next, record);
}

static void take_segment(struct pass *pass, const struct record *record)
{
    count_segment(pass->next, record);
}

static void take_output(struct pass *pass, const struct record *record)
{
    if (pass->next->assembled)
        return;
    pass->next->assembled = true;
    pass->next->output = *record;
}

static uint32_t members(const uint8_t *set, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++)
        count += set[i] != 0;
    return count;
}

void count_done(struct pass *pass)
{
    struct job_status *next = pass->next;

    each_record(pass, STAGE_PLAN, take_plan);
    if (!next->planned)
        return;
    each_record(pass, STAGE_CONVERT, take_segment);
    pass->completed = members(next->completed, next->plan.segments);
    /* An output without all its segments would be another job's, or a status that was lost. */
    if (pass->completed == next->plan.segments)
        each_record(pass, STAGE_ASSEMBLE, take_output);
}

void count_settle(struct pass *pass, const struct slot *slot)
{
    struct chain chain = chain_of(pass, slot);

    pass->next->settled_failed_pods += chain.failures;
    pass->next->settled_interrupted_pods += chain.interruptions;
}

void count_settle_open(struct pass *pass)
{
    for (uint32_t k = 0; k < pass->slot_count; k++) {
        enum stage stage;
        uint32_t index;
        const struct slot *slot = &pass->slots[k];

        slots_name(k, &stage, &index);
        if (slot->newest && !slot_is_closed(pass->next, stage, index))
            count_settle(pass, slot);
    }
}

void count_pods(struct pass *pass)
{
    struct job_status *next = pass->next;

    next->failed_pods = next->settled_failed_pods;
    next->interrupted_pods = next->settled_interrupted_pods;
    if (!phase_is_active(next->phase))
        return;
    for (uint32_t k = 0; k < pass->slot_count; k++) {
        enum stage stage;
        uint32_t index;
        const struct slot *slot = &pass->slots[k];

        slots_name(k, &stage, &index);
        if (slot->newest && !slot_is_closed(next, stage, index)) {
            struct chain chain = chain_of(pass, slot);

            next->failed_pods += chain.failures;
            next->interrupted_pods += chain.interruptions;
        }
    }
}
