/* SPDX-License-Identifier: Apache-2.0 */
#include "common/auto.h"
#include "common/mem.h"
#include "common/ranges.h"
#include "operator/decide/pass.h"
#include "operator/decide/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS_SIZE 320

/* The pod's own last words, behind what only we know of its end. */
static void last_words(const struct pass *pass, const struct pod_view *pod,
                       const struct chain *chain, char *out, size_t size)
{
    const struct spec_opt *deadline = &pass->spec->segment_deadline_s;
    const char *joint = pod->message[0] ? ": " : "";
    int64_t ran_ms = (pod->deletion_ms ? pod->deletion_ms : pod->finished_ms) - pod->started_ms;

    if (chain->cls == CLASS_INTERRUPTED)
        text_set(out, size, "interrupted %" PRIu32 " times%s%s", chain->interruptions, joint,
                 pod->message);
    else if (chain->cls == CLASS_STALLED && deadline->set && ran_ms >= deadline->value * 1000)
        text_set(out, size, "ran longer than segmentDeadlineSeconds (%" PRId64 ")%s%s",
                 deadline->value, joint, pod->message);
    else if (chain->cls == CLASS_STALLED)
        text_set(out, size, "no progress for %" PRIu32 " s%s%s", pass->spec->stall_s, joint,
                 pod->message);
    else if (pod->message[0])
        text_set(out, size, "%s", pod->message);
    else
        text_set(out, size, "%s",
                 pod->phase == POD_SUCCEEDED ? "ended without a record" : "no last words");
}

static void letter(struct pass *pass, const struct slot *slot, const struct dead_letter *dead)
{
    struct job_status *next = pass->next;

    count_settle(pass, slot);
    if (dead->id.stage == STAGE_CONVERT)
        next->failed[dead->id.index] = 1;
    if (next->dead_count < DECIDE_MAX_DEAD_LETTERS)
        next->dead[next->dead_count++] = *dead;
}

static void bury_slot(struct pass *pass, const struct slot *slot)
{
    struct chain chain = chain_of(pass, slot);
    struct dead_letter dead = { 0 };
    char words[WORDS_SIZE];

    if (chain.fatal) {
        dead.id = slot->newest->id;
        dead.cls = chain.cls;
        dead.at_ms = pod_end_ms(slot->newest, pass->now_ms);
        last_words(pass, slot->newest, &chain, words, sizeof(words));
    } else if (slot->live && judge_pending(pass, slot->live, words, sizeof(words))) {
        dead.id = slot->live->id;
        dead.cls = CLASS_CONFIG;
        dead.at_ms = pass->now_ms;
    } else {
        return;
    }
    text_set(dead.message, sizeof(dead.message), "%s", words);
    letter(pass, slot, &dead);
}

void letters_bury(struct pass *pass)
{
    for (uint32_t k = 0; k < pass->slot_count; k++) {
        enum stage stage;
        uint32_t index;
        const struct slot *slot = &pass->slots[k];

        slots_name(k, &stage, &index);
        if ((slot->newest || slot->live) && !slot_is_closed(pass->next, stage, index))
            bury_slot(pass, slot);
    }
}

static void begin_epoch(struct pass *pass)
{
    struct job_status *next = pass->next;

    if (pass->was->phase == PHASE_SUSPENDED)
        next->suspended_ms += pass->now_ms - next->epoch_start_ms;
    if (pass->was->phase == PHASE_FAILED) {
        next->suspended_ms = pass->now_ms - next->start_ms;
        next->completion_ms = 0;
    }
    next->epoch++;
    next->epoch_start_ms = pass->now_ms;
    next->phase = PHASE_PENDING;
    pass->restarted = true;
    slots_build(pass);
}

/* Failures of plan and assembly have no index: every retry takes them up. NULL takes up all. */
static void unbury(struct job_status *next, const uint8_t *chosen)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; next->planned && i < next->plan.segments; i++) {
        if (!chosen || chosen[i])
            next->failed[i] = 0;
    }
    for (uint32_t i = 0; i < next->dead_count; i++) {
        const struct attempt_id *id = &next->dead[i].id;

        if (id->stage == STAGE_CONVERT && next->planned && next->failed[id->index])
            next->dead[kept++] = next->dead[i];
    }
    next->dead_count = kept;
}

static bool has_failures(const struct pass *pass)
{
    const struct job_status *next = pass->next;

    if (pass->was->phase == PHASE_FAILED || next->dead_count > 0)
        return true;
    return next->planned && memchr(next->failed, 1, next->plan.segments);
}

static void retry(struct pass *pass, const char *text)
{
    struct job_status *next = pass->next;
    const char *colon = strchr(text, ':');
    AUTO_FREE uint8_t *chosen = NULL;
    struct err err;

    text_set(next->observed_retry, sizeof(next->observed_retry), "%s", text);
    if (!has_failures(pass))
        return;
    if (colon && next->planned) {
        chosen = xcalloc((size_t)next->plan.segments + 1, 1);
        if (ranges_parse(chosen, next->plan.segments, colon + 1, &err) < 0) {
            text_set(next->message, sizeof(next->message), "retry %s ignored: %s; %s",
                     next->observed_retry, err.msg, pass->was->message);
            return;
        }
    }
    if (phase_is_active(pass->was->phase))
        count_settle_open(pass); /* before unbury: what is buried is settled already */
    unbury(next, chosen);
    begin_epoch(pass);
}

static bool is_retry_new(const struct pass *pass)
{
    char seen[sizeof(pass->was->observed_retry)];

    if (!pass->seen->retry || !pass->seen->retry[0])
        return false;
    text_set(seen, sizeof(seen), "%s", pass->seen->retry);
    return strcmp(seen, pass->was->observed_retry) != 0;
}

void letters_observe(struct pass *pass)
{
    if (pass->spec->cancel || (pass->seen->discard && has_failures(pass)))
        return;
    if (is_retry_new(pass))
        retry(pass, pass->seen->retry);
    if (!pass->restarted && pass->was->phase == PHASE_SUSPENDED && !pass->spec->suspend)
        begin_epoch(pass);
}

void letters_describe(const struct pass *pass, enum stage stage, char *out, size_t size)
{
    const struct job_status *next = pass->next;

    out[0] = '\0';
    for (uint32_t i = 0; i < next->dead_count; i++) {
        const struct dead_letter *dead = &next->dead[i];

        if (dead->id.stage != stage)
            continue;
        if (stage == STAGE_CONVERT)
            text_set(out, size, "segment %" PRIu32 ": %s: %s", dead->id.index,
                     class_name(dead->cls), dead->message);
        else
            text_set(out, size, "%s: %s: %s", stage_name(stage), class_name(dead->cls),
                     dead->message);
        return;
    }
}
