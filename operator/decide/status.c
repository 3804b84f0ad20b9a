/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/decide/status.h"

#include "common/mem.h"
#include "common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phase_names[PHASE_COUNT] = {
    [PHASE_PENDING] = "Pending",       [PHASE_PLANNING] = "Planning",
    [PHASE_CONVERTING] = "Converting", [PHASE_ASSEMBLING] = "Assembling",
    [PHASE_COMPLETED] = "Completed",   [PHASE_FAILED] = "Failed",
    [PHASE_SUSPENDED] = "Suspended",   [PHASE_CANCELLED] = "Cancelled",
};

static const char *const condition_names[CONDITION_COUNT] = {
    [CONDITION_DEGRADED] = "Degraded",
    [CONDITION_WAITING_FOR_GPU] = "WaitingForGPU",
    [CONDITION_UNSCHEDULABLE] = "Unschedulable",
    [CONDITION_IMAGE_PULL_FAILED] = "ImagePullFailed",
    [CONDITION_INVALID_VOLUME] = "InvalidVolume",
};

const char *phase_name(enum phase phase)
{
    return (unsigned)phase < PHASE_COUNT ? phase_names[phase] : "Unknown";
}

int phase_of_name(enum phase *out, const char *name)
{
    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        if (strcmp(phase_names[i], name) == 0) {
            *out = (enum phase)i;
            return 0;
        }
    }
    return -1;
}

const char *condition_name(enum condition condition)
{
    return (unsigned)condition < CONDITION_COUNT ? condition_names[condition] : "Unknown";
}

bool phase_is_active(enum phase phase)
{
    return phase <= PHASE_ASSEMBLING;
}

void job_status_clear(struct job_status *status)
{
    free(status->completed);
    free(status->failed);
    memset(status, 0, sizeof(*status));
}

/* One byte more than asked, so that an empty set is not NULL. */
static uint8_t *set_copy(const uint8_t *set, uint32_t count)
{
    uint8_t *copy = xcalloc((size_t)count + 1, 1);

    if (set)
        memcpy(copy, set, count);
    return copy;
}

void job_status_copy(struct job_status *to, const struct job_status *from)
{
    *to = *from;
    to->completed = from->planned ? set_copy(from->completed, from->plan.segments) : NULL;
    to->failed = from->planned ? set_copy(from->failed, from->plan.segments) : NULL;
}

void job_status_plan(struct job_status *status, const struct record *plan)
{
    status->planned = true;
    status->plan = *plan;
    status->completed = set_copy(NULL, plan->segments);
    status->failed = set_copy(NULL, plan->segments);
}

static bool id_equal(const struct attempt_id *a, const struct attempt_id *b)
{
    return a->stage == b->stage && a->index == b->index && a->epoch == b->epoch &&
           a->attempt == b->attempt;
}

static bool dead_equal(const struct job_status *a, const struct job_status *b)
{
    if (a->dead_count != b->dead_count)
        return false;
    for (uint32_t i = 0; i < a->dead_count; i++) {
        const struct dead_letter *x = &a->dead[i], *y = &b->dead[i];

        if (!id_equal(&x->id, &y->id) || x->cls != y->cls || x->at_ms != y->at_ms ||
            strcmp(x->message, y->message) != 0)
            return false;
    }
    return true;
}

static bool conditions_equal(const struct job_status *a, const struct job_status *b)
{
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        if (a->conditions[i].set != b->conditions[i].set ||
            a->conditions[i].is_true != b->conditions[i].is_true ||
            a->conditions[i].since_ms != b->conditions[i].since_ms ||
            strcmp(a->conditions[i].reason, b->conditions[i].reason) != 0 ||
            strcmp(a->conditions[i].message, b->conditions[i].message) != 0)
            return false;
    }
    return true;
}

static bool sets_equal(const struct job_status *a, const struct job_status *b)
{
    if (a->planned != b->planned || a->assembled != b->assembled)
        return false;
    if (!a->planned)
        return true;
    return a->plan.segments == b->plan.segments &&
           memcmp(a->completed, b->completed, a->plan.segments) == 0 &&
           memcmp(a->failed, b->failed, a->plan.segments) == 0;
}

bool job_status_equal(const struct job_status *a, const struct job_status *b)
{
    return a->phase == b->phase && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->message, b->message) == 0 && a->epoch == b->epoch &&
           strcmp(a->observed_retry, b->observed_retry) == 0 && a->start_ms == b->start_ms &&
           a->epoch_start_ms == b->epoch_start_ms && a->suspended_ms == b->suspended_ms &&
           a->completion_ms == b->completion_ms && a->failed_pods == b->failed_pods &&
           a->interrupted_pods == b->interrupted_pods &&
           a->settled_failed_pods == b->settled_failed_pods &&
           a->settled_interrupted_pods == b->settled_interrupted_pods &&
           a->memory_percent == b->memory_percent && sets_equal(a, b) && dead_equal(a, b) &&
           conditions_equal(a, b);
}

void job_status_condition(struct job_status *status, enum condition condition, bool is_true,
                          int64_t now_ms, const char *reason, const char *message)
{
    if (!is_true && !status->conditions[condition].set)
        return;
    if (!status->conditions[condition].set || status->conditions[condition].is_true != is_true)
        status->conditions[condition].since_ms = now_ms;
    else if (!is_true)
        return; /* why it went away stays as it was said first */
    status->conditions[condition].set = true;
    status->conditions[condition].is_true = is_true;
    text_set(status->conditions[condition].reason, sizeof(status->conditions[condition].reason),
             "%s", reason);
    text_set(status->conditions[condition].message, sizeof(status->conditions[condition].message),
             "%s", message);
}

void text_set(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(out, size, fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len >= size)
        out[utf8_whole(out, size - 1)] = '\0';
}
