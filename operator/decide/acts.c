/* SPDX-License-Identifier: Apache-2.0 */
#include "common/auto.h"
#include "common/mem.h"
#include "operator/decide/pass.h"
#include "operator/decide/status.h"

#include <stdlib.h>
#include <string.h>

/* What becomes of one pod in this pass. */
struct fate {
    const char *release, *del; /* reasons; NULL = not */
    bool released;             /* has no finalizer, or loses it now */
    bool has_verdict;
    enum attempt_class verdict;
};

struct acts {
    struct pass *pass;
    struct decision *out;
    struct fate *fates;           /* owned; one a pod */
    const struct pod_view **pick; /* owned; room for every pod, to sort some */
};

static struct action *push(struct decision *out, enum action_kind kind, const struct attempt_id *id,
                           const char *reason)
{
    struct action *action;

    /* Grown by doubling: a power of two is full. */
    if ((out->action_count & (out->action_count - 1)) == 0)
        out->actions = xrealloc(out->actions, (out->action_count ? out->action_count * 2 : 1) *
                                                  sizeof(out->actions[0]));
    action = &out->actions[out->action_count++];
    *action = (struct action){ .kind = kind, .id = *id, .reason = reason };
    return action;
}

static struct fate *fate_of(const struct acts *acts, const struct pod_view *pod)
{
    return &acts->fates[pod - acts->pass->seen->pods];
}

/* True when nothing is lost with the pod: it is counted, buried, or carried on by another. */
static bool is_accounted(const struct pass *pass, const struct pod_view *pod)
{
    const struct job_status *next = pass->next;
    const struct slot *slot = slots_find(pass, pod->id.stage, pod->id.index);

    if (pod->id.stage == STAGE_CLEAN || slot_is_closed(next, pod->id.stage, pod->id.index))
        return true;
    if (!slot)
        return next->planned; /* no such index; before planning it may be one */
    if (attempt_class_of(pass, pod) == CLASS_DONE)
        return false;
    return pod != slot->newest; /* an older attempt, or of an older epoch */
}

static const char *stop_reason(const struct pass *pass)
{
    if (pass->seen->deleted)
        return "JobDeleted";
    return phase_name(pass->next->phase);
}

static void fate_when_stopped(const struct acts *acts, const struct pod_view *pod, bool over)
{
    struct fate *fate = fate_of(acts, pod);
    const char *reason = stop_reason(acts->pass);

    if (over && pod->has_finalizer)
        fate->release = reason;
    if (!pod->deletion_ms && !over && (pod->id.stage != STAGE_CLEAN || acts->pass->seen->deleted))
        fate->del = reason;
    if (!pod->deletion_ms && acts->pass->seen->deleted)
        fate->del = reason;
}

/* Done and counted, it may stay a while: what others wait for is written first. Whoever deletes it,
 * as a drain does, does not wait. */
static bool may_stay(struct pass *pass, const struct pod_view *pod)
{
    int64_t until_ms;

    if (!pass->seen->tidy_ms || pod->deletion_ms || !pod_is_terminal(pod) ||
        attempt_class_of(pass, pod) != CLASS_DONE)
        return false;
    until_ms = pod_end_ms(pod, pass->now_ms) + pass->seen->tidy_ms;
    until_ms += DECIDE_TIDY_STEP_MS - until_ms % DECIDE_TIDY_STEP_MS;
    pass_wake(pass, until_ms);
    return pass->now_ms < until_ms;
}

static void fate_when_active(const struct acts *acts, const struct pod_view *pod, bool over)
{
    struct pass *pass = acts->pass;
    struct fate *fate = fate_of(acts, pod);
    const struct slot *slot = slots_find(pass, pod->id.stage, pod->id.index);
    struct judgement judgement;

    if (over) {
        if (pod->has_finalizer && is_accounted(pass, pod) && !may_stay(pass, pod))
            fate->release = "Counted";
        return;
    }
    if (pod->deletion_ms || pod->id.stage == STAGE_CLEAN)
        return;
    judgement = judge_live(pass, pod);
    fate->del = judgement.reason;
    fate->has_verdict = judgement.has_verdict;
    fate->verdict = judgement.verdict;
    if (fate->del)
        return;
    if (pod->id.stage == STAGE_CONVERT && !slot && pass->next->planned)
        fate->del = "NoSuchIndex";
    else if (pod->id.stage == STAGE_CONVERT && slot && pass->next->failed[pod->id.index])
        fate->del = "DeadLetter";
    else if (slot && slot->live && slot->live != pod)
        fate->del = "Duplicate";
}

static int newest_first(const void *a, const void *b)
{
    const struct pod_view *x = *(const struct pod_view *const *)a;
    const struct pod_view *y = *(const struct pod_view *const *)b;

    if (x->created_ms != y->created_ms)
        return x->created_ms < y->created_ms ? 1 : -1;
    if (x->id.index != y->id.index)
        return x->id.index < y->id.index ? 1 : -1;
    if (x->id.attempt != y->id.attempt)
        return x->id.attempt < y->id.attempt ? 1 : -1;
    return 0;
}

/* parallelism fell: those that have done the least stop, uncounted. */
static void fate_of_surplus(const struct acts *acts)
{
    const struct pass *pass = acts->pass;
    size_t count = 0;

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];

        if (pod->id.stage == STAGE_CONVERT && !pod->deletion_ms && !acts->fates[i].del &&
            !pod_is_over(pod, pass->now_ms) &&
            !slot_is_closed(pass->next, STAGE_CONVERT, pod->id.index))
            acts->pick[count++] = pod;
    }
    if (count <= pass->spec->parallelism)
        return;
    qsort(acts->pick, count, sizeof(acts->pick[0]), newest_first);
    for (size_t i = 0; i < count - pass->spec->parallelism; i++) {
        struct fate *fate = fate_of(acts, acts->pick[i]);

        fate->del = "Surplus";
        fate->has_verdict = true;
        fate->verdict = CLASS_INTERRUPTED;
    }
}

/* Finished pods go when nothing is left to learn from them; failed ones stay a while. */
static void fate_of_finished(const struct acts *acts)
{
    struct pass *pass = acts->pass;
    size_t count = 0;

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];
        struct fate *fate = &acts->fates[i];
        enum attempt_class cls;

        if (!pod_is_terminal(pod) || pod->deletion_ms || fate->del)
            continue;
        cls = attempt_class_of(pass, pod);
        fate->released = !pod->has_finalizer || fate->release;
        if (cls != CLASS_DONE && cls != CLASS_INTERRUPTED &&
            !(pod->id.stage == STAGE_CLEAN && pod->phase == POD_SUCCEEDED))
            acts->pick[count++] = pod;
        else if (fate->released)
            fate->del = "Finished";
    }
    if (count > 1)
        qsort(acts->pick, count, sizeof(acts->pick[0]), newest_first);
    for (size_t i = 0; i < count; i++) {
        struct fate *fate = fate_of(acts, acts->pick[i]);
        int64_t until_ms = pod_end_ms(acts->pick[i], pass->now_ms) + DECIDE_RETENTION_MS;

        if (!fate->released)
            continue;
        pass_wake(pass, until_ms);
        if (i >= pass->spec->pod_retention || pass->now_ms >= until_ms)
            fate->del = "Retention";
    }
}

/* Some of what is done in each pass, so that none is long; the others follow at once. */
static void tidy_some(const struct acts *acts)
{
    struct pass *pass = acts->pass;
    uint32_t count = 0;

    if (!pass->seen->tidy_ms || pass->seen->deleted)
        return;
    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];
        struct fate *fate = &acts->fates[i];

        if ((!fate->release && !fate->del) || !pod_is_terminal(pod) || pod->deletion_ms ||
            attempt_class_of(pass, pod) != CLASS_DONE || ++count <= DECIDE_TIDY_LOT)
            continue;
        fate->release = fate->del = NULL;
        pass_wake(pass, pass->now_ms + 1);
    }
}

/* Of a segment, and its work is done. */
static bool is_succeeded(const struct pass *pass, const struct pod_view *pod)
{
    return pod->id.stage == STAGE_CONVERT && pod->phase == POD_SUCCEEDED &&
           slots_find(pass, STAGE_CONVERT, pod->id.index);
}

/* Segments of which a pod that has Succeeded stays; one byte each. Caller frees. */
static uint8_t *segments_staying(const struct acts *acts)
{
    const struct pass *pass = acts->pass;
    uint8_t *stays = xcalloc(pass->slot_count + 1, 1);

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];

        if (is_succeeded(pass, pod) && !pod->deletion_ms && !acts->fates[i].del)
            stays[pod->id.index] = 1;
    }
    return stays;
}

static void push_fates(const struct acts *acts)
{
    const struct observed *seen = acts->pass->seen;
    AUTO_FREE uint8_t *stays = segments_staying(acts);

    for (size_t i = 0; i < seen->pod_count; i++) {
        if (acts->fates[i].release)
            memcpy(push(acts->out, ACTION_RELEASE, &seen->pods[i].id, acts->fates[i].release)->pod,
                   seen->pods[i].name, NAME_POD_SIZE);
    }
    for (size_t i = 0; i < seen->pod_count; i++) {
        struct action *action;

        if (!acts->fates[i].del)
            continue;
        action = push(acts->out, ACTION_DELETE, &seen->pods[i].id, acts->fates[i].del);
        memcpy(action->pod, seen->pods[i].name, NAME_POD_SIZE);
        action->has_verdict = acts->fates[i].has_verdict;
        action->verdict = acts->fates[i].verdict;
        action->together =
            is_succeeded(acts->pass, &seen->pods[i]) && !stays[seen->pods[i].id.index];
    }
}

/* Makes the slot's next attempt if it may be made now. */
static bool create(const struct acts *acts, enum stage stage, uint32_t index)
{
    struct pass *pass = acts->pass;
    const struct slot *slot = slots_find(pass, stage, index);
    struct chain chain = chain_of(pass, slot);
    struct attempt_id id = { .stage = stage, .index = index, .epoch = pass->next->epoch };
    struct action *action;

    if (slot->occupied || (chain.ended && chain.cls == CLASS_DONE))
        return false;
    if (chain.ready_ms > pass->now_ms) {
        pass_wake(pass, chain.ready_ms);
        return false;
    }
    if (slot->newest)
        id.attempt = slot->newest->id.attempt + 1;
    action = push(acts->out, ACTION_CREATE, &id, slot->newest ? "Retried" : "Started");
    action->failures = chain.failures;
    action->interruptions = chain.interruptions;
    action->storage_percent = chain.storage_percent;
    action->memory_percent = pass->next->memory_percent ? pass->next->memory_percent : 100;
    if (chain.ended && chain.cls == CLASS_GPU)
        memcpy(action->avoid_node, slot->newest->node, DECIDE_NODE);
    return true;
}

static void create_converts(const struct acts *acts)
{
    const struct pass *pass = acts->pass;
    uint32_t live = pass->live_converts;

    for (uint32_t i = 0; i < pass->next->plan.segments && live < pass->spec->parallelism; i++) {
        if (!slot_is_closed(pass->next, STAGE_CONVERT, i) && create(acts, STAGE_CONVERT, i))
            live++;
    }
}

static void creates(const struct acts *acts)
{
    const struct pass *pass = acts->pass;

    if (pass->seen->volume_problem)
        return; /* what runs may end; nothing is begun */
    switch (pass->next->phase) {
    case PHASE_PENDING:
    case PHASE_PLANNING:
        (void)create(acts, STAGE_PLAN, 0);
        break;
    case PHASE_CONVERTING:
        create_converts(acts);
        break;
    case PHASE_ASSEMBLING:
        (void)create(acts, STAGE_ASSEMBLE, 0);
        break;
    default:
        break;
    }
}

void acts_build(struct pass *pass, struct decision *out)
{
    size_t room = pass->seen->pod_count + 1;
    AUTO_FREE struct fate *fates = xcalloc(room, sizeof(*fates));
    AUTO_FREE const struct pod_view **pick = xcalloc(room, sizeof(pick[0]));
    const struct acts acts = { .pass = pass, .out = out, .fates = fates, .pick = pick };
    bool active = phase_is_active(pass->next->phase) && !pass->seen->deleted;

    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        const struct pod_view *pod = &pass->seen->pods[i];
        bool over = pod_is_over(pod, pass->now_ms);

        if (!over && pod->deletion_ms)
            pass_wake(pass, pod_lost_ms(pod));
        if (active)
            fate_when_active(&acts, pod, over);
        else
            fate_when_stopped(&acts, pod, over);
    }
    if (active)
        fate_of_surplus(&acts);
    fate_of_finished(&acts);
    tidy_some(&acts);
    push_fates(&acts);
    if (active)
        creates(&acts);
}
