/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/decide.h"

#include "common/auto.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "operator/decide/pass.h"
#include "operator/decide/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCARDED "Discarded" /* the reason that no retry lifts */

static bool is_discarded(const struct pass *pass)
{
    return pass->seen->discard &&
           (pass->was->phase == PHASE_FAILED || pass->failed > 0 || pass->next->dead_count > 0);
}

static bool is_failed(const struct pass *pass)
{
    return pass->was->phase == PHASE_FAILED && !pass->restarted;
}

static bool is_assembled(const struct pass *pass)
{
    return pass->next->assembled;
}

static bool is_cancel_wanted(const struct pass *pass)
{
    return pass->spec->cancel;
}

static bool is_suspend_wanted(const struct pass *pass)
{
    return pass->spec->suspend;
}

static bool is_plan_dead(const struct pass *pass)
{
    return !pass->next->planned && slot_is_closed(pass->next, STAGE_PLAN, 0);
}

static bool is_assemble_dead(const struct pass *pass)
{
    return slot_is_closed(pass->next, STAGE_ASSEMBLE, 0);
}

static bool is_too_many_failed(const struct pass *pass)
{
    return pass->spec->max_failed_indexes.set &&
           pass->failed > pass->spec->max_failed_indexes.value;
}

static int64_t deadline_ms(const struct pass *pass)
{
    return pass->next->start_ms + pass->next->suspended_ms +
           pass->spec->active_deadline_s.value * 1000;
}

static bool is_late(const struct pass *pass)
{
    return pass->spec->active_deadline_s.set && pass->now_ms >= deadline_ms(pass);
}

static bool is_left_with_failures(const struct pass *pass)
{
    return pass->failed > 0 && pass->completed + pass->failed == pass->next->plan.segments;
}

static bool is_converted(const struct pass *pass)
{
    return pass->next->planned && pass->completed == pass->next->plan.segments;
}

static bool is_planned(const struct pass *pass)
{
    return pass->next->planned;
}

static bool is_planning(const struct pass *pass)
{
    const struct slot *slot = slots_find(pass, STAGE_PLAN, 0);
    const struct pod_view *pod = slot->live ? slot->live : slot->newest;

    return (pass->was->phase == PHASE_PLANNING && !pass->restarted) ||
           (pod && pod->phase != POD_PENDING);
}

static bool is_new(const struct pass *pass)
{
    (void)pass;
    return true;
}

static void say_waiting(const struct pass *pass, char *out, size_t size)
{
    (void)pass;
    text_set(out, size, "waiting for the planning pod");
}

static void say_planning(const struct pass *pass, char *out, size_t size)
{
    (void)pass;
    text_set(out, size, "reading the index of the film");
}

static void say_progress(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "%" PRIu32 " of %" PRIu32 " segments are done", pass->completed,
             pass->next->plan.segments);
    if (pass->failed > 0)
        text_set(out, size, "%" PRIu32 " of %" PRIu32 " segments are done, %" PRIu32 " failed",
                 pass->completed, pass->next->plan.segments, pass->failed);
}

static void say_assembling(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "joining %" PRIu32 " segments", pass->next->plan.segments);
}

static void say_output(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "the output is there: %" PRId64 " frames from %" PRIu32 " segments",
             pass->next->output.frames, pass->next->plan.segments);
}

static void say_cancelled(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "cancelled by spec.cancel, %" PRIu32 " of %" PRIu32 " segments done",
             pass->completed, pass->next->planned ? pass->next->plan.segments : 0);
}

static void say_suspended(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "suspended by spec.suspend, %" PRIu32 " of %" PRIu32 " segments done",
             pass->completed, pass->next->planned ? pass->next->plan.segments : 0);
}

static void say_plan_dead(const struct pass *pass, char *out, size_t size)
{
    letters_describe(pass, STAGE_PLAN, out, size);
}

static void say_assemble_dead(const struct pass *pass, char *out, size_t size)
{
    letters_describe(pass, STAGE_ASSEMBLE, out, size);
}

/* "segments 3,7 failed; segment 3: Input: no frame at 12 s" */
static void say_failed_indexes(const struct pass *pass, char *out, size_t size)
{
    AUTO_FREE char *ranges = ranges_format(pass->next->failed, pass->next->plan.segments);
    char first[320];

    letters_describe(pass, STAGE_CONVERT, first, sizeof(first));
    text_set(out, size, "%s %.100s%s failed%s%s", pass->failed == 1 ? "segment" : "segments",
             ranges, strlen(ranges) > 100 ? "..." : "", first[0] ? "; " : "", first);
}

static void say_late(const struct pass *pass, char *out, size_t size)
{
    text_set(out, size, "not done within activeDeadlineSeconds (%" PRId64 ")",
             pass->spec->active_deadline_s.value);
}

static void say_discarded(const struct pass *pass, char *out, size_t size)
{
    if (pass->failed > 0)
        say_failed_indexes(pass, out, size);
    else
        text_set(out, size, "given up by the user");
}

/* First match wins; the order is the policy. Completed, Cancelled and what was discarded never come
 * here (is_final). Without a text, the phase stays as it was said. */
static const struct rule {
    bool (*when)(const struct pass *pass);
    enum phase phase;
    const char *reason;
    void (*say)(const struct pass *pass, char *out, size_t size);
} rules[] = {
    { is_discarded, PHASE_FAILED, DISCARDED, say_discarded },
    { is_failed, PHASE_FAILED, NULL, NULL },
    { is_assembled, PHASE_COMPLETED, "OutputReady", say_output },
    { is_cancel_wanted, PHASE_CANCELLED, "CancelledByUser", say_cancelled },
    { is_suspend_wanted, PHASE_SUSPENDED, "SuspendedByUser", say_suspended },
    { is_plan_dead, PHASE_FAILED, "PlanFailed", say_plan_dead },
    { is_too_many_failed, PHASE_FAILED, "MaxFailedIndexesExceeded", say_failed_indexes },
    { is_late, PHASE_FAILED, "DeadlineExceeded", say_late },
    { is_left_with_failures, PHASE_FAILED, "FailedIndexes", say_failed_indexes },
    { is_assemble_dead, PHASE_FAILED, "AssembleFailed", say_assemble_dead },
    { is_converted, PHASE_ASSEMBLING, "SegmentsConverted", say_assembling },
    { is_planned, PHASE_CONVERTING, "SegmentsPending", say_progress },
    { is_planning, PHASE_PLANNING, "ReadingSource", say_planning },
    { is_new, PHASE_PENDING, "Accepted", say_waiting },
};

/* Nothing that happens to pods, tracking or the spec matters any more. */
static bool is_final(const struct job_status *was)
{
    return was->phase == PHASE_COMPLETED || was->phase == PHASE_CANCELLED ||
           (was->phase == PHASE_FAILED && strcmp(was->reason, DISCARDED) == 0);
}

void pass_wake(struct pass *pass, int64_t at_ms)
{
    if (at_ms > pass->now_ms && (pass->wake_ms == 0 || at_ms < pass->wake_ms))
        pass->wake_ms = at_ms;
}

static void begin(struct pass *pass)
{
    struct job_status *next = pass->next;

    if (next->start_ms == 0)
        next->start_ms = next->epoch_start_ms = pass->now_ms;
    /* A status that was lost: go on in the epoch that the pods show. */
    for (size_t i = 0; i < pass->seen->pod_count; i++) {
        if (pass->seen->pods[i].id.epoch > next->epoch)
            next->epoch = pass->seen->pods[i].id.epoch;
    }
}

/* Chains of what was done in this pass; what was already closed is settled. */
static void settle_closed(struct pass *pass)
{
    if (!phase_is_active(pass->was->phase))
        return; /* settled when the job stopped */
    for (uint32_t k = 0; k < pass->slot_count; k++) {
        enum stage stage;
        uint32_t index;
        const struct slot *slot = &pass->slots[k];

        slots_name(k, &stage, &index);
        if (slot->newest && slot_is_closed(pass->next, stage, index) &&
            !slot_is_closed(pass->was, stage, index))
            count_settle(pass, slot);
    }
}

static void tally(struct pass *pass)
{
    const struct job_status *next = pass->next;

    pass->completed = pass->failed = 0;
    for (uint32_t i = 0; next->planned && i < next->plan.segments; i++) {
        pass->completed += next->completed[i] != 0;
        pass->failed += next->failed[i] != 0;
    }
}

static void apply_rules(struct pass *pass)
{
    struct job_status *next = pass->next;
    const struct rule *rule = rules;

    while (!rule->when(pass))
        rule++;
    next->phase = rule->phase;
    if (!rule->say)
        return;
    text_set(next->reason, sizeof(next->reason), "%s", rule->reason);
    rule->say(pass, next->message, sizeof(next->message));
}

/* What a change of phase brings with it. */
static void enter_phase(struct pass *pass)
{
    struct job_status *next = pass->next;

    if (phase_is_active(next->phase)) {
        if (pass->spec->active_deadline_s.set)
            pass_wake(pass, deadline_ms(pass));
        return;
    }
    pass->wake_ms = 0; /* what was asked for while it still ran */
    if (next->phase == pass->was->phase && !pass->restarted)
        return;
    if (phase_is_active(pass->was->phase) && !pass->restarted)
        count_settle_open(pass);
    if (next->phase == PHASE_SUSPENDED)
        next->epoch_start_ms = pass->now_ms;
    else
        next->completion_ms = pass->now_ms;
}

static void advance(struct pass *pass)
{
    const struct job_spec *spec = pass->spec;

    begin(pass);
    count_done(pass);
    slots_build(pass);
    settle_closed(pass);
    letters_observe(pass);
    if (!spec->cancel && !spec->suspend && phase_is_active(pass->next->phase))
        letters_bury(pass);
    tally(pass);
    apply_rules(pass);
    enter_phase(pass);
    if (phase_is_active(pass->next->phase)) {
        uint32_t percent = attempts_memory_percent(pass);

        if (percent > 100)
            pass->next->memory_percent = percent;
    }
    count_pods(pass);
    judge_conditions(pass);
}

/* A Failed job can be retried as long as it is there, as with a batch/v1 Job. */
static bool is_expired(struct pass *pass)
{
    const struct job_status *next = pass->next;
    int64_t at_ms = next->completion_ms + pass->spec->ttl_s.value * 1000;

    if (!pass->spec->ttl_s.set || pass->seen->deleted || !next->completion_ms ||
        phase_is_active(next->phase) || next->phase == PHASE_SUSPENDED)
        return false;
    pass_wake(pass, at_ms);
    return pass->now_ms >= at_ms;
}

void decide(struct decision *out, const struct job_spec *spec, const struct job_status *status,
            const struct observed *seen)
{
    struct pass pass = {
        .spec = spec, .was = status, .seen = seen, .next = &out->status, .now_ms = seen->now_ms
    };

    memset(out, 0, sizeof(*out));
    job_status_copy(&out->status, status);
    if (seen->deleted || is_final(status))
        slots_build(&pass);
    else
        advance(&pass);
    acts_build(&pass, out);
    out->expired = is_expired(&pass);
    slots_clear(&pass);
    out->wake_ms = pass.wake_ms;
    out->status_changed = !job_status_equal(status, &out->status);
}

void decision_clear(struct decision *decision)
{
    job_status_clear(&decision->status);
    free(decision->actions);
    memset(decision, 0, sizeof(*decision));
}
