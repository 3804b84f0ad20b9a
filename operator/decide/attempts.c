/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/pass.h"

#include "common/contract/plan.h"

#include <string.h>

/* How an attempt ended decides what comes next. */
static const struct policy {
    bool fatal;         /* nothing will change by trying again */
    bool counted;       /* against backoffLimitPerIndex */
    bool first_at_once; /* the first retry waits for nothing */
    bool more_memory, more_storage;
} policies[CLASS_COUNT] = {
    [CLASS_DONE] = { 0 },
    [CLASS_CONFIG] = { .fatal = true, .counted = true },
    [CLASS_INPUT] = { .fatal = true, .counted = true },
    [CLASS_DEPENDENCY] = { .counted = true },
    [CLASS_INTERNAL] = { .counted = true, .first_at_once = true },
    [CLASS_GPU] = { .counted = true },
    [CLASS_SPACE] = { .counted = true, .more_storage = true },
    [CLASS_INTERRUPTED] = { 0 },
    [CLASS_OOM_KILLED] = { .counted = true, .more_memory = true },
    [CLASS_STALLED] = { .counted = true },
};

int64_t decide_backoff_ms(enum attempt_class cls, uint32_t failures)
{
    int64_t wait_ms = DECIDE_BACKOFF_FIRST_MS;

    if (policies[cls].fatal || cls == CLASS_DONE)
        return 0;
    if (policies[cls].first_at_once && failures > 0)
        failures--;
    if (failures == 0)
        return 0;
    while (--failures > 0 && wait_ms < DECIDE_BACKOFF_CAP_MS)
        wait_ms *= 2;
    return wait_ms < DECIDE_BACKOFF_CAP_MS ? wait_ms : DECIDE_BACKOFF_CAP_MS;
}

bool attempt_record_counts(const struct pass *pass, const struct record *record)
{
    if (pass->seen->uid && strcmp(pass->seen->uid, record->uid) != 0)
        return false;
    if (record->id.stage == STAGE_PLAN)
        return record->segments >= 1 && record->segments <= PLAN_MAX_SEGMENTS;
    return true;
}

enum attempt_class attempt_class_of(const struct pass *pass, const struct pod_view *pod)
{
    if (pod_is_terminal(pod) && pod->has_record && pod->record.id.stage == pod->id.stage &&
        pod->record.id.index == pod->id.index && attempt_record_counts(pass, &pod->record))
        return CLASS_DONE;
    if (pod->has_verdict && pod->verdict != CLASS_DONE)
        return pod->verdict;
    if (!pod_is_terminal(pod))
        return CLASS_INTERRUPTED; /* lost with its node, or never on one */
    if (pod->phase == POD_SUCCEEDED || pod->cls == CLASS_DONE)
        return CLASS_INTERNAL; /* says done and shows nothing */
    return pod->cls;
}

static uint32_t step(uint32_t percent, bool more)
{
    if (percent == 0)
        percent = 100;
    if (more)
        percent = percent * DECIDE_RESOURCE_STEP / 100;
    return percent < DECIDE_RESOURCE_CAP ? percent : DECIDE_RESOURCE_CAP;
}

/* Three times at once; then backoff, unless it ran so long that the storm is over. */
static int64_t interrupted_wait_ms(uint32_t interruptions, int64_t lived_ms)
{
    if (interruptions <= DECIDE_INTERRUPTIONS_FREE || lived_ms >= DECIDE_INTERRUPTIONS_WINDOW_MS)
        return 0;
    return decide_backoff_ms(CLASS_INTERRUPTED, interruptions - DECIDE_INTERRUPTIONS_FREE);
}

struct chain chain_of(const struct pass *pass, const struct slot *slot)
{
    const struct pod_view *pod = slot->newest;
    struct chain chain = { .storage_percent = 100 };
    int64_t end_ms;

    if (!pod)
        return chain;
    chain.failures = pod->failures;
    chain.interruptions = pod->interruptions;
    chain.storage_percent = step(pod->storage_percent, false);
    if (!pod_is_over(pod, pass->now_ms))
        return chain;

    end_ms = pod_end_ms(pod, pass->now_ms);
    chain.ended = true;
    chain.cls = attempt_class_of(pass, pod);
    chain.storage_percent = step(pod->storage_percent, policies[chain.cls].more_storage);
    if (policies[chain.cls].counted) {
        chain.failures++;
        chain.fatal =
            policies[chain.cls].fatal || chain.failures > pass->spec->backoff_limit_per_index;
        chain.ready_ms = end_ms + decide_backoff_ms(chain.cls, chain.failures);
    } else if (chain.cls == CLASS_INTERRUPTED) {
        chain.interruptions++;
        chain.fatal = chain.interruptions > DECIDE_INTERRUPTIONS_LIMIT;
        chain.ready_ms =
            end_ms + interrupted_wait_ms(chain.interruptions, end_ms - pod->created_ms);
    }
    return chain;
}

uint32_t attempts_memory_percent(const struct pass *pass)
{
    uint32_t most = step(pass->was->memory_percent, false);

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];
        bool more =
            pod_is_over(pod, pass->now_ms) && policies[attempt_class_of(pass, pod)].more_memory;
        uint32_t percent = step(pod->memory_percent, more);

        if (percent > most)
            most = percent;
    }
    return most;
}
